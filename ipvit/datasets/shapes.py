"""The sample `shapes-with-masks`: drawn pictures whose ground truth is exact.

One to three shapes with a texture each, before a background of another texture, both from the
same family, so that texture alone gives no object away. The palette index of a mask is the shape:
1 disc … `SHAPES`. There is no void border, since the edge is known to the pixel.

`python -m ipvit.datasets.shapes FOLDER` draws the sample anew. The draws are raw words of a
counter-based generator: the same everywhere.
"""

import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ipvit.datasets.textures import Draw, texture

__all__ = ["SHAPES", "draw_picture", "write_shapes"]

SAMPLE_SEED, SAMPLE_IMAGES = 2105, 64
_SMALLEST_PX, _LARGEST_PX = 160, 224

_Mask = npt.NDArray[np.bool_]
_Plane = npt.NDArray[np.float64]

ABOUT = {
    "title": "Shapes with masks",
    "description": "64 drawn pictures (160 to 224 px) of one to three textured shapes before a "
    "textured background, with masks that are exact to the pixel. Object and background draw on "
    "the same textures, so that shape tells them apart.",
    "credit": "Drawn by ipvit/datasets/shapes.py",
    "licence": "Apache-2.0, as this project",
}


def _polygon(corners: int, x: _Plane, y: _Plane) -> _Mask:
    """A regular polygon in the unit circle."""
    half = np.pi / corners
    angle = np.mod(np.arctan2(y, x), 2 * half) - half
    return np.asarray(np.hypot(x, y) * np.cos(angle) <= np.cos(half))


def _star(x: _Plane, y: _Plane) -> _Mask:
    """Five points, straight-edged, inner corners at 0.45 of the outer ones."""
    half, inner = np.pi / 5, 0.45
    angle = np.abs(np.mod(np.arctan2(y, x), 2 * half) - half)
    # The edge from the tip (angle `half` away) to the inner corner, in polar form.
    tip, notch = np.array([np.cos(half), np.sin(half)]), np.array([inner, 0.0])
    normal = np.array([tip[1] - notch[1], notch[0] - tip[0]])
    reach = (normal @ notch) / (normal[0] * np.cos(angle) + normal[1] * np.sin(angle))
    return np.asarray(np.hypot(x, y) <= reach)


SHAPES: Mapping[str, Callable[[_Plane, _Plane], _Mask]] = {
    "disc": lambda x, y: np.hypot(x, y) <= 0.9,
    "ellipse": lambda x, y: np.hypot(x, y / 0.55) <= 1,
    "triangle": lambda x, y: _polygon(3, x, y),
    "square": lambda x, y: _polygon(4, x, y),
    "hexagon": lambda x, y: _polygon(6, x, y),
    "star": _star,
    "ring": lambda x, y: (np.hypot(x, y) <= 0.95) & (np.hypot(x, y) >= 0.5),
    "cross": lambda x, y: (
        (np.maximum(np.abs(x), np.abs(y)) <= 0.9) & (np.minimum(np.abs(x), np.abs(y)) <= 0.32)
    ),
    "crescent": lambda x, y: (np.hypot(x, y) <= 0.95) & (np.hypot(x - 0.45, y) >= 0.7),
    "blob": lambda x, y: (
        np.hypot(x, y)
        <= 0.7 + 0.14 * np.sin(3 * np.arctan2(y, x)) + 0.1 * np.cos(5 * np.arctan2(y, x) + 1)
    ),
}


def draw_picture(seed: int, number: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """One picture and its ground truth.

    Returns (H, W, 3) uint8 RGB, and (H, W) uint8: 0 background, else 1 + the shape's place in
    `SHAPES`. Later shapes lie over earlier ones; each that the mask names shows at least 2 % of
    the picture.
    """
    draw = Draw(seed, f"shapes/{number}")
    height, width = (draw.whole(_SMALLEST_PX, _LARGEST_PX) for _ in range(2))
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    picture = texture(draw, height, width)
    truth = np.zeros((height, width), dtype=np.uint8)
    for _ in range(draw.whole(1, 3)):
        kind = draw.whole(0, len(SHAPES) - 1)
        inside = _placed(draw, list(SHAPES.values())[kind], rows, columns)
        after = np.where(inside, np.uint8(kind + 1), truth)
        if _too_small(after, truth):
            continue
        truth = after
        light = 1.15 - 0.35 * (rows + columns) / (height + width)
        picture = np.where(
            inside[..., None], texture(draw, height, width) * light[..., None], picture
        )
    return np.clip(np.rint(picture * 255), 0, 255).astype(np.uint8), truth


def _placed(
    draw: Draw, shape: Callable[[_Plane, _Plane], _Mask], rows: _Plane, columns: _Plane
) -> _Mask:
    """A shape of random size, place and turn, wholly inside the picture."""
    height, width = rows.shape
    radius = draw.between(0.2, 0.38) * min(height, width)
    middle_row, middle_column = (draw.between(radius, side - radius) for side in (height, width))
    turn = draw.between(0, 2 * np.pi)
    x, y = (columns - middle_column) / radius, (rows - middle_row) / radius
    return shape(np.cos(turn) * x + np.sin(turn) * y, np.cos(turn) * y - np.sin(turn) * x)


def _too_small(after: npt.NDArray[np.uint8], before: npt.NDArray[np.uint8]) -> bool:
    """Whether the new shape, or what it leaves of an earlier one, can hardly be seen."""
    named = {*np.unique(before), *np.unique(after)} - {0}
    return any(np.count_nonzero(after == value) < 0.02 * after.size for value in named)


def write_shapes(folder: Path, seed: int, images: int) -> None:
    """Write a data set in the layout of PASCAL VOC."""
    names = [f"shapes_{number:04d}" for number in range(images)]
    for part in ("JPEGImages", "SegmentationClass", "ImageSets/Segmentation"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    for number, name in enumerate(names):
        picture, truth = draw_picture(seed, number)
        Image.fromarray(picture).save(folder / "JPEGImages" / f"{name}.jpg", quality=90)
        mask = Image.fromarray(truth).convert("P")
        mask.putpalette(_palette())
        mask.save(folder / "SegmentationClass" / f"{name}.png", optimize=True)
    listed = folder / "ImageSets" / "Segmentation" / "val.txt"
    listed.write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    about = json.dumps(ABOUT, indent=2, ensure_ascii=False)
    (folder / "about.json").write_text(about + "\n", encoding="utf-8")


def _palette() -> list[int]:
    """Colours far apart for 1 … len(SHAPES); 0 is black."""
    hues = np.arange(len(SHAPES)) / len(SHAPES)
    waves = np.stack([np.cos(2 * np.pi * (hues - third / 3)) for third in range(3)], axis=1)
    colours = np.rint(127.5 + 127.5 * waves).astype(int)
    return [0, 0, 0, *colours.ravel().tolist()]


if __name__ == "__main__":
    write_shapes(Path(sys.argv[1]), SAMPLE_SEED, SAMPLE_IMAGES)
