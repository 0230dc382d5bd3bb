"""Training recipes: one frozen dataclass each, in a literal registry.

A recipe is the whole record of an experiment except data, seed and device. It knows no torch, so
that command line and documentation can list recipes at no cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Literal

from ipvit.registry import Registry

__all__ = ["RECIPES", "Augmentation", "Distillation", "Optimisation", "Recipe", "Stylisation"]

CIFAR_MEAN = (0.4914, 0.4822, 0.4465)
CIFAR_STD = (0.2470, 0.2435, 0.2616)

_DEIT_OPTIONS: Mapping[str, Any] = MappingProxyType(
    {"img_size": 32, "patch_size": 4, "embed_dim": 192, "depth": 6, "num_heads": 3}
)


@dataclass(frozen=True)
class Augmentation:
    """Geometric augmentation; nothing here hides a part of the image behind a mask.

    crop: "none", "pad" (reflect-pad by `pad_px`, then crop) or "resized" (a random square of
        `scale` times the image's area, resized back).
    flip: mirror left and right; every image alternates from epoch to epoch.
    """

    crop: Literal["none", "pad", "resized"] = "none"
    pad_px: int = 2
    scale: tuple[float, float] = (0.6, 1.0)
    flip: bool = False
    mixup_alpha: float = 0.0


@dataclass(frozen=True)
class Stylisation:
    """Fourier stylisation on the fly: the amplitude spectrum of another image of the set.

    strength: share of the other image's log amplitude, 1.0 replaces it whole.
    """

    strength: float = 1.0


@dataclass(frozen=True)
class Distillation:
    """Learn from a teacher: `weight` times the teacher's loss, the rest from the labels.

    token: "cls" trains the class head itself; "second" the distillation or shape token's head.
    hard: cross-entropy with the teacher's decision, otherwise KL divergence at `temperature`.
    hint_weight: of the loss that lets patch tokens after block `hint_block` (0-based) predict a
        convolutional teacher's feature map; 0 leaves it out.
    """

    teacher: str
    token: Literal["cls", "second"] = "cls"
    weight: float = 0.5
    hard: bool = True
    temperature: float = 1.0
    hint_weight: float = 0.0
    hint_block: int = 3


@dataclass(frozen=True)
class Optimisation:
    """Optimiser and one-cycle schedule (linear warm-up, linear decay to zero).

    kind: "sgd" (Nesterov), "adamw", or "muon": Muon for hidden matrices and AdamW for the rest.
    lr: of SGD or Muon; adamw_lr: of AdamW.
    """

    kind: Literal["sgd", "adamw", "muon"]
    lr: float
    adamw_lr: float = 1e-3
    weight_decay: float = 0.0
    momentum: float = 0.9
    warmup: float = 0.1
    ema_decay: float = 0.0
    label_smoothing: float = 0.0
    clip_norm: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """All that defines a training run, except data, seed and device.

    low_resolution: (share of the epochs, pixels) of a first phase on smaller images, or None.
    init_from: name of a registered model whose weights the run starts from, or None.
    """

    name: str
    summary: str
    architecture: str
    epochs: int
    batch_size: int
    optimisation: Optimisation
    architecture_options: Mapping[str, Any] = field(default_factory=dict)
    input_px: int = 32
    mean: tuple[float, float, float] = CIFAR_MEAN
    std: tuple[float, float, float] = CIFAR_STD
    augmentation: Augmentation = Augmentation()
    stylisation: Stylisation | None = None
    distillation: Distillation | None = None
    low_resolution: tuple[float, int] | None = None
    init_from: str | None = None
    whiten_stem: bool = False
    structured_attention: bool = False


_VIT = "timm:vit_tiny_patch16_224"
_DISTILLED_VIT = "timm:deit_tiny_distilled_patch16_224"
_MUON = Optimisation("muon", lr=0.02, adamw_lr=2e-3, weight_decay=0.05, momentum=0.95)
_GENTLE_MUON = replace(_MUON, lr=0.01, adamw_lr=1e-3)
_CROPS_AND_FLIPS = Augmentation(crop="resized", scale=(0.6, 1.0), flip=True)
_SOFT_FROM_CNN = Distillation(
    "pocket_cnn", weight=0.9, hard=False, temperature=2.0, hint_weight=1.0
)
_CNN_OPTIONS: Mapping[str, Any] = MappingProxyType({"widths": (64, 256, 256)})
# Six models of the full size would not fit into the 25 MB that the package allows itself.
_SMALL_CNN_OPTIONS: Mapping[str, Any] = MappingProxyType({"widths": (64, 128, 128)})
_SHALLOW_DEIT_OPTIONS: Mapping[str, Any] = MappingProxyType({**_DEIT_OPTIONS, "depth": 4})

RECIPES: Registry[Recipe] = Registry(
    "training recipe",
    (
        Recipe(
            name="pocket_cnn",
            summary="CNN on natural images; the teacher of pocket_deit",
            architecture="ipvit:pocket_cnn",
            architecture_options=_CNN_OPTIONS,
            epochs=26,
            batch_size=500,
            optimisation=Optimisation(
                "sgd",
                lr=0.5,
                weight_decay=5e-4,
                warmup=0.25,
                ema_decay=0.998,
                label_smoothing=0.1,
            ),
            augmentation=Augmentation(crop="pad", pad_px=4, flip=True),
            low_resolution=(0.35, 24),
            whiten_stem=True,
        ),
        Recipe(
            name="pocket_cnn_sin",
            summary="CNN on stylised images only; the teacher of shapes",
            architecture="ipvit:pocket_cnn",
            architecture_options=_SMALL_CNN_OPTIONS,
            epochs=4,
            batch_size=500,
            optimisation=Optimisation("sgd", lr=0.5, weight_decay=5e-4, warmup=0.25),
            stylisation=Stylisation(),
            whiten_stem=True,
        ),
        Recipe(
            name="pocket_deit",
            summary="ViT learning softly from pocket_cnn on its one token",
            architecture=_VIT,
            architecture_options=_DEIT_OPTIONS,
            epochs=6,
            batch_size=250,
            optimisation=_MUON,
            augmentation=_CROPS_AND_FLIPS,
            distillation=_SOFT_FROM_CNN,
            low_resolution=(0.67, 24),
            structured_attention=True,
        ),
        Recipe(
            name="pocket_deit_sin",
            summary="ViT on stylised images only, learning softly from pocket_cnn_sin",
            architecture=_VIT,
            architecture_options=_SHALLOW_DEIT_OPTIONS,
            epochs=3,
            batch_size=250,
            optimisation=_MUON,
            stylisation=Stylisation(),
            distillation=replace(_SOFT_FROM_CNN, teacher="pocket_cnn_sin"),
            low_resolution=(0.67, 24),
            structured_attention=True,
        ),
        Recipe(
            name="pocket_deit_shape",
            summary="ViT with a class token for labels and a shape token for pocket_cnn_sin",
            architecture=_DISTILLED_VIT,
            architecture_options=_DEIT_OPTIONS,
            epochs=2,
            batch_size=250,
            optimisation=_GENTLE_MUON,
            augmentation=_CROPS_AND_FLIPS,
            distillation=Distillation("pocket_cnn_sin", token="second", weight=0.5, hard=True),
            low_resolution=(0.5, 24),
            init_from="pocket_deit",
        ),
        Recipe(
            name="pocket_deit_nopos",
            summary="ViT without positional encoding, learning softly from pocket_cnn",
            architecture=_VIT,
            architecture_options=MappingProxyType({**_DEIT_OPTIONS, "pos_embed": "none"}),
            epochs=2,
            batch_size=250,
            optimisation=_GENTLE_MUON,
            augmentation=_CROPS_AND_FLIPS,
            distillation=_SOFT_FROM_CNN,
            low_resolution=(0.5, 24),
            init_from="pocket_deit",
        ),
        Recipe(
            name="vit",
            summary="Plain ViT from labels alone",
            architecture=_VIT,
            architecture_options=_DEIT_OPTIONS,
            epochs=60,
            batch_size=250,
            optimisation=replace(_MUON, label_smoothing=0.1, ema_decay=0.999),
            augmentation=replace(_CROPS_AND_FLIPS, mixup_alpha=0.2),
            structured_attention=True,
        ),
        Recipe(
            name="vit_sin",
            summary="ViT on stylised images only, from labels alone, as in the paper",
            architecture=_VIT,
            architecture_options=_DEIT_OPTIONS,
            epochs=60,
            batch_size=250,
            optimisation=_MUON,
            stylisation=Stylisation(),
            structured_attention=True,
        ),
        Recipe(
            name="deit",
            summary="DeiT: a distillation token learns pocket_cnn's decision",
            architecture=_DISTILLED_VIT,
            architecture_options=_DEIT_OPTIONS,
            epochs=60,
            batch_size=250,
            optimisation=replace(_MUON, ema_decay=0.999),
            augmentation=_CROPS_AND_FLIPS,
            distillation=Distillation("pocket_cnn", token="second", weight=0.5, hard=True),
            structured_attention=True,
        ),
        Recipe(
            name="vit_patch2",
            summary="ViT with patches of 2 px, learning softly from pocket_cnn",
            architecture=_VIT,
            architecture_options=MappingProxyType({**_DEIT_OPTIONS, "patch_size": 2}),
            epochs=30,
            batch_size=250,
            optimisation=_MUON,
            augmentation=_CROPS_AND_FLIPS,
            distillation=_SOFT_FROM_CNN,
            structured_attention=True,
        ),
        Recipe(
            name="vit_patch8",
            summary="ViT with patches of 8 px, learning softly from pocket_cnn",
            architecture=_VIT,
            architecture_options=MappingProxyType({**_DEIT_OPTIONS, "patch_size": 8}),
            epochs=30,
            batch_size=250,
            optimisation=_MUON,
            augmentation=_CROPS_AND_FLIPS,
            distillation=_SOFT_FROM_CNN,
            structured_attention=True,
        ),
    ),
)
