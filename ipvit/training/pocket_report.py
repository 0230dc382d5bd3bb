"""Measure the pocket models on a test set: what `docs/pocket-models.md` reports.

Run as `python -m ipvit.training.pocket_report --help`. Perturbations are those of the lab, drawn
for each image from (seed, "test/<index>"); images are perturbed in [0, 1] before normalisation.
"""

import argparse
import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ipvit.grid import Grid
from ipvit.perturbations.patch_drop import drop_patches, random_drop_mask
from ipvit.perturbations.patch_shuffle import shuffle_patches, shuffle_permutation
from ipvit.training.image_store import ImageSet, open_image_set
from ipvit.training.pocket_shape_bias import CueConflictPhotos, open_cue_conflict, shape_bias
from ipvit.training.teachers import Teacher, find_weights

__all__ = ["Perturbation", "measure_model", "perturbations"]

BATCH_IMAGES = 250
PATCHES = Grid(8, 8)
Perturbation = Callable[[np.ndarray, int], np.ndarray]  # images (B, 3, H, W), index of the first


def perturbations(seed: int) -> dict[str, Perturbation]:
    """Conditions by name, each applied to uint8 images."""
    conditions: dict[str, Perturbation] = {"clean": lambda images, first: images}
    for ratio in (0.25, 0.5, 0.75):
        conditions[f"drop_{ratio:g}"] = _drop(ratio, seed)
    for side in (2, 4):
        conditions[f"shuffle_{side}x{side}"] = _shuffle(Grid(side, side), seed)
    return conditions


def _drop(ratio: float, seed: int) -> Perturbation:
    def perturb(images: np.ndarray, first: int) -> np.ndarray:
        keys = [f"test/{first + index}" for index in range(len(images))]
        masks = np.stack([random_drop_mask(PATCHES, ratio, seed=seed, key=key) for key in keys])
        return drop_patches(images, masks)

    return perturb


def _shuffle(grid: Grid, seed: int) -> Perturbation:
    def perturb(images: np.ndarray, first: int) -> np.ndarray:
        orders = [
            shuffle_permutation(grid, seed=seed, key=f"test/{first + index}")
            for index in range(len(images))
        ]
        pairs = zip(images, orders, strict=True)
        return np.stack([shuffle_patches(image, order, grid) for image, order in pairs])

    return perturb


class Observer:
    """A network's answers by token ("cls", "shape", "mean"), and the tokens themselves."""

    def __init__(self, teacher: Teacher) -> None:
        self.teacher = teacher
        self.network: Any = teacher.network
        self.has_shape_token = hasattr(self.network, "head_dist")

    @torch.inference_mode()
    def answers(self, images: np.ndarray) -> tuple[dict[str, Tensor], Tensor | None]:
        """Logits (B, classes) by token, and the cosine (B,) of class and shape token."""
        pixels = torch.from_numpy(images).float() / 255
        with torch.autocast("cpu", dtype=torch.bfloat16):
            if not self.has_shape_token:
                return {"cls": self.teacher(pixels).float()}, None
            normalised = (pixels - self.teacher.mean) / self.teacher.std
            tokens = self.network.forward_features(normalised)
            cls = self.network.head(tokens[:, 0]).float()
            shape = self.network.head_dist(tokens[:, 1]).float()
        cosine = torch.cosine_similarity(tokens[:, 0].float(), tokens[:, 1].float(), dim=1)
        return {"cls": cls, "shape": shape, "mean": (cls + shape) / 2}, cosine


def _batches(count: int) -> Iterator[slice]:
    for first in range(0, count, BATCH_IMAGES):
        yield slice(first, min(first + BATCH_IMAGES, count))


def measure_model(
    observer: Observer, test: ImageSet, photos: CueConflictPhotos | None, seed: int
) -> dict[str, Any]:
    """Top-1 by token and condition, mean cosine, shape bias by token, images/s on clean images."""
    accuracy: dict[str, dict[str, float]] = {}
    cosines: list[float] = []
    speed = 0.0
    for condition, perturb in perturbations(seed).items():
        right: dict[str, int] = {}
        seconds = 0.0
        for batch in _batches(len(test)):
            images = perturb(np.array(test.images[batch]), batch.start)
            started = time.perf_counter()
            logits, cosine = observer.answers(images)
            seconds += time.perf_counter() - started
            for token, scores in logits.items():
                hits = (scores.argmax(dim=1).numpy() == test.labels[batch]).sum()
                right[token] = right.get(token, 0) + int(hits)
            if condition == "clean" and cosine is not None:
                cosines += cosine.tolist()
        if condition == "clean":
            speed = len(test) / seconds
        for token, hits in right.items():
            accuracy.setdefault(token, {})[condition] = hits / len(test)
    return {
        "accuracy": accuracy,
        "token_cosine": float(np.mean(cosines)) if cosines else None,
        "shape_bias": {} if photos is None else _shape_biases(observer, photos, accuracy),
        "images_per_s": round(speed, 1),
        "parameters": sum(p.numel() for p in observer.network.parameters()),
    }


def _shape_biases(
    observer: Observer, photos: CueConflictPhotos, tokens: dict[str, dict[str, float]]
) -> dict[str, dict[str, float]]:
    logits, _ = observer.answers(photos.images)
    probabilities = {token: logits[token].softmax(dim=1).numpy() for token in tokens}
    return {token: dataclasses.asdict(shape_bias(photos, probabilities[token])) for token in tokens}


def main() -> None:
    """Measure the named models and write one JSON file; entries measured before are kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", help="NAME, or LABEL=weights.safetensors with a card")
    parser.add_argument("--data", type=Path, required=True, help="folder with test/")
    parser.add_argument("--cue-conflict", type=Path, help="folder of <shape>N-<texture>M.png")
    parser.add_argument("--out", type=Path, required=True, help="JSON file")
    parser.add_argument("--seed", type=int, default=0, help="decides masks and permutations")
    parser.add_argument("--cache", type=Path, default=Path("~/.cache/ipvit").expanduser())
    arguments = parser.parse_args()
    test = open_image_set(arguments.data, "test", 32, arguments.cache / "decoded")
    photos = open_cue_conflict(arguments.cue_conflict) if arguments.cue_conflict else None
    report = json.loads(arguments.out.read_text()) if arguments.out.exists() else {}
    for model in arguments.models:
        label, _, file = model.partition("=")
        weights = find_weights(file or label, arguments.cache)
        measured = measure_model(Observer(Teacher(weights)), test, photos, arguments.seed)
        note = {"weights_sha256": weights.sha256, "seed": arguments.seed, "images": len(test)}
        load = round(os.getloadavg()[0], 1)
        report[label] = {**measured, **note, "load_average": load}
        arguments.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
