"""Build an index: sort what the scan found, read every file once for its digest."""

import hashlib
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ipvit.datasets.layouts import Layout
from ipvit.datasets.scan import FoundImage
from ipvit.datasets.sidecars import sidecar_digest
from ipvit.errors import InvalidDataset

__all__ = ["Progress", "build_index"]

Progress = Callable[[int, int], None]
"""Called with (images done, images in all)."""

_TABLES = """
CREATE TABLE facts (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE classes (position INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE found (
  path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, class_name TEXT,
  truth TEXT, truth_size INTEGER, truth_mtime INTEGER
) WITHOUT ROWID;
CREATE TABLE entries (
  position INTEGER PRIMARY KEY, path TEXT NOT NULL, label INTEGER, truth TEXT
);
CREATE TABLE digests (
  path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, sha256 TEXT NOT NULL
) WITHOUT ROWID;
"""

_IN_ORDER = """
SELECT path, size, mtime, classes.position, class_name, truth, truth_size, truth_mtime
FROM found LEFT JOIN classes ON classes.name = class_name ORDER BY path
"""

_READ_TOGETHER = 256

_FoundRow = tuple[str, int, int, int | None, str | None, str | None, int, int]
_File = tuple[str, int, int]
"""Path, size and time of change."""


def build_index(
    connection: sqlite3.Connection,
    layout: Layout,
    images: Iterator[FoundImage],
    old: Path | None,
    progress: Progress | None,
) -> None:
    """Fill an empty database with the entries of a data set.

    old: an index whose digests of unchanged files are taken over.
    Raises InvalidDataset if there is no image, a path is listed twice or a file unreadable.
    """
    # The file takes its place only when it is whole: no journal is needed to build it.
    connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF;" + _TABLES)
    try:
        connection.executemany("INSERT INTO found VALUES (?,?,?,?,?,?,?)", map(_found_row, images))
    except sqlite3.IntegrityError as error:
        raise InvalidDataset("expected each image once, got one that is listed twice") from error
    connection.execute(
        "INSERT INTO classes SELECT row_number() OVER (ORDER BY class_name) - 1, class_name "
        "FROM (SELECT DISTINCT class_name FROM found WHERE class_name IS NOT NULL)"
    )
    count, labelled, masked = connection.execute(
        "SELECT count(*), count(class_name), count(truth) FROM found"
    ).fetchone()
    if count == 0:
        raise InvalidDataset(f"expected at least one image in {layout.root.name!r}, found none")
    facts = {
        "fingerprint": _fill_entries(connection, layout, count, old, progress),
        "images": str(count),
        "has_labels": str(int(labelled == count)),
        "has_masks": str(int(masked == count)),
    }
    connection.executemany("INSERT INTO facts VALUES (?,?)", facts.items())
    connection.execute("DROP TABLE found")


def _found_row(image: FoundImage) -> tuple[str | int | None, ...]:
    truth = image.truth_stamp
    return (
        image.path,
        image.stamp.size_bytes,
        image.stamp.mtime_ns,
        image.class_name,
        image.truth,
        truth.size_bytes if truth else None,
        truth.mtime_ns if truth else None,
    )


def _fill_entries(
    connection: sqlite3.Connection,
    layout: Layout,
    count: int,
    old: Path | None,
    progress: Progress | None,
) -> str:
    """Number the images by path and return the fingerprint over everything they hold."""
    fingerprint = hashlib.sha256(f"{layout.kind} {sidecar_digest(layout.root)}\n".encode())
    found = connection.execute(_IN_ORDER)
    done = 0
    with _Digests(connection, layout.root, old) as digests:
        while rows := found.fetchmany(_READ_TOGETHER):
            known = digests.of(_files_of(rows))
            entries = []
            for position, row in enumerate(rows, start=done):
                path, _, _, label, class_name, truth, *_ = row
                told = (path, known[path], class_name, truth, known[truth] if truth else None)
                fingerprint.update(f"{told!r}\n".encode())
                entries.append((position, path, label, truth))
            connection.executemany("INSERT INTO entries VALUES (?,?,?,?)", entries)
            done += len(rows)
            if progress is not None:
                progress(done, count)
    return fingerprint.hexdigest()


def _files_of(rows: Sequence[_FoundRow]) -> Iterator[_File]:
    for path, size, mtime, _, _, truth, truth_size, truth_mtime in rows:
        yield path, size, mtime
        if truth is not None:
            yield truth, truth_size, truth_mtime


class _Digests:
    """SHA-256 of files: from an old index where they are unchanged, else by reading them."""

    def __init__(self, connection: sqlite3.Connection, root: Path, old: Path | None) -> None:
        self._connection = connection
        self._root = root
        self._old = sqlite3.connect(f"{old.as_uri()}?mode=ro", uri=True) if old else None
        self._threads = ThreadPoolExecutor(min(8, os.cpu_count() or 1))

    def __enter__(self) -> "_Digests":
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        if self._old is not None:
            self._old.close()

    def of(self, files: Iterator[_File]) -> dict[str, str]:
        """The digest of each file, by path; kept for the next index."""
        wanted = list(files)
        digests = {file[0]: digest for file in wanted if (digest := self._remembered(file))}
        unread = [file[0] for file in wanted if file[0] not in digests]
        digests.update(zip(unread, self._threads.map(self._read, unread), strict=True))
        self._connection.executemany(
            "INSERT OR REPLACE INTO digests VALUES (?,?,?,?)",
            [(*file, digests[file[0]]) for file in wanted],
        )
        return digests

    def _remembered(self, file: _File) -> str | None:
        if self._old is None:
            return None
        query = "SELECT sha256 FROM digests WHERE path=? AND size=? AND mtime=?"
        row: tuple[str] | None = self._old.execute(query, file).fetchone()
        return row[0] if row else None

    def _read(self, path: str) -> str:
        try:
            with open(self._root / path, "rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise InvalidDataset(f"cannot read {path!r}: {error.strerror}") from error
