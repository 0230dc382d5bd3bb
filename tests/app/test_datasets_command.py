"""`ipvit datasets` as a user types it."""

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from app.cli import app
from ipvit.errors import InvalidDataset, IPViTError, UnknownName
from tests.datasets.folders import class_folder, mask_bytes, voc_folder, zipped_classes


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IPVIT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("IPVIT_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "300")


def datasets(*words: object) -> str:
    answer = CliRunner().invoke(
        app, ["datasets", *(str(word) for word in words)], catch_exceptions=False
    )
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_the_list_shows_what_ships() -> None:
    printed = datasets("list")
    assert "cifar10-sample" in printed
    assert "shapes-with-masks" in printed


def test_a_folder_is_added_by_a_link(tmp_path: Path) -> None:
    printed = datasets("add", class_folder(tmp_path / "photos"))
    assert "photos: 12 images, 2 classes" in printed
    assert (tmp_path / "data/photos").is_symlink()
    assert "photos" in datasets("list")


def test_a_zip_is_unpacked_under_its_name_or_another(tmp_path: Path) -> None:
    (tmp_path / "pets.zip").write_bytes(zipped_classes(2, "top/"))
    assert "pets: 4 images" in datasets("add", tmp_path / "pets.zip")
    assert "other: 4 images" in datasets("add", tmp_path / "pets.zip", "--name", "other")
    with pytest.raises(IPViTError, match="'other' is taken"):
        datasets("add", tmp_path / "pets.zip", "--name", "other")


def test_splits_are_added_together(tmp_path: Path) -> None:
    for split in ("train", "test"):
        class_folder(tmp_path / "pets" / split)
    printed = datasets("add", tmp_path / "pets")
    assert "pets/test: 12 images" in printed
    assert "pets/train: 12 images" in printed


def test_nothing_cannot_be_added(tmp_path: Path) -> None:
    with pytest.raises(IPViTError, match="nothing is at"):
        datasets("add", tmp_path / "gone")


def test_a_check_reads_every_image_and_mask(tmp_path: Path) -> None:
    assert "every image can be read" in datasets("check", "shapes-with-masks")
    root = voc_folder(tmp_path / "mine")
    (root / "JPEGImages/a.jpg").write_bytes(b"broken")
    (root / "SegmentationClass/b.png").write_bytes(mask_bytes(np.zeros((3, 5))))
    answer = CliRunner().invoke(app, ["datasets", "check", str(root)])
    assert isinstance(answer.exception, InvalidDataset)
    assert "2 of 3 images cannot be read" in str(answer.exception)
    assert "JPEGImages/a.jpg" in answer.output
    assert "a mask of 20x16 px, got 5x3 px" in answer.output


def test_a_check_compares_classes_with_a_models(tmp_path: Path) -> None:
    printed = datasets("check", "cifar10-sample", "--model", "pocket_deit", "--model", "pocket_cnn")
    assert "classes of pocket_cnn" in printed
    with pytest.raises(InvalidDataset, match="10 of 10 classes"):
        datasets("check", "cifar10-sample", "--model", "deit_t")
    with pytest.raises(InvalidDataset, match="has no labels"):
        datasets("check", "shapes-with-masks", "--model", "pocket_deit")
    with pytest.raises(UnknownName):
        datasets("check", "cifar")
