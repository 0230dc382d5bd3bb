"""Small data sets on disk, of real images."""

import io
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image


def image_bytes(number: int, size: tuple[int, int] = (20, 16), file_format: str = "PNG") -> bytes:
    """An image of noise that no other number has."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, file_format)
    return data.getvalue()


def mask_bytes(values: np.ndarray) -> bytes:
    """A palette PNG of those indices."""
    mask = Image.fromarray(values.astype(np.uint8)).convert("P")
    mask.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    data = io.BytesIO()
    mask.save(data, "PNG")
    return data.getvalue()


def write(root: Path, files: Iterable[str]) -> Path:
    """Write an image of its own at each path."""
    for number, file in enumerate(files):
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(image_bytes(number))
    return root


def class_folder(root: Path, images: int = 6, classes: Iterable[str] = ("cat", "dog")) -> Path:
    return write(root, (f"{name}/{number:03d}.png" for name in classes for number in range(images)))


def voc_folder(root: Path, names: Iterable[str] = ("a", "b", "c")) -> Path:
    for number, name in enumerate(names):
        image, mask = (
            root / "JPEGImages" / f"{name}.jpg",
            root / "SegmentationClass" / f"{name}.png",
        )
        for path, data in (
            (image, image_bytes(number, file_format="JPEG")),
            (mask, mask_bytes(np.full((16, 20), number))),
        ):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    return root


def zip_of(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


def zipped_classes(images: int = 3, top: str = "") -> bytes:
    return zip_of(
        {
            f"{top}{name}/{number}.png": image_bytes(10 * place + number)
            for place, name in enumerate(("cat", "dog"))
            for number in range(images)
        }
    )
