from pathlib import Path

import pytest

from ipvit.datasets.catalogue import UPLOAD_MARK, DatasetCatalogue, open_path
from ipvit.errors import InvalidDataset, UnknownName
from tests.datasets.folders import class_folder, voc_folder, write

SAMPLES = ("cifar10-sample", "shapes-with-masks")


@pytest.fixture
def catalogue(tmp_path: Path) -> DatasetCatalogue:
    return DatasetCatalogue(tmp_path / "data", tmp_path / "cache")


def test_samples_come_first_and_are_indexed(catalogue: DatasetCatalogue) -> None:
    class_folder(catalogue.data_dir / "aaa")
    infos = catalogue.list()
    assert tuple(info.name for info in infos) == (*SAMPLES, "aaa")
    for info in infos[:2]:
        assert info.source == "sample"
        assert info.indexed
        assert info.title
        assert info.credit
        assert info.problem is None
        assert not info.deletable


def test_a_data_set_is_counted_once_it_was_opened(catalogue: DatasetCatalogue) -> None:
    voc_folder(catalogue.data_dir / "mine")
    before = catalogue.info("mine")
    assert (before.kind, before.images, before.fingerprint) == ("voc", None, None)
    assert not before.indexed
    dataset = catalogue.open("mine")
    after = catalogue.info("mine")
    assert (after.images, after.has_masks, after.fingerprint) == (3, True, dataset.fingerprint)


def test_splits_are_listed_by_folder_and_split(catalogue: DatasetCatalogue) -> None:
    for split in ("train", "test"):
        class_folder(catalogue.data_dir / "mine" / split)
    names = [info.name for info in catalogue.list()]
    assert names[2:] == ["mine/test", "mine/train"]
    assert len(catalogue.open("mine/test")) == 12


def test_what_cannot_be_read_says_why_and_hides_nothing_else(catalogue: DatasetCatalogue) -> None:
    write(catalogue.data_dir / "broken", ["notes.txt"])
    class_folder(catalogue.data_dir / "fine")
    infos = {info.name: info for info in catalogue.list()}
    assert "expected an image folder" in str(infos["broken"].problem)
    assert infos["fine"].problem is None
    with pytest.raises(InvalidDataset, match="'broken': expected an image folder"):
        catalogue.open("broken")


def test_a_problem_found_while_indexing_is_listed_until_it_is_gone(
    catalogue: DatasetCatalogue,
) -> None:
    root = write(catalogue.data_dir / "mine", ["a.png"])
    (root / "labels.csv").write_text("file,label\nb.png,cat\n")
    with pytest.raises(InvalidDataset, match=r"b\.png"):
        catalogue.open("mine")
    assert "b.png" in str(catalogue.info("mine").problem)
    (root / "labels.csv").write_text("file,label\na.png,cat\n")
    catalogue.open("mine")
    assert catalogue.info("mine").problem is None


def test_a_sample_keeps_its_name(catalogue: DatasetCatalogue) -> None:
    class_folder(catalogue.data_dir / SAMPLES[0])
    assert len(catalogue.open(SAMPLES[0])) == 400
    assert [info.name for info in catalogue.list()] == list(SAMPLES)


@pytest.mark.parametrize("name", ["cifar10-sampel", "../samples", "mine/..", "", ".incoming-1"])
def test_an_unknown_name_offers_close_ones(catalogue: DatasetCatalogue, name: str) -> None:
    class_folder(catalogue.data_dir / "mine")
    class_folder(catalogue.data_dir / ".incoming-1")
    with pytest.raises(UnknownName) as caught:
        catalogue.open(name)
    assert caught.value.field == "dataset"
    if name == "cifar10-sampel":
        assert caught.value.matches == ["cifar10-sample"]


def test_what_a_data_set_says_of_itself(catalogue: DatasetCatalogue) -> None:
    root = class_folder(catalogue.data_dir / "mine")
    (root / "about.json").write_text('{"title": "My photos", "licence": "CC0"}')
    assert catalogue.info("mine").title == "My photos"
    assert catalogue.info("mine").licence == "CC0"
    (root / "about.json").write_text("[]")
    assert "expected a JSON object" in str(catalogue.info("mine").problem)


def test_only_what_was_uploaded_is_deletable(catalogue: DatasetCatalogue) -> None:
    root = class_folder(catalogue.data_dir / "mine")
    assert not catalogue.info("mine").deletable
    (root / UPLOAD_MARK).touch()
    assert catalogue.info("mine").deletable


def test_a_linked_folder_is_a_data_set(catalogue: DatasetCatalogue, tmp_path: Path) -> None:
    class_folder(tmp_path / "far/away")
    catalogue.data_dir.mkdir()
    (catalogue.data_dir / "near").symlink_to(tmp_path / "far/away")
    assert len(catalogue.open("near")) == 12


def test_a_path_with_splits_names_them(tmp_path: Path) -> None:
    for split in ("train", "test"):
        class_folder(tmp_path / "set" / split)
    with pytest.raises(InvalidDataset, match=r"name one of .*set/test, .*set/train"):
        open_path(tmp_path / "set", tmp_path / "cache")
    assert open_path(tmp_path / "set/test", tmp_path / "cache").name == "test"
    with pytest.raises(InvalidDataset, match="expected a folder"):
        open_path(tmp_path / "gone", tmp_path / "cache")
