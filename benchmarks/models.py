"""Architectures with random weights: their speed is that of the real ones. Never in MODELS."""

from ipvit.models.specs import ModelSpec, WeightsSource
from ipvit.preprocessing import IMAGENET_224

RANDOM = WeightsSource(source="random", licence="none")


def _deit(name: str, architecture: str, heads: int) -> ModelSpec:
    return ModelSpec(
        name=name,
        title=f"{architecture}, random weights",
        architecture=f"timm:{architecture}",
        family="deit",
        input_px=224,
        patch_px=16,
        prefix_tokens=1,
        depth=12,
        heads=heads,
        num_classes=1000,
        labels="imagenet",
        tokens=("cls",),
        preprocessing=IMAGENET_224,
        weights=RANDOM,
        paper="Touvron et al. 2021",
    )


RANDOM_MODELS = (
    _deit("random_deit_t", "deit_tiny_patch16_224", 3),
    _deit("random_deit_s", "deit_small_patch16_224", 6),
)
