"""Which of a model's classes each class of a data set is.

A class is found by its WordNet id (`n01440764`, or a name that begins with it), by its name, or
by a file `classes.json` or `classes.csv` in the data set's root. Names are compared without case,
spaces, hyphens and underscores. ImageNet's classes answer to every synonym of their synset; a
name that two classes share ("crane") is refused, since guessing would spoil the accuracy.
"""

import csv
import difflib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ipvit.datasets.dataset import Dataset
from ipvit.datasets.sidecars import mapping_file_of
from ipvit.errors import InvalidDataset
from ipvit.models.model_spec import ModelSpec
from ipvit.models.specs import labels_of

__all__ = ["map_labels"]

_WORDNET_ID = re.compile(r"n\d{8}(?=$|[^0-9a-zA-Z])")
_MOST_NAMED = 5


def map_labels(
    dataset: Dataset, spec: ModelSpec, mapping_file: Path | None = None
) -> npt.NDArray[np.int64]:
    """The model's class index of each class of the data set.

    mapping_file: JSON object or CSV (columns class, label) from the data set's class to a class
        index, a WordNet id or a name of the model's; None looks for `classes.json` and
        `classes.csv` in the data set's root.
    Returns (len(dataset.classes),) int64.
    Raises InvalidDataset (field "dataset"), naming the classes that fit none, with close matches.
    """
    if spec.num_classes == 0:
        raise InvalidDataset(f"expected a model with a classifier, got {spec.name}: it has none")
    names = _ModelNames(spec)
    mapping_file = mapping_file or mapping_file_of(dataset.root)
    given = _read_mapping(mapping_file) if mapping_file else {}
    indices, complaints = [], []
    for class_name in dataset.classes:
        found = names.find(given.get(class_name, class_name))
        if isinstance(found, int):
            indices.append(found)
        else:
            complaints.append(f"{class_name!r} ({found})")
    if complaints:
        raise InvalidDataset(_message(dataset, spec, complaints))
    return np.array(indices, dtype=np.int64)


def _message(dataset: Dataset, spec: ModelSpec, complaints: Sequence[str]) -> str:
    shown = ", ".join(complaints[:_MOST_NAMED])
    rest = len(complaints) - _MOST_NAMED
    return (
        f"{len(complaints)} of {len(dataset.classes)} classes of data set {dataset.name!r} are "
        f"none of the {spec.num_classes} classes of {spec.name}: {shown}"
        f"{f' and {rest} more' if rest > 0 else ''}. Expected WordNet ids or names of the "
        "model's classes, or a file classes.json in the data set's root that maps them"
    )


class _ModelNames:
    """Everything that a model's classes are called."""

    def __init__(self, spec: ModelSpec) -> None:
        self._count = spec.num_classes
        self._labels = labels_of(spec)
        self._ids: dict[str, int] = {}
        self._named: dict[str, set[int]] = defaultdict(set)
        self._shown: dict[str, str] = {}
        for index, label in enumerate(self._labels):
            self._add(label, index)
        if spec.labels == "imagenet":
            for index, (wordnet_id, synonyms) in enumerate(_imagenet_synsets()):
                self._ids[wordnet_id] = index
                for name in (synonyms, *synonyms.split(", ")):
                    self._add(name, index)

    def _add(self, name: str, index: int) -> None:
        self._named[_plain(name)].add(index)
        self._shown.setdefault(_plain(name), name)

    def find(self, wanted: str | int) -> int | str:
        """The index of a class, or why there is none."""
        if isinstance(wanted, int):
            in_range = 0 <= wanted < self._count
            return wanted if in_range else f"class {wanted} is not in 0 to {self._count - 1}"
        wordnet_id = _WORDNET_ID.match(wanted)
        if wordnet_id and self._ids:
            return self._ids.get(wordnet_id[0], "no class has this WordNet id")
        found = self._named.get(_plain(wanted), set())
        if len(found) == 1:
            return next(iter(found))
        if found:
            choices = " or ".join(self._describe(index) for index in sorted(found))
            return f"could be {choices}: use an id or an index"
        return self._suggestion(wanted)

    def _describe(self, index: int) -> str:
        ids = [wordnet_id for wordnet_id, known in self._ids.items() if known == index]
        return f"{self._labels[index]} [{ids[0] if ids else index}]"

    def _suggestion(self, wanted: str) -> str:
        close = difflib.get_close_matches(_plain(wanted), self._named, n=2, cutoff=0.7)
        shown = ", ".join(self._shown[name] for name in close)
        return f"close: {shown}" if shown else "no close match"


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", "", name.casefold())


def _imagenet_synsets() -> Iterable[tuple[str, str]]:
    """WordNet id and synonyms of each class, in the order of the logits."""
    folder = resources.files("ipvit.models.labels")
    text = folder.joinpath("imagenet_synsets.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        wordnet_id, _, synonyms = line.partition(" ")
        yield wordnet_id, synonyms


def _read_mapping(path: Path) -> Mapping[str, str | int]:
    try:
        text = path.read_text(encoding="utf-8-sig")
        pairs = _json_pairs(text) if path.suffix.lower() == ".json" else _csv_pairs(text)
    except (OSError, ValueError, RecursionError, csv.Error) as error:
        raise InvalidDataset(f"the mapping file {path.name}: {error}") from error
    return {
        name: int(value) if isinstance(value, str) and value.strip().isdecimal() else value
        for name, value in pairs.items()
    }


def _json_pairs(text: str) -> dict[str, str | int]:
    pairs = json.loads(text)
    if not isinstance(pairs, dict):
        raise ValueError(f"expected a JSON object, got {type(pairs).__name__}")
    for name, value in pairs.items():
        if isinstance(value, bool) or not isinstance(value, str | int):
            raise ValueError(f"expected an index or a name for {name!r}, got {value!r}")
    return pairs


def _csv_pairs(text: str) -> dict[str, str | int]:
    rows = csv.DictReader(text.splitlines(), strict=True)
    columns = rows.fieldnames or ()
    if not {"class", "label"} <= set(columns):
        raise ValueError(f"expected the columns class and label, got {', '.join(columns)!r}")
    return {(row["class"] or "").strip(): (row["label"] or "").strip() for row in rows}
