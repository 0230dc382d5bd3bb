"""Walk a data set's files: one `FoundImage` each, in no particular order, none kept in memory."""

import csv
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ipvit.datasets.layouts import (
    IMAGE_SUFFIXES,
    LABELS_FILE,
    VOC_IMAGES,
    VOC_MASKS,
    Layout,
    is_image_name,
    listing,
)
from ipvit.errors import InvalidDataset

__all__ = ["FileStamp", "FoundImage", "scan", "stamp_of"]

_VOC_LIST = Path("ImageSets/Segmentation/val.txt")
_DEEPEST_FOLDER = 16


@dataclass(frozen=True)
class FileStamp:
    """By what a changed file is told: its size in bytes and the time of its last change."""

    size_bytes: int
    mtime_ns: int


@dataclass(frozen=True)
class FoundImage:
    """An image as it lies on disk; paths are relative to the root, with "/" between folders."""

    path: str
    stamp: FileStamp
    class_name: str | None = None
    truth: str | None = None
    truth_stamp: FileStamp | None = None


def scan(layout: Layout) -> Iterator[FoundImage]:
    """Every image of a data set.

    Raises InvalidDataset if a file that is named is missing, or a list cannot be read.
    """
    if layout.kind == "voc":
        return _scan_voc(layout.root)
    if layout.kind == "csv":
        return _scan_csv(layout.root)
    return _scan_folder(layout.root)


def stamp_of(root: Path, path: str) -> FileStamp:
    """The stamp of a file of the data set.

    Raises InvalidDataset if it is missing, or no ordinary file.
    """
    try:
        status = os.stat(root / path)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InvalidDataset(f"expected the file {path!r} in the data set: {reason}") from error
    if not stat.S_ISREG(status.st_mode):
        raise InvalidDataset(f"expected an ordinary file, got {path!r}")
    return FileStamp(status.st_size, status.st_mtime_ns)


def _scan_folder(root: Path) -> Iterator[FoundImage]:
    for entry in listing(root):
        if entry.is_dir():
            yield from _scan_class(Path(entry.path), entry.name, entry.name, depth=1)
        elif is_image_name(entry.name):
            yield FoundImage(_told(entry.name), _entry_stamp(entry))


def _scan_class(folder: Path, prefix: str, class_name: str, depth: int) -> Iterator[FoundImage]:
    if depth > _DEEPEST_FOLDER:
        raise InvalidDataset(
            f"expected at most {_DEEPEST_FOLDER} folders inside each other, got {prefix!r}"
        )
    for entry in listing(folder):
        path = f"{prefix}/{entry.name}"
        if entry.is_dir():
            yield from _scan_class(Path(entry.path), path, class_name, depth + 1)
        elif is_image_name(entry.name):
            yield FoundImage(_told(path), _entry_stamp(entry), class_name)


def _entry_stamp(entry: os.DirEntry[str]) -> FileStamp:
    try:
        status = entry.stat()
    except OSError as error:
        raise InvalidDataset(f"cannot read {entry.name!r}: {error.strerror}") from error
    return FileStamp(status.st_size, status.st_mtime_ns)


def _told(path: str) -> str:
    """The path, once it is known to be text; names are keys of draws and stand in results."""
    try:
        path.encode()
    except UnicodeEncodeError as error:
        raise InvalidDataset(f"expected file names in UTF-8, got {os.fsencode(path)!r}") from error
    return path


def _scan_voc(root: Path) -> Iterator[FoundImage]:
    for name in _voc_names(root):
        image = _voc_image(root, name)
        truth = f"{VOC_MASKS}/{name}.png"
        yield FoundImage(image, stamp_of(root, image), None, truth, stamp_of(root, truth))


def _voc_names(root: Path) -> Iterator[str]:
    wanted = root / _VOC_LIST
    if not wanted.is_file():
        masks = (entry.name for entry in listing(root / VOC_MASKS))
        yield from (_told(name)[:-4] for name in masks if name.lower().endswith(".png"))
        return
    try:
        with wanted.open(encoding="utf-8-sig") as lines:
            for line in lines:
                if name := line.strip():
                    yield _inside(name, _VOC_LIST.name)
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidDataset(f"expected {_VOC_LIST} as UTF-8 text: {error}") from error


def _voc_image(root: Path, name: str) -> str:
    for suffix in IMAGE_SUFFIXES:
        path = f"{VOC_IMAGES}/{name}{suffix}"
        if (root / path).is_file():
            return path
    raise InvalidDataset(f"expected an image {VOC_IMAGES}/{name}.jpg for its mask, found none")


def _inside(file: str, where: str) -> str:
    """A relative path that a list names, once it is known to stay inside the data set."""
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or "\0" in file:
        raise InvalidDataset(f"{where}: expected a path inside the data set, got {file!r}")
    return _told(str(path))


def _scan_csv(root: Path) -> Iterator[FoundImage]:
    try:
        with (root / LABELS_FILE).open(newline="", encoding="utf-8-sig") as lines:
            rows = csv.DictReader(lines, strict=True)
            columns = rows.fieldnames or ()
            if not {"file", "label"} <= set(columns):
                raise InvalidDataset(
                    f"expected the columns file and label in {LABELS_FILE}, got "
                    f"{', '.join(columns) or 'an empty file'}"
                )
            for row in rows:
                yield _csv_image(root, row["file"], row["label"], rows.line_num)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InvalidDataset(f"expected {LABELS_FILE} as UTF-8 CSV: {error}") from error


def _csv_image(root: Path, file: str | None, label: str | None, line: int) -> FoundImage:
    where = f"{LABELS_FILE}, line {line}"
    file, label = (file or "").strip(), (label or "").strip()
    if not file or not label:
        raise InvalidDataset(f"{where}: expected a file and a label, got {file!r} and {label!r}")
    path = _inside(file, where)
    return FoundImage(path, stamp_of(root, path), label)
