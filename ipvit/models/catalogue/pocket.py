"""Pocket models: trained by this project on CIFAR-10, shipped with it.

They make every feature real without a download; `docs/pocket-models.md` tells how they were made.
"""

from types import MappingProxyType

from ipvit.models.model_spec import ModelSpec, WeightsSource
from ipvit.preprocessing import POCKET_32

__all__ = ["POCKET_MODELS"]

_PAPER = "after Naseer et al. 2021, arXiv 2105.10497"
_VIT_OPTIONS = {
    "img_size": 32,
    "patch_size": 4,
    "embed_dim": 192,
    "depth": 6,
    "num_heads": 3,
    "num_classes": 10,
}


_FIXED_HEAD = 1
"""Of the three heads it covers objects best in all four transformers: over the pictures of
`shapes-with-masks` its Jaccard index is 17 to 28 %, that of the others 10 to 16 %."""


def _packaged(name: str) -> WeightsSource:
    return WeightsSource("packaged", "Apache-2.0", state_dict_key=None, file=f"{name}.safetensors")


def _pocket_vit(
    name: str,
    title: str,
    *,
    shape_token: bool = False,
    options: dict[str, object] | None = None,
    depth: int = 6,
    note: str = "",
) -> ModelSpec:
    variant = "deit_tiny_distilled" if shape_token else "vit_tiny"
    return ModelSpec(
        name=name,
        title=title,
        architecture=f"timm:{variant}_patch16_224",
        architecture_options=MappingProxyType(_VIT_OPTIONS | {"depth": depth} | (options or {})),
        family="pocket",
        input_px=32,
        patch_px=4,
        prefix_tokens=2 if shape_token else 1,
        depth=depth,
        heads=3,
        num_classes=10,
        labels="cifar10",
        tokens=("cls", "shape") if shape_token else ("cls",),
        preprocessing=POCKET_32,
        weights=_packaged(name),
        paper=_PAPER,
        fixed_head=_FIXED_HEAD,
        note=note,
    )


def _pocket_cnn(
    name: str, title: str, *, widths: tuple[int, int, int], note: str = ""
) -> ModelSpec:
    return ModelSpec(
        name=name,
        title=title,
        architecture="ipvit:pocket_cnn",
        architecture_options=MappingProxyType({"widths": widths}),
        family="pocket",
        input_px=32,
        num_classes=10,
        labels="cifar10",
        preprocessing=POCKET_32,
        weights=_packaged(name),
        paper=_PAPER,
        note=note,
    )


POCKET_MODELS = (
    _pocket_vit("pocket_deit", "Pocket DeiT", note="Trained on CIFAR-10."),
    _pocket_vit(
        "pocket_deit_sin",
        "Pocket DeiT-SIN",
        depth=4,
        note="Trained on stylised CIFAR-10 images only.",
    ),
    _pocket_vit(
        "pocket_deit_shape",
        "Pocket DeiT (shape token)",
        shape_token=True,
        note="Second token distilled from pocket_cnn_sin; heads averaged.",
    ),
    _pocket_vit(
        "pocket_deit_nopos",
        "Pocket DeiT without positional encoding",
        options={"pos_embed": "none"},
        note="Sees patches as a set: shuffling whole patches changes nothing but rounding.",
    ),
    _pocket_cnn("pocket_cnn", "Pocket CNN", widths=(64, 256, 256), note="Trained on CIFAR-10."),
    _pocket_cnn(
        "pocket_cnn_sin",
        "Pocket CNN-SIN",
        widths=(64, 128, 128),
        note="Trained on stylised CIFAR-10 images only.",
    ),
)
