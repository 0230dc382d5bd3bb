"""A tiny data set of ten classes, drawn here."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

CLASSES = (
    "airplane",
    "automobile",
    "bird",
    "cat",
    "deer",
    "dog",
    "frog",
    "horse",
    "ship",
    "truck",
)
TRAIN_EACH, TEST_EACH = 3, 1


@pytest.fixture(autouse=True)
def _one_thread():
    """Sums in one order, and no fight over the cores."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_data(tmp_path_factory) -> Path:
    """train/ and test/ folders; each class has its own colour and stripes."""
    root = tmp_path_factory.mktemp("tiny")
    draw = np.random.default_rng(0)
    for split, each in (("train", TRAIN_EACH), ("test", TEST_EACH)):
        for index, name in enumerate(CLASSES):
            folder = root / split / name
            folder.mkdir(parents=True)
            for number in range(each):
                Image.fromarray(_picture(index, draw)).save(folder / f"{number}.png")
    return root


def _picture(index: int, draw: np.random.Generator) -> np.ndarray:
    colour = np.array([25 * index, 255 - 25 * index, 128])
    stripes = (np.indices((36, 32)).sum(axis=0) // (index + 1) % 2)[..., None]
    noise = draw.integers(0, 30, (36, 32, 3))
    return np.clip(colour * (0.5 + 0.5 * stripes) + noise, 0, 255).astype(np.uint8)
