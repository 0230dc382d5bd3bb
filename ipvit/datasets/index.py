"""The index of a data set: its entries in order and its fingerprint, in one SQLite file.

Whether an index still holds is told by names, sizes and times of change, without reading an
image. A new one is built beside the old one, which lends the digests of the files that did not
change, and then takes its place in one step: a reader never sees half an index.

Memory stays flat: SQLite sorts on disk, and entries are read by range.
"""

import hashlib
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

from ipvit.datasets.dataset import DatasetKind, Entry
from ipvit.datasets.index_build import Progress, build_index
from ipvit.datasets.layouts import Layout
from ipvit.datasets.scan import FoundImage, scan
from ipvit.datasets.sidecars import sidecar_digest
from ipvit.errors import InvalidDataset

__all__ = ["IndexedDataset", "Progress", "known_index", "open_index"]

log = logging.getLogger(__name__)

_INDEX_FILE = "index.sqlite"


@dataclass(frozen=True)
class _Summary:
    """The index's own account of the data set."""

    signature: str
    fingerprint: str
    images: int
    has_labels: bool
    has_masks: bool


class IndexedDataset:
    """A `Dataset` read from its index; safe to use from several threads and after a fork.

    It goes on showing the files as they were indexed when a newer index takes the place of this.
    """

    def __init__(self, name: str, layout: Layout, database: Path | sqlite3.Connection) -> None:
        self.name = name
        self.kind: DatasetKind = layout.kind
        self.root = layout.root
        self._lock = threading.Lock()
        self._process = os.getpid()
        self._path = database if isinstance(database, Path) else None
        self._connection = _connect(database) if isinstance(database, Path) else database
        self._summary = self._read_summary()
        self.fingerprint = self._summary.fingerprint
        self.signature = self._summary.signature
        rows = self._select("SELECT name FROM classes ORDER BY position")
        self.classes: Sequence[str] = tuple(row[0] for row in rows)

    def __del__(self) -> None:
        """Close the index; there is no other moment at which nobody needs it."""
        if self._process == os.getpid():
            self._connection.close()

    def __len__(self) -> int:
        """How many images it holds."""
        return self._summary.images

    def entries(self, start: int, stop: int) -> Sequence[Entry]:
        """Entries start … stop - 1, in the order of their paths."""
        rows = self._select(
            "SELECT path, label, truth FROM entries WHERE position >= ? AND position < ? "
            "ORDER BY position",
            (start, stop),
        )
        return [Entry(path, label, truth) for path, label, truth in rows]

    def digests(self, start: int, stop: int) -> Mapping[str, str]:
        """SHA-256 of the images start … stop - 1 as they were indexed, by path."""
        rows = self._select(
            "SELECT path, sha256 FROM entries JOIN digests USING (path) "
            "WHERE position >= ? AND position < ?",
            (start, stop),
        )
        return dict(rows)

    @property
    def has_labels(self) -> bool:
        """Whether every image has a label."""
        return self._summary.has_labels

    @property
    def has_masks(self) -> bool:
        """Whether every image has a ground-truth mask."""
        return self._summary.has_masks

    def _read_summary(self) -> _Summary:
        facts: dict[str, str] = dict(self._select("SELECT key, value FROM facts"))
        return _Summary(
            facts["signature"],
            facts["fingerprint"],
            int(facts["images"]),
            facts["has_labels"] == "1",
            facts["has_masks"] == "1",
        )

    def _select(self, query: str, values: Sequence[int] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            if self._process != os.getpid() and self._path is not None:
                self._reconnect(self._path)
            return self._connection.execute(query, values).fetchall()

    def _reconnect(self, path: Path) -> None:
        """In a forked process, which must not use the connection of its parent."""
        self._connection, self._process = _connect(path), os.getpid()
        row = self._connection.execute("SELECT value FROM facts WHERE key='signature'").fetchone()
        if row[0] != self.signature:
            raise InvalidDataset(f"data set {self.name!r} changed since it was opened")


def _connect(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(
        f"{path.as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False
    )


def open_index(
    name: str, layout: Layout, cache_dir: Path, progress: Progress | None = None
) -> IndexedDataset:
    """The data set of a layout, indexed anew if anything about its files changed.

    cache_dir: where indexes are kept; if nothing can be written there, this one stays in memory.
    Raises InvalidDataset if the files are no data set, or hold no image.
    """
    known = known_index(name, layout, cache_dir)
    if known is not None and known.signature == _signature(layout):
        return known
    folder = _index_folder(layout.root, cache_dir)
    old = folder / _INDEX_FILE if known is not None else None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        fresh = folder / f".{uuid4().hex}.sqlite"
        try:
            with closing(sqlite3.connect(fresh)) as connection:
                _build(connection, layout, old, progress)
            os.replace(fresh, folder / _INDEX_FILE)
        finally:
            fresh.unlink(missing_ok=True)
    except (OSError, sqlite3.Error) as error:
        log.warning("the index of %s stays in memory: %s", name, error)
        memory = sqlite3.connect(":memory:", check_same_thread=False)
        _build(memory, layout, None, progress)
        return IndexedDataset(name, layout, memory)
    return IndexedDataset(name, layout, folder / _INDEX_FILE)


def known_index(name: str, layout: Layout, cache_dir: Path) -> IndexedDataset | None:
    """The data set as it was indexed last, without a look at its files; None if it never was."""
    path = _index_folder(layout.root, cache_dir) / _INDEX_FILE
    if not path.is_file():
        return None
    try:
        return IndexedDataset(name, layout, path)
    except (sqlite3.Error, KeyError, ValueError) as error:
        log.warning("the index of %s cannot be read and is built anew: %s", name, error)
        return None


def _index_folder(root: Path, cache_dir: Path) -> Path:
    key = hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:24]
    return cache_dir.absolute() / "dataset-indexes" / key


def _build(
    connection: sqlite3.Connection, layout: Layout, old: Path | None, progress: Progress | None
) -> None:
    seen = _Signature(layout)
    build_index(connection, layout, seen.through(scan(layout)), old, progress)
    connection.execute("INSERT INTO facts VALUES ('signature', ?)", (seen.text(),))
    connection.commit()


def _signature(layout: Layout) -> str:
    seen = _Signature(layout)
    for _ in seen.through(scan(layout)):
        pass
    return seen.text()


class _Signature:
    """A number that changes with any file's name, size or time of change.

    The sum of a hash of each file, so that neither order nor memory matters.
    """

    def __init__(self, layout: Layout) -> None:
        self._fixed = f"{layout.kind} {sidecar_digest(layout.root)}"
        self._sum = 0

    def through(self, images: Iterator[FoundImage]) -> Iterator[FoundImage]:
        """Pass images on and take note of them."""
        for image in images:
            digest = hashlib.blake2b(repr(image).encode(), digest_size=16).digest()
            self._sum += int.from_bytes(digest, "little")
            yield image

    def text(self) -> str:
        """The signature of what passed so far."""
        return hashlib.sha256(f"{self._fixed} {self._sum}".encode()).hexdigest()
