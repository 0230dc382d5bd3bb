"""Read the directories torchvision leaves behind for CIFAR-10 and CIFAR-100.

They are pickles, so they are read by an unpickler that allows numpy arrays and nothing else.
"""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from ipvit.errors import InvalidInput

__all__ = ["is_cifar_layout", "read_cifar"]

_ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}


class _ArrayUnpickler(pickle.Unpickler):
    """Refuses every class but those that make up a numpy array."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise InvalidInput(
                f"a CIFAR file holds {module}.{name}; only numpy arrays are read", field="data"
            )
        return super().find_class(module, name)


def _layout(root: Path) -> tuple[Path, dict[str, list[str]], str, str] | None:
    """The directory, its files for each split, and the names of label and class-name entries."""
    for ten in (root, root / "cifar-10-batches-py"):
        if (ten / "batches.meta").is_file():
            train = [f"data_batch_{number}" for number in range(1, 6)]
            return ten, {"train": train, "test": ["test_batch"]}, "labels", "label_names"
    for hundred in (root, root / "cifar-100-python"):
        if (hundred / "meta").is_file():
            files = {"train": ["train"], "test": ["test"]}
            return hundred, files, "fine_labels", "fine_label_names"
    return None


def is_cifar_layout(root: Path) -> bool:
    """Whether `root` is, or holds, a directory of torchvision's CIFAR files."""
    return _layout(root) is not None


def read_cifar(root: Path, split: str) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Return images (N, 3, 32, 32) uint8, labels (N,) int64 and class names of a split."""
    layout = _layout(root)
    if layout is None:
        raise InvalidInput(f"{root} is no CIFAR layout", field="data")
    directory, files, label_entry, names_entry = layout
    batches = [_read(directory / name) for name in files[split] if (directory / name).is_file()]
    if not batches:
        raise InvalidInput(f"{directory} holds none of {', '.join(files[split])}", field="data")
    images = np.concatenate([np.asarray(batch["data"], dtype=np.uint8) for batch in batches])
    labels = np.concatenate([np.asarray(batch[label_entry], dtype=np.int64) for batch in batches])
    meta = _read(directory / ("batches.meta" if names_entry == "label_names" else "meta"))
    return images.reshape(-1, 3, 32, 32), labels, tuple(meta[names_entry])


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        entries: dict[str, Any] = _ArrayUnpickler(file, encoding="latin1").load()
    return entries
