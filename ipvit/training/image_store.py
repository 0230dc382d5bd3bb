"""Images of a data set, decoded once and kept as one memory-mapped uint8 array.

Three layouts are read: a folder with `train/<class>/*` and `test/<class>/*`, and torchvision's
CIFAR-10 and CIFAR-100 directories. Decoded images are cached under the data set's content hash,
so that a second run starts at once and larger sets need not fit into memory.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from ipvit.errors import InvalidInput
from ipvit.training.cifar_files import is_cifar_layout, read_cifar

__all__ = ["ImageSet", "open_image_set"]

IMAGE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp"})
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ImageSet:
    """One split. images: (N, 3, px, px) uint8; labels: (N,) int64; fingerprint: hex sha256."""

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.labels)


def open_image_set(
    root: Path, split: str, px: int, cache_dir: Path, progress: Progress | None = None
) -> ImageSet:
    """Open `split` ("train" or "test") of the data set under `root` at px x px.

    Images are resized (shorter side to px, bilinear, antialiased) and centre-cropped.
    Raises InvalidInput if the directory holds neither an image folder nor a CIFAR layout.
    """
    if is_cifar_layout(root):
        pixels, labels, classes = read_cifar(root, split)
        digest = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
        if px != pixels.shape[-1]:
            pixels = np.stack([_square(Image.fromarray(p.transpose(1, 2, 0)), px) for p in pixels])
        return ImageSet(pixels, labels, classes, digest)
    folder = root / split
    if not folder.is_dir():
        raise InvalidInput(
            f"expected {root} to hold train/ and test/ folders of classes, or a CIFAR layout; "
            f"there is no {folder}",
            field="data",
        )
    return _open_folder(folder, px, cache_dir, progress)


def _open_folder(folder: Path, px: int, cache_dir: Path, progress: Progress | None) -> ImageSet:
    classes = tuple(sorted(entry.name for entry in folder.iterdir() if entry.is_dir()))
    files = [
        (path, index)
        for index, name in enumerate(classes)
        for path in sorted((folder / name).rglob("*"))
        if path.suffix.lower() in IMAGE_SUFFIXES
    ]
    if not files:
        raise InvalidInput(f"{folder} holds no images in class folders", field="data")
    paths = [path for path, _ in files]
    labels = np.array([label for _, label in files], dtype=np.int64)
    stem = cache_dir / f"{_listing_key(folder, paths)}-{px}"
    array_file, note_file = stem.with_suffix(".npy"), stem.with_suffix(".json")
    if not note_file.exists():
        fingerprint = _decode_all(folder, paths, px, array_file, progress)
        note_file.write_text(json.dumps({"fingerprint": fingerprint}))
    fingerprint = json.loads(note_file.read_text())["fingerprint"]
    return ImageSet(np.load(array_file, mmap_mode="r"), labels, classes, fingerprint)


def _listing_key(folder: Path, paths: Sequence[Path]) -> str:
    """Key of a folder's listing: names, sizes and times, read without opening a file."""
    key = hashlib.sha256()
    for path in paths:
        status = path.stat()
        key.update(f"{path.relative_to(folder)}|{status.st_size}|{status.st_mtime_ns}\n".encode())
    return key.hexdigest()[:24]


def _decode_all(
    folder: Path, paths: Sequence[Path], px: int, array_file: Path, progress: Progress | None
) -> str:
    """Decode every file into `array_file`; return the sha256 over names and contents."""
    array_file.parent.mkdir(parents=True, exist_ok=True)
    partial = array_file.with_suffix(".part.npy")
    array = np.lib.format.open_memmap(
        partial, mode="w+", dtype=np.uint8, shape=(len(paths), 3, px, px)
    )
    content = hashlib.sha256()
    with ThreadPoolExecutor() as pool:
        decoded = pool.map(lambda path: _decode(path, px), paths)
        for index, (pixels, digest) in enumerate(decoded):
            array[index] = pixels
            content.update(f"{paths[index].relative_to(folder)}|".encode() + digest)
            if progress is not None:
                progress(index + 1, len(paths))
    array.flush()
    partial.replace(array_file)
    return content.hexdigest()


def _decode(path: Path, px: int) -> tuple[np.ndarray, bytes]:
    data = path.read_bytes()
    with Image.open(path) as image:
        return _square(image.convert("RGB"), px), hashlib.sha256(data).digest()


def _square(image: Image.Image, px: int) -> np.ndarray:
    """Shorter side to px (bilinear, antialiased), centre crop; returns (3, px, px) uint8."""
    width, height = image.size
    scale = px / min(width, height)
    if scale != 1.0:
        size = (max(px, round(width * scale)), max(px, round(height * scale)))
        image = image.resize(size, Image.Resampling.BILINEAR)
    left, top = (image.width - px) // 2, (image.height - px) // 2
    pixels = np.asarray(image.crop((left, top, left + px, top + px)))
    return pixels.transpose(2, 0, 1)
