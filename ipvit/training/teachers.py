"""A teacher is any trained network, seen through one door: [0, 1] images in, logits out."""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional

from ipvit.errors import InvalidInput, WeightsUnavailable
from ipvit.models.architectures import build_architecture
from ipvit.models.weights_files import sha256_of

__all__ = ["Teacher", "TrainedWeights", "find_weights", "open_teacher"]


@dataclass(frozen=True)
class TrainedWeights:
    """What is needed to build a trained network."""

    name: str
    architecture: str
    architecture_options: dict[str, object]
    num_classes: int
    input_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    state: dict[str, Tensor]
    sha256: str


class Teacher(nn.Module):
    """Images (B, 3, H, W), float in [0, 1], of any size, to logits (B, classes)."""

    mean: Tensor
    std: Tensor

    def __init__(self, weights: TrainedWeights) -> None:
        super().__init__()
        self.network = build_architecture(
            weights.architecture, num_classes=weights.num_classes, **weights.architecture_options
        )
        self.network.load_state_dict(weights.state)
        self.input_px = weights.input_px
        self.register_buffer("mean", torch.tensor(weights.mean)[:, None, None], persistent=False)
        self.register_buffer("std", torch.tensor(weights.std)[:, None, None], persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> Tensor:
        """Resize to the network's input, normalise its way, and answer."""
        if images.shape[-1] != self.input_px:
            size = (self.input_px, self.input_px)
            images = functional.interpolate(images, size=size, mode="bilinear", antialias=True)
        images = (images - self.mean) / self.std
        logits: Tensor = self.network(images.contiguous(memory_format=torch.channels_last))
        return logits


def find_weights(name_or_file: str, cache_dir: Path) -> TrainedWeights:
    """Weights of a registered model, or of a file `ipvit train` wrote (its card lies beside it).

    Raises UnknownName or WeightsUnavailable.
    """
    path = Path(name_or_file)
    return (
        _from_card(path) if path.suffix == ".safetensors" else _from_registry(path.name, cache_dir)
    )


def open_teacher(name_or_file: str, cache_dir: Path, num_classes: int) -> tuple[Teacher, str]:
    """The teacher, and its weights' sha256. Raises InvalidInput if it has other classes."""
    weights = find_weights(name_or_file, cache_dir)
    if weights.num_classes != num_classes:
        raise InvalidInput(
            f"the data has {num_classes} classes, the teacher {weights.name} answers "
            f"{weights.num_classes}",
            field="teacher",
        )
    return Teacher(weights), weights.sha256


def _from_card(path: Path) -> TrainedWeights:
    card_file = path.with_suffix(".json")
    if not path.is_file() or not card_file.is_file():
        raise WeightsUnavailable(f"expected weights {path} and their card {card_file}")
    card = json.loads(card_file.read_text())
    recipe = card["recipe"]
    return TrainedWeights(
        name=card["name"],
        architecture=recipe["architecture"],
        architecture_options=recipe["architecture_options"],
        num_classes=len(card["classes"]),
        input_px=recipe["input_px"],
        mean=tuple(recipe["mean"]),
        std=tuple(recipe["std"]),
        state=_full_precision(path),
        sha256=sha256_of(path),
    )


def _from_registry(name: str, cache_dir: Path) -> TrainedWeights:
    from ipvit.models.loading import load_model, model_digest
    from ipvit.models.specs import MODELS

    spec = MODELS[name]
    options = {key: v for key, v in spec.architecture_options.items() if key != "num_classes"}
    return TrainedWeights(
        name=name,
        architecture=spec.architecture,
        architecture_options=options,
        num_classes=spec.num_classes,
        input_px=spec.input_px,
        mean=spec.preprocessing.mean,
        std=spec.preprocessing.std,
        state=load_model(spec, cache_dir=cache_dir).state_dict(),
        sha256=model_digest(spec, cache_dir),
    )


def _full_precision(path: Path) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = load_file(path)
    return {
        name: value.float() if value.is_floating_point() else value
        for name, value in tensors.items()
    }
