"""DeiT and its relatives: distilled, trained on stylised images, without positions, other patches.

Naseer et al. 2021 (arXiv 2105.10497) evaluate all of them at 224 px with ImageNet mean and
standard deviation. Weights of [DeiT] are Meta's, those of [IP] the authors' release v0.
"""

from types import MappingProxyType

from ipvit.models.model_spec import Family, ModelSpec, WeightsSource
from ipvit.preprocessing import IMAGENET_224

__all__ = ["DEIT_MODELS"]

_DEIT_PAPER = "Touvron et al. 2021, Training data-efficient image transformers, arXiv 2012.12877"
_IP_PAPER = "Naseer et al. 2021, Intriguing Properties of Vision Transformers, arXiv 2105.10497"
_DEIT_URL = "https://dl.fbaipublicfiles.com/deit/"
_IP_URL = (
    "https://github.com/Muzammal-Naseer/Intriguing-Properties-of-Vision-Transformers"
    "/releases/download/v0/"
)


def _deit_weights(file: str) -> WeightsSource:
    """Meta's files carry the start of their SHA-256 in their name."""
    prefix = file.removesuffix(".pth").rpartition("-")[2]
    return WeightsSource("url", "Apache-2.0", url=_DEIT_URL + file, sha256_prefix=prefix)


def _ip_weights(file: str, *, ignored_keys: tuple[str, ...] = ()) -> WeightsSource:
    return WeightsSource(
        "url", "none stated by the authors", url=_IP_URL + file, ignored_keys=ignored_keys
    )


def _deit(
    name: str,
    title: str,
    size: str,
    weights: WeightsSource,
    *,
    family: Family = "deit",
    second_token: bool = False,
    tokens: tuple[str, ...] = ("cls",),
    patch_px: int = 16,
    options: dict[str, object] | None = None,
    note: str = "",
) -> ModelSpec:
    variant = f"{size}_distilled" if second_token else size
    return ModelSpec(
        name=name,
        title=title,
        architecture=f"timm:deit_{variant}_patch16_224",
        architecture_options=MappingProxyType(options or {}),
        family=family,
        input_px=224,
        patch_px=patch_px,
        prefix_tokens=2 if second_token else 1,
        depth=12,
        heads={"tiny": 3, "small": 6, "base": 12}[size],
        num_classes=1000,
        labels="imagenet",
        tokens=tokens,
        preprocessing=IMAGENET_224,
        weights=weights,
        paper=_DEIT_PAPER if family == "deit" else _IP_PAPER,
        note=note,
    )


_DISTILLED = "Classifies with the mean of the class and the distillation head."
_SIN = "Trained on stylised ImageNet only."
_SHAPE = "Second token distilled from a ResNet50 trained on stylised ImageNet; heads averaged."


def _patches(patch_px: int) -> ModelSpec:
    seen_px = 224 // patch_px * patch_px
    return _deit(
        f"deit_t_patch{patch_px}",
        f"DeiT-T, {patch_px} px patches",
        "tiny",
        _ip_weights(f"patch_{patch_px}_deit_t.pth"),
        family="patch-size",
        patch_px=patch_px,
        options={"patch_size": patch_px},
        note="" if seen_px == 224 else f"Sees the top left {seen_px}x{seen_px} px of its input.",
    )


DEIT_MODELS = (
    _deit("deit_t", "DeiT-T", "tiny", _deit_weights("deit_tiny_patch16_224-a1311bcf.pth")),
    _deit("deit_s", "DeiT-S", "small", _deit_weights("deit_small_patch16_224-cd65a155.pth")),
    _deit("deit_b", "DeiT-B", "base", _deit_weights("deit_base_patch16_224-b5f2ef4d.pth")),
    _deit(
        "deit_t_dist",
        "DeiT-T distilled",
        "tiny",
        _deit_weights("deit_tiny_distilled_patch16_224-b40b3cf7.pth"),
        second_token=True,
        note=_DISTILLED,
    ),
    _deit(
        "deit_s_dist",
        "DeiT-S distilled",
        "small",
        _deit_weights("deit_small_distilled_patch16_224-649709d9.pth"),
        second_token=True,
        note=_DISTILLED,
    ),
    _deit(
        "deit_b_dist",
        "DeiT-B distilled",
        "base",
        _deit_weights("deit_base_distilled_patch16_224-df68dfff.pth"),
        second_token=True,
        note=_DISTILLED,
    ),
    _deit(
        "deit_t_sin", "DeiT-T-SIN", "tiny", _ip_weights("deit_t_sin.pth"), family="sin", note=_SIN
    ),
    _deit(
        "deit_s_sin", "DeiT-S-SIN", "small", _ip_weights("deit_s_sin.pth"), family="sin", note=_SIN
    ),
    _deit(
        "deit_t_sin_dist",
        "DeiT-T-SIN distilled (shape token)",
        "tiny",
        _ip_weights("deit_t_sin_dist.pth"),
        family="sin",
        second_token=True,
        tokens=("cls", "shape"),
        note=_SHAPE,
    ),
    _deit(
        "deit_s_sin_dist",
        "DeiT-S-SIN distilled (shape token)",
        "small",
        _ip_weights("deit_s_sin_dist.pth"),
        family="sin",
        second_token=True,
        tokens=("cls", "shape"),
        note=_SHAPE,
    ),
    _deit(
        "deit_t_nopos",
        "DeiT-T without positional encoding",
        "tiny",
        # The network adds no positions; a checkpoint may still carry the unused parameter.
        _ip_weights("no_pos_deit_t.pth", ignored_keys=("pos_embed",)),
        family="no-pos",
        options={"pos_embed": "none"},
        note="Sees patches as a set: shuffling whole patches changes nothing but rounding.",
    ),
    _patches(22),
    _patches(28),
    _patches(32),
    _patches(38),
)
