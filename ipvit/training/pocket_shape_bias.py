"""Shape bias of ten-class models on the cue-conflict photos (Geirhos et al. 2019).

A file `<shape>N-<texture>M.png` shows one category's shape under another's texture. Only the seven
categories that CIFAR-10 shares can be decided: probabilities are taken over these seven. The bias
needs photos whose shape *and* texture are among the seven and differ; where only the shape is, the
share of shape decisions is reported as `shape_accuracy`.
"""

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ipvit.errors import InvalidInput

__all__ = ["CueConflictPhotos", "ShapeBias", "open_cue_conflict", "shape_bias"]

SHARED_CATEGORIES = {
    "airplane": 0,
    "car": 1,
    "bird": 2,
    "cat": 3,
    "dog": 5,
    "boat": 8,
    "truck": 9,
}


@dataclass(frozen=True)
class CueConflictPhotos:
    """images: (N, 3, px, px) uint8; shape: (N,) class index; texture: (N,) class index or -1."""

    images: np.ndarray
    shape: np.ndarray
    texture: np.ndarray


@dataclass(frozen=True)
class ShapeBias:
    """bias: shape decisions / (shape + texture decisions); `error` is its standard error."""

    bias: float
    error: float
    shape_decisions: int
    texture_decisions: int
    photos: int
    shape_accuracy: float
    shape_photos: int


def open_cue_conflict(folder: Path, px: int = 32) -> CueConflictPhotos:
    """Read the photos whose shape is a shared category and differs from the texture's."""
    images, shapes, textures = [], [], []
    for path in sorted(folder.rglob("*.png")):
        match = re.fullmatch(r"([a-z]+)\d+-([a-z]+)\d+", path.stem)
        if match is None or match[1] == match[2] or match[1] not in SHARED_CATEGORIES:
            continue
        with Image.open(path) as image:
            small = image.convert("RGB").resize((px, px), Image.Resampling.BILINEAR)
        images.append(np.asarray(small).transpose(2, 0, 1))
        shapes.append(SHARED_CATEGORIES[match[1]])
        textures.append(SHARED_CATEGORIES.get(match[2], -1))
    if not images:
        raise InvalidInput(
            f"{folder} holds no <shape>N-<texture>M.png photos", field="cue_conflict"
        )
    return CueConflictPhotos(np.stack(images), np.array(shapes), np.array(textures))


def shape_bias(photos: CueConflictPhotos, probabilities: np.ndarray) -> ShapeBias:
    """Decide each photo by the largest of the seven shared classes' probabilities.

    probabilities: of the ten classes for each photo, (N, 10) float.
    """
    shared = np.array(sorted(SHARED_CATEGORIES.values()))
    decision = shared[probabilities[:, shared].argmax(axis=1)]
    by_shape = decision == photos.shape
    contest = photos.texture >= 0
    for_shape = int((by_shape & contest).sum())
    for_texture = int(((decision == photos.texture) & contest).sum())
    decided = max(1, for_shape + for_texture)
    bias = for_shape / decided
    return ShapeBias(
        bias=bias,
        error=float(np.sqrt(bias * (1 - bias) / decided)),
        shape_decisions=for_shape,
        texture_decisions=for_texture,
        photos=int(contest.sum()),
        shape_accuracy=float(by_shape.mean()),
        shape_photos=len(photos.shape),
    )
