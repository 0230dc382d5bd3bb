"""What kind of data set a folder holds, told by its content alone.

- "voc": `JPEGImages` and `SegmentationClass`, with `ImageSets/Segmentation/val.txt` if there.
- "csv": a `labels.csv` with the columns `file` and `label`.
- "folder": a folder a class, each with images at any depth; or images alone, without labels.

A folder that only wraps one other is looked through (`VOCdevkit/VOC2012`, an archive's top
folder). Folders named as splits (`train`, `val`, `test`) are data sets of their own. Names that
begin with a dot, and `__MACOSX`, do not count.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from ipvit.datasets.dataset import DatasetKind
from ipvit.errors import InvalidDataset

__all__ = ["IMAGE_SUFFIXES", "LABELS_FILE", "Layout", "find_layouts", "is_image_name", "listing"]

IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif")
"""What counts as an image, in any case of letters; the bytes decide whether it is one."""

LABELS_FILE = "labels.csv"
VOC_IMAGES, VOC_MASKS = "JPEGImages", "SegmentationClass"
SPLIT_NAMES = frozenset(
    ("train", "training", "val", "valid", "validation", "dev", "test", "testing")
)

_MOST_WRAPPERS = 4


@dataclass(frozen=True)
class Layout:
    """Where a data set's files begin, and how to read them."""

    kind: DatasetKind
    root: Path


def find_layouts(folder: Path) -> Mapping[str, Layout]:
    """The data sets in a folder: one under "", or one for each split under the split's name.

    Raises InvalidDataset if it is no readable folder or holds no images.
    """
    for _ in range(_MOST_WRAPPERS):
        kind = _kind_of(folder)
        if kind is not None:
            return {"": Layout(kind, folder)}
        subfolders = [entry for entry in listing(folder) if entry.is_dir()]
        if len(subfolders) == 1:
            folder = Path(subfolders[0].path)
            continue
        if subfolders and all(entry.name.lower() in SPLIT_NAMES for entry in subfolders):
            splits = {entry.name: find_layouts(Path(entry.path)) for entry in subfolders}
            return {name: found[""] for name, found in splits.items() if "" in found}
        break
    raise InvalidDataset(
        f"expected an image folder (a folder a class), {LABELS_FILE} beside images, or PASCAL "
        f"VOC's {VOC_IMAGES} and {VOC_MASKS}; found none of them in {folder.name!r}"
    )


def is_image_name(name: str) -> bool:
    """Whether a file's name says that it is an image."""
    return name.lower().endswith(IMAGE_SUFFIXES)


def listing(folder: Path) -> Iterator[os.DirEntry[str]]:
    """What lies in a folder and counts, in no particular order, one at a time.

    Raises InvalidDataset if it cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            yield from (entry for entry in entries if _counts(entry.name))
    except OSError as error:
        raise InvalidDataset(
            f"expected a readable folder, got {folder.name!r}: {error.strerror}"
        ) from error


def _counts(name: str) -> bool:
    return not name.startswith(".") and name != "__MACOSX"


def _kind_of(folder: Path) -> DatasetKind | None:
    """The kind of data set whose root this very folder is, None if it is none."""
    if (folder / VOC_IMAGES).is_dir() and (folder / VOC_MASKS).is_dir():
        return "voc"
    if (folder / LABELS_FILE).is_file():
        return "csv"
    loose = _holds_images(folder)
    subfolders = (entry for entry in listing(folder) if entry.is_dir())
    with_images = [entry.name for entry in subfolders if _holds_images(Path(entry.path))]
    if loose and with_images:
        raise InvalidDataset(
            f"expected images either in {folder.name!r} or in its folders, one a class; found "
            f"them in both (such as folder {min(with_images)!r})"
        )
    splits = len(with_images) > 1 and all(name.lower() in SPLIT_NAMES for name in with_images)
    return "folder" if loose or (with_images and not splits) else None


def _holds_images(folder: Path) -> bool:
    return any(is_image_name(entry.name) and entry.is_file() for entry in listing(folder))
