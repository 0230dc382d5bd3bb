"""What ships: small, whole, credited, and drawn by the code that says so."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ipvit.datasets.catalogue import SAMPLES_FOLDER, DatasetCatalogue
from ipvit.datasets.readability import unreadable
from ipvit.datasets.shapes import (
    SAMPLE_IMAGES,
    SAMPLE_SEED,
    SHAPES,
    draw_picture,
    write_shapes,
)
from ipvit.datasets.truths import read_truth
from ipvit.errors import InvalidImage

SHAPES_FOLDER = SAMPLES_FOLDER / "shapes-with-masks"


def test_samples_are_small() -> None:
    assert sum(path.stat().st_size for path in SAMPLES_FOLDER.rglob("*")) < 5 * 10**6


@pytest.mark.parametrize("name", ["cifar10-sample", "shapes-with-masks"])
def test_every_sample_image_can_be_read(tmp_path: Path, name: str) -> None:
    dataset = DatasetCatalogue(tmp_path, tmp_path / "cache").open(name)
    calls: list[tuple[int, int]] = []
    assert list(unreadable(dataset, lambda *done: calls.append(done))) == []
    assert calls[-1] == (len(dataset), len(dataset))


def test_the_cifar_sample_holds_forty_of_each_class(tmp_path: Path) -> None:
    dataset = DatasetCatalogue(tmp_path, tmp_path / "cache").open("cifar10-sample")
    labels = [entry.label for entry in dataset.entries(0, len(dataset))]
    assert [labels.count(label) for label in range(10)] == [40] * 10


@pytest.mark.parametrize("number", [0, SAMPLE_IMAGES // 2, SAMPLE_IMAGES - 1])
def test_the_shapes_are_what_the_code_draws(number: int) -> None:
    picture, truth = draw_picture(SAMPLE_SEED, number)
    name = f"shapes_{number:04d}"
    mask = Image.open(SHAPES_FOLDER / "SegmentationClass" / f"{name}.png")
    assert np.array_equal(np.asarray(mask), truth)
    shown = np.asarray(Image.open(SHAPES_FOLDER / "JPEGImages" / f"{name}.jpg")).astype(int)
    assert np.abs(shown - picture).mean() < 12


def test_the_sample_can_be_drawn_anew(tmp_path: Path) -> None:
    write_shapes(tmp_path, SAMPLE_SEED, 2)
    for path in ("SegmentationClass/shapes_0001.png", "about.json"):
        assert (tmp_path / path).read_bytes() == (SHAPES_FOLDER / path).read_bytes()


def test_every_shape_is_there_and_every_mask_is_more_than_background(tmp_path: Path) -> None:
    dataset = DatasetCatalogue(tmp_path, tmp_path / "cache").open("shapes-with-masks")
    seen: set[int] = set()
    for entry in dataset.entries(0, len(dataset)):
        truth = read_truth(dataset, entry)
        values = set(np.unique(truth).tolist())
        assert 0 in values
        assert len(values) > 1
        assert all(np.count_nonzero(truth == value) >= 0.02 * truth.size for value in values)
        seen |= values
    assert seen == set(range(len(SHAPES) + 1))


def test_a_mask_that_is_not_there_names_its_path(tmp_path: Path) -> None:
    catalogue = DatasetCatalogue(tmp_path, tmp_path / "cache")
    unmasked = catalogue.open("cifar10-sample")
    with pytest.raises(InvalidImage, match=r"a mask for 'airplane/.*jpg'"):
        read_truth(unmasked, unmasked.entries(0, 1)[0])
