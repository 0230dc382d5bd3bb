"""A vision transformer small enough for tests, with seeded random weights and attention."""

from types import MappingProxyType

from ipvit.models.model_spec import ModelSpec, WeightsSource
from ipvit.preprocessing import POCKET_32

TINY = ModelSpec(
    name="tiny",
    title="Tiny, random weights",
    architecture="timm:deit_tiny_distilled_patch16_224",
    architecture_options=MappingProxyType(
        {
            "img_size": 32,
            "patch_size": 8,
            "embed_dim": 32,
            "depth": 2,
            "num_heads": 2,
            "num_classes": 10,
        }
    ),
    family="custom",
    input_px=32,
    patch_px=8,
    prefix_tokens=2,
    depth=2,
    heads=2,
    num_classes=10,
    labels="cifar10",
    tokens=("cls", "shape"),
    preprocessing=POCKET_32,
    weights=WeightsSource(source="random", licence="none"),
    paper="none",
)
