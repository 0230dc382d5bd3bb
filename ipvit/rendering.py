"""Pictures for people: what the model saw, where it looked, what it took for foreground.

Pictures are drawn at display size (longest side at most 768 px) from the very grid the model
saw, never by enlarging its input, so that a 32 px model's picture is sharp too. What lies
outside the model's crop is faded. Heatmaps are enlarged bicubically for the eye; masks keep the
sharp edges of their cells, as the numbers beside them do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from ipvit.grid import Grid
from ipvit.images import DecodedImage
from ipvit.preprocessing import Preprocessing, crop_box

__all__ = [
    "Display",
    "composite",
    "heatmap_overlay",
    "mask_image",
    "render_dropped",
    "render_segmentation",
    "render_shuffled",
]

Mask = npt.NDArray[np.bool_]
Pixels = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]

PAPER = np.array((236, 238, 242), dtype=np.float32)
"""What is outside the crop fades towards this pale grey."""
ACCENT = np.array((255, 106, 61), dtype=np.float32)
"""The tint of a segmented object; its contour is drawn in it, on white."""
COLUMNS = 4
"""Pictures beside each other in a composite."""


@dataclass(frozen=True, eq=False)
class Display:
    """A photo at display size, and where in it the model looks.

    image: mode RGB. box: (left, top, right, bottom) in px of `image`, what the model sees.
    input_px: how many px of the model's (square) input the box spans.
    """

    image: Image.Image
    box: tuple[int, int, int, int]
    input_px: int

    @classmethod
    def of(
        cls, decoded: DecodedImage, preprocessing: Preprocessing, seen_px: int | None = None
    ) -> Self:
        """The display of an upload.

        seen_px: how much of the model's input, from its upper left corner, whole patches cover;
        None is all of it.
        """
        input_px = preprocessing.crop_px if seen_px is None else seen_px
        image = decoded.display
        left, top, right, bottom = crop_box(image.width, image.height, preprocessing)
        seen = input_px / preprocessing.crop_px
        box = (left, top, left + (right - left) * seen, top + (bottom - top) * seen)
        limits = (image.width, image.height) * 2
        whole = [min(max(round(edge), 0), limit) for edge, limit in zip(box, limits, strict=True)]
        # An image of a few pixels still shows one.
        return cls(image, (whole[0], whole[1], max(whole[2], 1), max(whole[3], 1)), input_px)

    @property
    def inside(self) -> tuple[slice, slice]:
        """The box as an index into an (H, W, …) array."""
        left, top, right, bottom = self.box
        return slice(top, bottom), slice(left, right)

    @property
    def box_size(self) -> tuple[int, int]:
        """The box's (height, width) in px."""
        left, top, right, bottom = self.box
        return bottom - top, right - left

    def faded(self) -> Pixels:
        """The photo (H, W, 3), faded outside the box."""
        photo = np.asarray(self.image)
        picture = (photo * 0.3 + PAPER * 0.7).astype(np.uint8)
        picture[self.inside] = photo[self.inside]
        return picture


def render_dropped(display: Display, mask: Mask, offset_px: int = 0) -> Image.Image:
    """The photo with the dropped patches black, as the model sees them.

    mask: (rows, cols), True where dropped. offset_px: of the model's input, right and down.
    """
    picture = display.faded()
    picture[display.inside][_enlarged(display, mask, offset_px)] = 0
    return Image.fromarray(picture)


def render_shuffled(display: Display, permutation: Indices, grid: Grid) -> Image.Image:
    """The photo with its cells permuted: cell i shows cell permutation[i]."""
    height, width = display.box_size
    rows, down = _cells(height, grid.rows)
    cols, across = _cells(width, grid.cols)
    source = permutation.reshape(grid.rows, grid.cols)[np.ix_(rows, cols)]
    y = (source // grid.cols + down[:, None]) * (height / grid.rows)
    x = (source % grid.cols + across[None, :]) * (width / grid.cols)
    picture = display.faded()
    seen = picture[display.inside]
    picture[display.inside] = seen[y.astype(np.int64), x.astype(np.int64)]
    return Image.fromarray(picture)


def heatmap_overlay(display: Display, weights: npt.NDArray[np.floating]) -> Image.Image:
    """The photo, greyed, under the colours of an attention map.

    weights: (rows, cols), any range; the smallest is darkest and the largest brightest.
    """
    height, width = display.box_size
    small = Image.fromarray(weights.astype(np.float32))
    large = np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))
    low, high = float(weights.min()), float(weights.max())
    heat = ((large - low) / (high - low or 1.0)).clip(0, 1)
    picture = display.faded()
    grey = np.asarray(display.image.convert("L"))[display.inside][..., None]
    opacity = (0.45 + 0.35 * heat)[..., None]
    colours = _heat_colours()[(heat * 255).astype(np.uint8)]
    picture[display.inside] = (grey * (1 - opacity) + colours * opacity).astype(np.uint8)
    return Image.fromarray(picture)


def render_segmentation(display: Display, mask: Mask) -> Image.Image:
    """The photo with the segmented object tinted and outlined, the rest darkened.

    mask: (rows, cols), True is foreground.
    """
    found = Image.fromarray(_enlarged(display, mask))
    line_px = max(1, round(min(display.box_size) / 160))
    outer, inner = (_contour(found, reach) for reach in (2 * line_px, line_px))
    picture = display.faded()
    seen = picture[display.inside].astype(np.float32)
    tinted = np.where(np.asarray(found)[..., None], seen * 0.62 + ACCENT * 0.38, seen * 0.45)
    tinted[outer] = 255
    tinted[inner] = ACCENT
    picture[display.inside] = tinted.astype(np.uint8)
    return Image.fromarray(picture)


def mask_image(display: Display, mask: Mask) -> Image.Image:
    """The mask alone at display size: mode L, 255 is foreground, 0 all else."""
    picture = np.zeros((display.image.height, display.image.width), dtype=np.uint8)
    picture[display.inside] = _enlarged(display, mask) * np.uint8(255)
    return Image.fromarray(picture)


def composite(images: Sequence[Image.Image], captions: Sequence[str]) -> Image.Image:
    """All pictures in one, each above its caption, in rows of at most four.

    Raises ValueError if there are not as many captions as images, or none.
    """
    if not images or len(images) != len(captions):
        raise ValueError(
            f"expected a caption for each picture, got {len(captions)} for {len(images)} pictures"
        )
    columns = min(COLUMNS, len(images))
    cell_px = 768 if columns == 1 else 420
    small = [_within(image, cell_px) for image in images]
    font = ImageFont.load_default(size=15)
    gap, text_px = 12, 26
    row_px = max(image.height for image in small) + text_px + gap
    rows = -(-len(small) // columns)
    size = (columns * (cell_px + gap) + gap, rows * row_px + gap)
    sheet = Image.new("RGB", size, "white")
    draw = ImageDraw.Draw(sheet)
    for place, (image, caption) in enumerate(zip(small, captions, strict=True)):
        left = gap + place % columns * (cell_px + gap)
        top = gap + place // columns * row_px
        sheet.paste(image, (left, top))
        text = _shortened(caption, font, cell_px)
        draw.text((left, top + image.height + 5), text, fill=(35, 38, 48), font=font)
    return sheet


def _cells(length_px: int, count: int) -> tuple[Indices, npt.NDArray[np.float64]]:
    """For each of `length_px` pixels its cell of `count`, and how far into it in [0, 1)."""
    position = (np.arange(length_px) + 0.5) * (count / length_px)
    cell = position.astype(np.int64)
    return cell, np.asarray(position - cell, dtype=np.float64)


def _enlarged(display: Display, mask: Mask, offset_px: int = 0) -> Mask:
    """The mask at the box's size; what the offset uncovers is False."""
    height, width = display.box_size
    rows, cols = mask.shape
    row = (np.arange(height) + 0.5) * (display.input_px / height) - offset_px
    col = (np.arange(width) + 0.5) * (display.input_px / width) - offset_px
    large = mask[
        np.ix_(
            (row * (rows / display.input_px)).astype(np.int64),
            (col * (cols / display.input_px)).astype(np.int64),
        )
    ]
    large[row < 0] = False
    large[:, col < 0] = False
    return np.asarray(large, dtype=np.bool_)


def _contour(found: Image.Image, width_px: int) -> Mask:
    """Where the mask's edge is within `width_px`, inside or outside."""
    softened = np.asarray(found.convert("L").filter(ImageFilter.BoxBlur(width_px)))
    return (softened > 0) & (softened < 255)


@cache
def _heat_colours() -> Pixels:
    """(256, 3): matplotlib's perceptually uniform "inferno"."""
    from matplotlib import colormaps

    return (colormaps["inferno"](np.arange(256))[:, :3] * 255).round().astype(np.uint8)


def _within(image: Image.Image, longest_px: int) -> Image.Image:
    smaller = image.copy()
    smaller.thumbnail((longest_px, longest_px), Image.Resampling.BILINEAR, reducing_gap=2)
    return smaller


def _shortened(
    caption: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width_px: int
) -> str:
    """The caption, cut to the width with an ellipsis."""
    text = caption
    while font.getlength(text) > width_px and len(text) > 1:
        text = text[:-2].rstrip("…") + "…"
    return text
