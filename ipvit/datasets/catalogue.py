"""Which data sets there are: those that ship, then those under the server's data folder."""

import logging
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ipvit.datasets.dataset import DatasetKind
from ipvit.datasets.index import IndexedDataset, known_index, open_index
from ipvit.datasets.index_build import Progress
from ipvit.datasets.layouts import Layout, find_layouts
from ipvit.datasets.sidecars import About, read_about
from ipvit.errors import InvalidDataset, UnknownName

__all__ = ["SAMPLES_FOLDER", "UPLOAD_MARK", "DatasetCatalogue", "DatasetInfo", "open_path"]

log = logging.getLogger(__name__)

SAMPLES_FOLDER = Path(__file__).parent / "samples"

UPLOAD_MARK = ".uploaded"
"""A file of this name in a data set's folder says that it came by upload and may be deleted."""

Source = Literal["sample", "server"]


@dataclass(frozen=True)
class DatasetInfo:
    """What there is to know of a data set without reading its images.

    images, classes, has_labels, has_masks, fingerprint: None until it is indexed.
    class_names: empty until it is indexed, and where images have no labels.
    problem: why it cannot be used, None if it can.
    deletable: whether it was uploaded.
    """

    name: str
    source: Source
    kind: DatasetKind | None = None
    images: int | None = None
    classes: int | None = None
    class_names: tuple[str, ...] = ()
    has_labels: bool | None = None
    has_masks: bool | None = None
    fingerprint: str | None = None
    title: str = ""
    description: str = ""
    credit: str = ""
    licence: str = ""
    problem: str | None = None
    deletable: bool = False

    @property
    def indexed(self) -> bool:
        """Whether its images were counted."""
        return self.fingerprint is not None


@dataclass(frozen=True)
class _Place:
    """A data set's name and where it lies, or why it cannot be read."""

    name: str
    source: Source
    folder: Path
    layout: Layout | None
    problem: str | None = None


class DatasetCatalogue:
    """Data sets by name.

    data_dir: one folder a data set; need not exist. Splits of a folder are named `folder/split`.
    cache_dir: where indexes are kept.
    """

    def __init__(self, data_dir: Path, cache_dir: Path) -> None:
        self.data_dir = data_dir
        self.cache_dir = cache_dir
        self._locks: dict[str, threading.Lock] = defaultdict(threading.Lock)
        self._problems: dict[str, str] = {}

    def list(self) -> tuple[DatasetInfo, ...]:
        """Every data set as it was last indexed; samples, which are small, are always indexed."""
        return tuple(self._info(place) for place in self._places())

    def info(self, name: str) -> DatasetInfo:
        """What `list` says of one.

        Raises UnknownName (field "dataset") with close matches.
        """
        return self._info(self._place(name))

    def open(self, name: str, progress: Progress | None = None) -> IndexedDataset:
        """A data set, indexed anew if its files changed.

        Raises UnknownName (field "dataset") if there is none of this name, InvalidDataset if it
        cannot be read.
        """
        place = self._place(name)
        if place.layout is None:
            raise InvalidDataset(f"data set {name!r}: {place.problem}")
        # Whoever asks while it is being indexed waits for that index.
        with self._locks[name]:
            try:
                dataset = open_index(place.name, place.layout, self.cache_dir, progress)
            except InvalidDataset as error:
                self._problems[name] = str(error)
                raise InvalidDataset(f"data set {name!r}: {error}") from error
            self._problems.pop(name, None)
            return dataset

    def folder_of(self, name: str) -> Path:
        """The folder that a data set's files came in, wrapping folders included.

        Raises UnknownName (field "dataset").
        """
        return self._place(name).folder

    def _place(self, name: str) -> _Place:
        places = {place.name: place for place in self._places()}
        if name not in places:
            raise UnknownName("data set", name, places, field="dataset")
        return places[name]

    def _places(self) -> Iterator[_Place]:
        taken = set()
        for source, folder in self._folders():
            for place in _places_in(source, folder):
                # A sample keeps its name: what it stands for must be the same everywhere.
                if place.name not in taken:
                    taken.add(place.name)
                    yield place

    def _folders(self) -> Iterator[tuple[Source, Path]]:
        for folder in _subfolders(SAMPLES_FOLDER):
            yield "sample", folder
        for folder in _subfolders(self.data_dir):
            yield "server", folder

    def _info(self, place: _Place) -> DatasetInfo:
        deletable = place.source == "server" and (place.folder / UPLOAD_MARK).is_file()
        try:
            if place.layout is None:
                raise InvalidDataset(str(place.problem))
            if place.name in self._problems:
                raise InvalidDataset(self._problems[place.name])
            about = _about(place)
            dataset = (
                open_index(place.name, place.layout, self.cache_dir)
                if place.source == "sample"
                else known_index(place.name, place.layout, self.cache_dir)
            )
        except InvalidDataset as error:
            return DatasetInfo(
                place.name,
                place.source,
                place.layout.kind if place.layout else None,
                problem=str(error),
                deletable=deletable,
            )
        return DatasetInfo(
            place.name,
            place.source,
            place.layout.kind,
            images=len(dataset) if dataset else None,
            classes=len(dataset.classes) if dataset else None,
            class_names=tuple(dataset.classes) if dataset else (),
            has_labels=dataset.has_labels if dataset else None,
            has_masks=dataset.has_masks if dataset else None,
            fingerprint=dataset.fingerprint if dataset else None,
            title=about.title,
            description=about.description,
            credit=about.credit,
            licence=about.licence,
            deletable=deletable,
        )


def open_path(path: Path, cache_dir: Path, progress: Progress | None = None) -> IndexedDataset:
    """The data set in a folder, as the command line's `--data DIR` names it.

    Raises InvalidDataset if there is none, or several splits of which one must be named.
    """
    path = path.expanduser()
    if not path.is_dir():
        raise InvalidDataset(f"expected a folder, got {str(path)!r}")
    layouts = find_layouts(path)
    if "" not in layouts:
        choices = ", ".join(sorted(str(path / split) for split in layouts))
        raise InvalidDataset(f"{str(path)!r} holds several data sets: name one of {choices}")
    return open_index(path.resolve().name, layouts[""], cache_dir, progress)


def _subfolders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    try:
        found = [child for child in folder.iterdir() if not child.name.startswith(".")]
    except OSError as error:
        log.warning("cannot list %s: %s", folder, error)
        return []
    return sorted(child for child in found if child.is_dir())


def _places_in(source: Source, folder: Path) -> Iterator[_Place]:
    try:
        layouts: Mapping[str, Layout] = find_layouts(folder)
    except InvalidDataset as error:
        yield _Place(folder.name, source, folder, None, str(error))
        return
    for split, layout in sorted(layouts.items()):
        name = f"{folder.name}/{split}" if split else folder.name
        yield _Place(name, source, folder, layout)


def _about(place: _Place) -> About:
    """What `about.json` says, beside the images or in the folder that wraps them."""
    assert place.layout is not None
    inner = read_about(place.layout.root)
    return inner if inner != About() else read_about(place.folder)
