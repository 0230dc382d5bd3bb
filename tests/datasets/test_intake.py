import os
import threading
from pathlib import Path

import pytest

from ipvit.datasets.catalogue import DatasetCatalogue
from ipvit.datasets.intake import (
    add_folder,
    add_zip,
    check_name,
    remove_uploaded,
    staging_folder,
    sweep_staging,
)
from ipvit.errors import (
    DatasetExists,
    DatasetProtected,
    InvalidDataset,
    InvalidInput,
    StorageFull,
)
from tests.datasets.folders import class_folder, image_bytes, zip_of, zipped_classes


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "photos.zip"
    path.write_bytes(zipped_classes(3, "photos/"))
    return path


@pytest.mark.parametrize("name", ["a", "My-photos_2.1", "0" * 64])
def test_names_that_can_be(data_dir: Path, name: str) -> None:
    check_name(name, data_dir)


@pytest.mark.parametrize("name", ["", ".", "..", ".a", "-a", "a/b", "a b", "ä", "a\n", "0" * 65])
def test_names_that_cannot_be(data_dir: Path, name: str) -> None:
    with pytest.raises(InvalidInput, match="1 to 64 letters") as caught:
        check_name(name, data_dir)
    assert caught.value.field == "name"


def test_names_that_are_taken(data_dir: Path) -> None:
    class_folder(data_dir / "mine")
    (data_dir / "dangling").symlink_to("nowhere")
    for name in ("mine", "dangling", "cifar10-sample"):
        with pytest.raises(DatasetExists):
            check_name(name, data_dir)


def test_a_zip_becomes_a_data_set(data_dir: Path, archive: Path) -> None:
    calls: list[tuple[int, int]] = []
    add_zip("mine", archive, data_dir, progress=lambda *done: calls.append(done))
    assert calls[-1] == (6, 6)
    assert [path.name for path in data_dir.iterdir()] == ["mine"]
    catalogue = DatasetCatalogue(data_dir, data_dir.parent / "cache")
    assert catalogue.open("mine").classes == ("cat", "dog")
    assert not catalogue.info("mine").deletable


@pytest.mark.parametrize(
    ("files", "complaint"),
    [
        ({"train/a/1.png": b"", "train/b/1.png": b"", "test/a/1.png": b"", "test/b/1.png": b""},
         r"one data set in a zip, got 2 \(test, train\)"),
        ({"a.png": b"", "cat/b.png": b""}, "images either in the zip"),
        ({"a.png": b"", "labels.csv": b"file,label\nb.png,cat\n"}, r"the file 'b\.png'"),
    ],
)  # fmt: skip
def test_a_zip_that_is_no_data_set_leaves_nothing(
    data_dir: Path, archive: Path, files: dict[str, bytes], complaint: str
) -> None:
    content = {name: data or image_bytes(0) for name, data in files.items()}
    archive.write_bytes(zip_of(content))
    with pytest.raises(InvalidDataset, match=complaint) as caught:
        add_zip("mine", archive, data_dir)
    assert caught.value.field == "file"
    assert list(data_dir.iterdir()) == []


def test_of_two_at_once_one_gets_the_name(data_dir: Path, archive: Path) -> None:
    outcomes: list[str] = []
    start = threading.Barrier(4)

    def add() -> None:
        start.wait()
        try:
            add_zip("mine", archive, data_dir)
            outcomes.append("added")
        except DatasetExists:
            outcomes.append("refused")

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["added", "refused", "refused", "refused"]
    assert [path.name for path in data_dir.iterdir()] == ["mine"]


def test_a_folder_is_linked_to(data_dir: Path, tmp_path: Path) -> None:
    add_folder("mine", class_folder(tmp_path / "far"), data_dir)
    assert (data_dir / "mine").is_symlink()
    assert len(DatasetCatalogue(data_dir, tmp_path / "cache").open("mine")) == 12
    with pytest.raises(InvalidDataset, match="expected an image folder"):
        add_folder("other", staging_folder(data_dir), data_dir)


def test_only_what_was_uploaded_is_deleted(data_dir: Path, archive: Path, tmp_path: Path) -> None:
    add_zip("mine", archive, data_dir, uploaded=True)
    add_zip("ours", archive, data_dir)
    # A link to an uploaded data set is somebody else's.
    add_folder("linked", data_dir / "mine", data_dir)
    for name in ("ours", "linked"):
        with pytest.raises(DatasetProtected):
            remove_uploaded(name, data_dir / name)
    remove_uploaded("mine", data_dir / "mine")
    assert sorted(path.name for path in data_dir.iterdir()) == ["linked", "ours"]


def test_a_folder_that_cannot_be_written_to(tmp_path: Path, archive: Path) -> None:
    (tmp_path / "data").write_text("a file")
    with pytest.raises(StorageFull, match="cannot be written"):
        add_zip("mine", archive, tmp_path / "data")
    with pytest.raises(StorageFull, match="cannot be written"):
        add_folder("mine", class_folder(tmp_path / "far"), tmp_path / "data")


def test_only_what_was_abandoned_is_swept(data_dir: Path) -> None:
    abandoned, current = staging_folder(data_dir), staging_folder(data_dir)
    os.utime(abandoned, (1, 1))
    sweep_staging(data_dir)
    assert list(data_dir.iterdir()) == [current]
