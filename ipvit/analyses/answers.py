"""The parts that the answers of all analyses share."""

import time
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ipvit.models.model_spec import ModelSpec
from ipvit.models.specs import labels_of
from ipvit.preprocessing import Preprocessing

__all__ = [
    "Answer",
    "Measured",
    "answer_head",
    "compare_to_clean",
    "model_head",
    "probabilities",
    "top_classes",
]

Answer = dict[str, Any]
Probabilities = npt.NDArray[np.float64]


class Measured(Protocol):
    """An image whose measures are known, decoded or not; upright."""

    @property
    def width(self) -> int:
        """Px."""

    @property
    def height(self) -> int:
        """Px."""

    @property
    def format(self) -> str:
        """Of the file, such as "JPEG"."""


def answer_head(image: Measured, started_s: float) -> Answer:
    """What every answer begins with. started_s: `time.perf_counter()` at the start."""
    return {
        "image": {"width": image.width, "height": image.height, "format": image.format},
        "elapsed_ms": (time.perf_counter() - started_s) * 1000,
    }


def model_head(
    spec: ModelSpec, precision: str, preprocessing: Preprocessing | None = None
) -> Answer:
    """What every model's part begins with. preprocessing: if it was not the model's own."""
    labels = spec.labels if spec.labels in (None, "imagenet", "cifar10") else "custom"
    return {
        "model": spec.name,
        "title": spec.title,
        "precision": precision,
        "protocol": (preprocessing or spec.preprocessing).describe(),
        "labels": labels,
    }


def probabilities(logits: npt.NDArray[np.float32]) -> Probabilities:
    """Softmax over the last axis, in float64."""
    shifted = logits.astype(np.float64)
    shifted -= shifted.max(axis=-1, keepdims=True)
    np.exp(shifted, out=shifted)
    shifted /= shifted.sum(axis=-1, keepdims=True)
    return shifted


def top_classes(spec: ModelSpec, shares: Probabilities, top_k: int) -> list[list[Answer]]:
    """The likeliest classes of each image, likeliest first; of equals the lower index.

    shares: (n, classes). Returns n lists of top_k.
    """
    labels = labels_of(spec)
    order = (-shares).argsort(axis=-1, kind="stable")[:, :top_k]
    return [
        [
            {"index": index, "label": labels[index], "probability": share}
            for index, share in zip(indices.tolist(), row[indices].tolist(), strict=True)
        ]
        for indices, row in zip(order, shares, strict=True)
    ]


def compare_to_clean(
    spec: ModelSpec, logits: npt.NDArray[np.float32], top_k: int
) -> tuple[Answer, list[Answer]]:
    """The clean image's prediction, and each variant's set against it.

    logits: (1 + variants, classes), the clean image first.
    """
    shares = probabilities(logits)
    clean, *variants = top_classes(spec, shares, top_k)
    clean_class = clean[0]["index"]
    kept = shares[1:, clean_class].tolist()
    compared = [
        {
            "top": top,
            "clean_class_probability": share,
            "prediction_kept": top[0]["index"] == clean_class,
        }
        for top, share in zip(variants, kept, strict=True)
    ]
    return {"top": clean}, compared
