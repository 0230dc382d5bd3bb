from pathlib import Path

import pytest

from ipvit.datasets.layouts import find_layouts
from ipvit.errors import InvalidDataset
from tests.datasets.folders import class_folder, voc_folder, write


def test_each_kind_is_told_by_its_content(tmp_path: Path) -> None:
    class_folder(tmp_path / "folder")
    voc_folder(tmp_path / "voc")
    write(tmp_path / "csv", ["a.png"])
    (tmp_path / "csv/labels.csv").write_text("file,label\na.png,cat\n")
    for kind in ("folder", "voc", "csv"):
        layout = find_layouts(tmp_path / kind)[""]
        assert (layout.kind, layout.root) == (kind, tmp_path / kind)


def test_images_alone_are_a_data_set_without_labels(tmp_path: Path) -> None:
    assert find_layouts(write(tmp_path, ["a.png", "b.JPG"]))[""].kind == "folder"


def test_folders_that_only_wrap_are_looked_through(tmp_path: Path) -> None:
    voc_folder(tmp_path / "VOCdevkit/VOC2012")
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / ".cache").mkdir()
    assert find_layouts(tmp_path)[""].root == tmp_path / "VOCdevkit/VOC2012"


def test_one_class_is_a_class_and_no_wrapper(tmp_path: Path) -> None:
    assert find_layouts(class_folder(tmp_path, classes=["cat"]))[""].root == tmp_path


@pytest.mark.parametrize(
    "splits", [("train", "test"), ("Training", "val"), ("train", "val", "test")]
)
def test_splits_are_data_sets_of_their_own(tmp_path: Path, splits: tuple[str, ...]) -> None:
    for split in splits:
        class_folder(tmp_path / split)
    layouts = find_layouts(tmp_path)
    assert {name: layout.root for name, layout in layouts.items()} == {
        split: tmp_path / split for split in splits
    }


def test_splits_of_images_without_classes(tmp_path: Path) -> None:
    write(tmp_path, ["train/a.png", "test/b.png"])
    assert set(find_layouts(tmp_path)) == {"train", "test"}


def test_images_beside_class_folders_are_refused(tmp_path: Path) -> None:
    write(class_folder(tmp_path), ["stray.png"])
    with pytest.raises(InvalidDataset, match=r"in both .*'cat'"):
        find_layouts(tmp_path)


@pytest.mark.parametrize("files", [[], ["notes.txt"], ["a/b/c/d/e/f/deep.png"]])
def test_a_folder_without_a_data_set_says_what_was_expected(
    tmp_path: Path, files: list[str]
) -> None:
    write(tmp_path, files)
    with pytest.raises(InvalidDataset, match=r"a folder a class.*VOC"):
        find_layouts(tmp_path)


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="expected a readable folder, got 'gone'"):
        find_layouts(tmp_path / "gone")
