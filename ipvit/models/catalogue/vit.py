"""ViT and DINO.

Naseer et al. 2021 normalise ViT with mean and standard deviation 0.5, DINO with ImageNet's. ViT-B
and ViT-L are the conversions of Google's weights that timm published before the paper; ViT-T and
ViT-S are the AugReg ones (Steiner et al. 2021).
"""

from types import MappingProxyType

from ipvit.models.model_spec import ModelSpec, WeightsSource
from ipvit.preprocessing import IMAGENET_224, INCEPTION_224

__all__ = ["VIT_MODELS"]

_VIT_PAPER = "Dosovitskiy et al. 2021, An Image is Worth 16x16 Words, arXiv 2010.11929"
_AUGREG_PAPER = "Steiner et al. 2021, How to train your ViT?, arXiv 2106.10270"
_JX_URL = "https://github.com/rwightman/pytorch-image-models/releases/download/v0.1-vitjx/"
_HUB_URL = "https://huggingface.co/timm/{}/resolve/main/model.safetensors"


def _jx_weights(file: str) -> WeightsSource:
    prefix = file.removesuffix(".pth").rpartition("-")[2]
    return WeightsSource(
        "url", "Apache-2.0", url=_JX_URL + file, sha256_prefix=prefix, state_dict_key=None
    )


def _hub_weights(model: str) -> WeightsSource:
    return WeightsSource("url", "Apache-2.0", url=_HUB_URL.format(model), state_dict_key=None)


def _vit(size: str, *, depth: int, heads: int, weights: WeightsSource, paper: str) -> ModelSpec:
    letter = size[0]
    return ModelSpec(
        name=f"vit_{letter}",
        title=f"ViT-{letter.upper()}",
        architecture=f"timm:vit_{size}_patch16_224",
        family="vit",
        input_px=224,
        patch_px=16,
        prefix_tokens=1,
        depth=depth,
        heads=heads,
        num_classes=1000,
        labels="imagenet",
        tokens=("cls",),
        preprocessing=INCEPTION_224,
        weights=weights,
        paper=paper,
    )


VIT_MODELS = (
    _vit(
        "tiny",
        depth=12,
        heads=3,
        weights=_hub_weights("vit_tiny_patch16_224.augreg_in21k_ft_in1k"),
        paper=_AUGREG_PAPER,
    ),
    _vit(
        "small",
        depth=12,
        heads=6,
        weights=_hub_weights("vit_small_patch16_224.augreg_in21k_ft_in1k"),
        paper=_AUGREG_PAPER,
    ),
    _vit(
        "base",
        depth=12,
        heads=12,
        weights=_jx_weights("jx_vit_base_p16_224-80ecf9dd.pth"),
        paper=_VIT_PAPER,
    ),
    _vit(
        "large",
        depth=24,
        heads=16,
        weights=_jx_weights("jx_vit_large_p16_224-4ee7a4dc.pth"),
        paper=_VIT_PAPER,
    ),
    ModelSpec(
        name="dino_vit_s",
        title="DINO ViT-S/16",
        architecture="timm:vit_small_patch16_224",
        architecture_options=MappingProxyType({"num_classes": 0}),
        family="dino",
        input_px=224,
        patch_px=16,
        prefix_tokens=1,
        depth=12,
        heads=6,
        num_classes=0,
        tokens=("cls",),
        preprocessing=IMAGENET_224,
        weights=WeightsSource(
            "url",
            "Apache-2.0",
            url="https://dl.fbaipublicfiles.com/dino/dino_deitsmall16_pretrain/"
            "dino_deitsmall16_pretrain.pth",
            state_dict_key=None,
        ),
        paper="Caron et al. 2021, Emerging Properties in Self-Supervised Vision Transformers, "
        "arXiv 2104.14294",
        fixed_head=1,
        note="Self-supervised, without a classifier; head 1 is the papers' saliency.",
    ),
)
