"""What a data set is to an experiment: entries in a fixed order, classes, and a fingerprint.

Torch-free. Entries are read by range from an index on disk, so that a data set of any size takes
little memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

__all__ = ["Dataset", "DatasetKind", "Entry"]

DatasetKind = Literal["folder", "csv", "voc"]


@dataclass(frozen=True)
class Entry:
    """One image.

    path: relative to the data set's root, with "/" between folders; the key of its random draws.
    label: index into `Dataset.classes`, None where the set has no labels.
    truth: relative path of its ground-truth mask (PNG, 0 background, 255 void), or None.
    """

    path: str
    label: int | None
    truth: str | None = None


class Dataset(Protocol):
    """A data set that was found and indexed."""

    name: str
    kind: DatasetKind
    root: Path
    classes: Sequence[str]
    fingerprint: str

    def __len__(self) -> int:
        """How many images it holds."""
        ...

    def entries(self, start: int, stop: int) -> Sequence[Entry]:
        """Entries start … stop - 1, in the order of their paths."""
        ...

    @property
    def has_labels(self) -> bool:
        """Whether every image has a label."""
        ...

    @property
    def has_masks(self) -> bool:
        """Whether every image has a ground-truth mask."""
        ...
