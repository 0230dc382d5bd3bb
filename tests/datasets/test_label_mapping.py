import json
from dataclasses import replace
from pathlib import Path

import pytest

from ipvit.datasets.catalogue import DatasetCatalogue, open_path
from ipvit.datasets.dataset import Dataset
from ipvit.datasets.label_mapping import map_labels
from ipvit.errors import InvalidDataset
from ipvit.models.specs import MODELS, labels_of
from tests.datasets.folders import class_folder

POCKET, DEIT = MODELS["pocket_deit"], MODELS["deit_t"]


def classes_of(folder: Path, *names: str) -> Dataset:
    return open_path(class_folder(folder / "set", 1, names), folder / "cache")


def test_the_sample_fits_the_pocket_models(tmp_path: Path) -> None:
    sample = DatasetCatalogue(tmp_path, tmp_path).open("cifar10-sample")
    mapped = map_labels(sample, POCKET)
    assert [labels_of(POCKET)[index] for index in mapped] == list(sample.classes)


def test_an_imagenet_model_on_cifar_classes_is_an_error(tmp_path: Path) -> None:
    sample = DatasetCatalogue(tmp_path, tmp_path).open("cifar10-sample")
    with pytest.raises(InvalidDataset, match=r"10 of 10 classes .*'airplane'") as caught:
        map_labels(sample, DEIT)
    assert caught.value.field == "dataset"
    assert "and 5 more" in str(caught.value)


def test_wordnet_ids_and_what_follows_them(tmp_path: Path) -> None:
    dataset = classes_of(tmp_path, "n01440764", "n01443537_goldfish", "n01484850 great white")
    assert map_labels(dataset, DEIT).tolist() == [0, 1, 2]


def test_an_id_that_no_class_has(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match=r"'n99999999' .no class has this WordNet id"):
        map_labels(classes_of(tmp_path, "n99999999"), DEIT)


def test_names_are_compared_without_case_and_spaces(tmp_path: Path) -> None:
    dataset = classes_of(tmp_path, "Great_White-Shark", "TENCH", "carassius auratus", "tinca tinca")
    assert map_labels(dataset, DEIT).tolist() == [2, 0, 1, 0]


def test_a_name_of_two_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match=r"crane bird \[n02012849\] or crane \[n03126707\]"):
        map_labels(classes_of(tmp_path, "crane"), DEIT)


def test_a_misspelt_class_offers_a_close_one(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match=r"'automobil' .close: automobile"):
        map_labels(classes_of(tmp_path, "automobil", "cat"), POCKET)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("classes.json", json.dumps({"mieze": "cat", "hund": 5, "katze": "3"})),
        ("classes.csv", "class,label\nmieze,cat\nhund,5\nkatze,3\n"),
    ],
)
def test_a_mapping_file_maps(tmp_path: Path, file: str, content: str) -> None:
    class_folder(tmp_path / "set", 1, ["mieze", "hund", "katze", "truck"])
    (tmp_path / "set" / file).write_text(content)
    dataset = open_path(tmp_path / "set", tmp_path / "cache")
    assert dataset.classes == ("hund", "katze", "mieze", "truck")
    assert map_labels(dataset, POCKET).tolist() == [5, 3, 3, 9]
    (tmp_path / "other.json").write_text('{"hund": 0, "katze": 0, "mieze": "n01440764"}')
    with pytest.raises(InvalidDataset, match="'mieze'"):
        map_labels(dataset, POCKET, tmp_path / "other.json")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("[]", "expected a JSON object, got list"),
        ("{", "classes.json"),
        ('{"cat": 1.5}', "an index or a name for 'cat', got 1.5"),
        ('{"cat": true}', "got True"),
        ('{"cat": 10}', "class 10 is not in 0 to 9"),
        ('{"cat": -1}', "class -1 is not in 0 to 9"),
        ('{"cat": "tractor beam"}', "no close match"),
        ("[" * 100_000, "classes.json"),
    ],
)
def test_a_mapping_file_that_is_wrong(tmp_path: Path, content: str, complaint: str) -> None:
    class_folder(tmp_path / "set", 1, ["cat"])
    (tmp_path / "set/classes.json").write_text(content)
    with pytest.raises(InvalidDataset, match=complaint):
        map_labels(open_path(tmp_path / "set", tmp_path / "cache"), POCKET)


def test_a_mapping_csv_without_its_columns(tmp_path: Path) -> None:
    (tmp_path / "map.csv").write_text("a,b\n1,2\n")
    with pytest.raises(InvalidDataset, match="columns class and label, got 'a, b'"):
        map_labels(classes_of(tmp_path, "cat"), POCKET, tmp_path / "map.csv")


def test_labels_of_a_users_own_model(tmp_path: Path) -> None:
    (tmp_path / "labels.txt").write_text("mouse\ncat\n")
    own = replace(POCKET, num_classes=2, labels=str(tmp_path / "labels.txt"))
    assert map_labels(classes_of(tmp_path, "Cat", "mouse"), own).tolist() == [1, 0]


def test_a_model_without_a_classifier_fits_no_labels(tmp_path: Path) -> None:
    with pytest.raises(InvalidDataset, match="a model with a classifier"):
        map_labels(classes_of(tmp_path, "cat"), MODELS["dino_vit_s"])


def test_every_imagenet_class_is_found_by_its_id_and_its_label() -> None:
    from ipvit.datasets.label_mapping import _imagenet_synsets

    synsets = list(_imagenet_synsets())
    assert len({wordnet_id for wordnet_id, _ in synsets}) == 1000
    assert [wordnet_id for wordnet_id, _ in synsets] == sorted(dict(synsets))
    plain = [label.replace(" ", "").lower() for label in labels_of(DEIT)]
    matching = sum(
        label in synonyms.replace(" ", "").lower()
        for label, (_, synonyms) in zip(plain, synsets, strict=True)
    )
    # "crane bird" and "maillot tank suit" are the labels' own way to tell two cranes apart.
    assert matching == 998
