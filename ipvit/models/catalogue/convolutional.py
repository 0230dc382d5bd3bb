"""The convolutional networks of Naseer et al. 2021 (§3.1), and Swin.

Weights are torchvision's first ones (`IMAGENET1K_V1`), whose names carry the start of their
SHA-256; ResNet50's are those of the paper. The paper's RegNetY and Swin weights came from timm.
"""

from ipvit.models.model_spec import Family, ModelSpec, WeightsSource
from ipvit.preprocessing import IMAGENET_224

__all__ = ["CONVOLUTIONAL_MODELS"]

_URL = "https://download.pytorch.org/models/"

# DenseNet's layers were once named `norm.1`, `conv.2`; a module's name cannot hold a dot today.
_DENSENET_KEYS = ((r"(denselayer\d+\.(?:norm|relu|conv))\.([12])\.", r"\1\2."),)


def _torchvision(
    name: str,
    title: str,
    file: str,
    paper: str,
    *,
    family: Family = "cnn",
    renamed_keys: tuple[tuple[str, str], ...] = (),
    note: str = "",
) -> ModelSpec:
    architecture, _, prefix = file.removesuffix(".pth").rpartition("-")
    return ModelSpec(
        name=name,
        title=title,
        architecture=f"torchvision:{architecture}",
        family=family,
        input_px=224,
        num_classes=1000,
        labels="imagenet",
        preprocessing=IMAGENET_224,
        weights=WeightsSource(
            "url",
            "BSD-3-Clause",
            url=_URL + file,
            sha256_prefix=prefix,
            state_dict_key=None,
            renamed_keys=renamed_keys,
        ),
        paper=paper,
        note=note,
    )


CONVOLUTIONAL_MODELS = (
    _torchvision(
        "resnet50",
        "ResNet50",
        "resnet50-0676ba61.pth",
        "He et al. 2016, Deep Residual Learning for Image Recognition, arXiv 1512.03385",
    ),
    _torchvision(
        "swin_t",
        "Swin-T",
        "swin_t-704ceda3.pth",
        "Liu et al. 2021, Swin Transformer, arXiv 2103.14030",
        family="swin",
        note="Attention within windows, no class token: no attention maps.",
    ),
    _torchvision(
        "regnety_3_2gf",
        "RegNetY-3.2GF",
        "regnet_y_3_2gf-b5a9779c.pth",
        "Radosavovic et al. 2020, Designing Network Design Spaces, arXiv 2003.13678",
    ),
    _torchvision(
        "vgg19",
        "VGG19",
        "vgg19-dcbb9e9d.pth",
        "Simonyan and Zisserman 2015, Very Deep Convolutional Networks, arXiv 1409.1556",
    ),
    _torchvision(
        "densenet121",
        "DenseNet121",
        "densenet121-a639ec97.pth",
        "Huang et al. 2017, Densely Connected Convolutional Networks, arXiv 1608.06993",
        renamed_keys=_DENSENET_KEYS,
    ),
    _torchvision(
        "squeezenet",
        "SqueezeNet 1.0",
        "squeezenet1_0-b66bff10.pth",
        "Iandola et al. 2016, SqueezeNet, arXiv 1602.07360",
    ),
)
