"""Data sets for the evaluation benchmark: photos of about 500x400 px, and many tiny images."""

import os
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.photos import QUALITY, SAMPLES
from ipvit.models.specs import MODELS, labels_of

FOLDERS = 10
TINY_PX, TINY_FILES = 32, 100


def make_photos(folder: Path, count: int) -> None:
    """`count` different JPEGs of 460 to 540 by 360 to 440 px, cut out of the shipped samples.

    They lie in folders named like ImageNet classes, so that labels fit.
    """
    paths = sorted(path for path in SAMPLES.glob("*.jpg") if "thumb" not in path.name)
    samples = [Image.open(path).convert("RGB") for path in paths]
    classes = labels_of(MODELS["deit_t"])[:FOLDERS]
    for at in range(count):
        draw = np.random.default_rng(at)
        sample = samples[at % len(samples)]
        share = draw.uniform(0.6, 1.0)
        width, height = (int(side * share) for side in sample.size)
        left, top = (
            int(draw.integers(0, whole - part + 1))
            for whole, part in zip(sample.size, (width, height), strict=True)
        )
        size = (int(draw.integers(460, 541)), int(draw.integers(360, 441)))
        photo = sample.crop((left, top, left + width, top + height)).resize(size)
        place = folder / classes[at % FOLDERS]
        place.mkdir(parents=True, exist_ok=True)
        photo.save(place / f"{at:05}.jpg", quality=QUALITY)


def make_tiny_images(folder: Path, count: int) -> None:
    """`count` PNGs of 32 px in class folders; all but the first 100 are links to those."""
    classes = labels_of(MODELS["pocket_cnn"])
    originals: list[Path] = []
    for at in range(count):
        path = folder / classes[at % len(classes)] / f"{at:07}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        if at < TINY_FILES:
            pixels = np.random.default_rng(at).integers(0, 256, (TINY_PX, TINY_PX, 3), np.uint8)
            Image.fromarray(pixels).save(path)
            originals.append(path)
        else:
            os.link(originals[at % TINY_FILES], path)
