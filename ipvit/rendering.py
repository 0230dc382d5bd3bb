"""Pictures for people: what the model saw, where it looked, what it took for foreground.

Pictures are drawn at display size (longest side at most 768 px) from the very grid the model
saw, never by enlarging its input, so that a 32 px model's picture is sharp too. What lies
outside the region the model sees is faded. Heatmaps are enlarged bicubically for the eye; masks
keep the sharp edges of their cells, as the numbers beside them do.

Blending is left to Pillow, which does it in C and without the interpreter lock.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
import numpy.typing as npt
from PIL import Image

from ipvit.colormap import COLOURS
from ipvit.contact_sheet import composite
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
Indices = npt.NDArray[np.int64]
Box = tuple[int, int, int, int]

VEIL = (150, 154, 163)
"""What lies outside the model's view fades towards this grey: neither a dropped patch's black
nor the white or black of the page."""

TINT = (20, 184, 166)
"""Laid over the foreground of a segmentation."""

OUTLINE, HALO = (255, 255, 255), (15, 23, 32)
"""A contour is light with a dark rim, so that it shows on any photo."""

_HEAT_QUANTILE = 0.995
"""Weights above are shown alike: one outlier would leave the rest of a map dark."""


@dataclass(frozen=True, eq=False)
class Display:
    """A photo at display size, and where in it the model looks.

    image: mode RGB; not to be changed.
    box: (left, top, right, bottom) in px of `image`: what the model sees.
    input_px: how many px of the model's (square) input the box spans.
    """

    image: Image.Image
    box: Box
    input_px: int

    @classmethod
    def of(
        cls, decoded: DecodedImage, preprocessing: Preprocessing, seen_px: int | None = None
    ) -> Self:
        """The display of an upload.

        seen_px: how much of the model's input, from its upper left corner, the grid covers
        (patches of 22 px cover 220 of 224); None is all of it.
        """
        input_px = preprocessing.crop_px if seen_px is None else seen_px
        left, top, right, bottom = crop_box(decoded.width, decoded.height, preprocessing)
        seen = input_px / preprocessing.crop_px
        image = decoded.display
        columns = _whole_px(left, left + (right - left) * seen, image.width, decoded.width)
        rows = _whole_px(top, top + (bottom - top) * seen, image.height, decoded.height)
        return cls(image, (columns[0], rows[0], columns[1], rows[1]), input_px)

    @property
    def box_size(self) -> tuple[int, int]:
        """The box's (height, width) in px, both at least 1."""
        left, top, right, bottom = self.box
        return bottom - top, right - left

    @cached_property
    def seen(self) -> Image.Image:
        """What the box holds."""
        return self.image.crop(self.box)

    @cached_property
    def greyed(self) -> Image.Image:
        """What the box holds, in shades of grey, RGB."""
        return self.seen.convert("L").convert("RGB")

    @cached_property
    def _faded(self) -> Image.Image:
        greyed = self.image.convert("L").convert("RGB")
        return Image.blend(greyed, Image.new("RGB", greyed.size, VEIL), 0.68)

    def framed(self, content: Image.Image) -> Image.Image:
        """The faded photo with `content`, of the box's size, in the box."""
        picture = self._faded.copy()
        picture.paste(content, self.box)
        return picture


def render_dropped(display: Display, mask: Mask, offset_px: int = 0) -> Image.Image:
    """The photo with dropped patches black, as the model sees them.

    mask: (rows, cols) bool, True is dropped. offset_px: px of the model's input the mask moves
    right and down, as in `ipvit.perturbations.patch_drop.pixel_mask`.
    Returns RGB at display size.
    """
    picture = display.framed(display.seen)
    picture.paste((0, 0, 0), display.box, mask=_stencil(_enlarged(display, mask, offset_px)))
    return picture


def render_shuffled(display: Display, permutation: Indices, grid: Grid) -> Image.Image:
    """The photo with its cells permuted.

    permutation: (cells,); cell i shows cell `permutation[i]`.
    Returns RGB at display size.
    """
    height, width = display.box_size
    row, down = _cell_positions(height, grid.rows)
    col, across = _cell_positions(width, grid.cols)
    source = permutation.reshape(grid.rows, grid.cols)[np.ix_(row, col)]  # (height, width)
    source_y = ((source // grid.cols + down[:, np.newaxis]) * (height / grid.rows)).astype(int)
    source_x = ((source % grid.cols + across) * (width / grid.cols)).astype(int)
    # Four bytes a pixel are moved as one number.
    pixels = np.asarray(display.seen.convert("RGBX")).view(np.uint32).reshape(-1)
    shuffled = pixels[source_y * width + source_x]
    content = Image.frombuffer("RGB", (width, height), shuffled.tobytes(), "raw", "RGBX", 0, 1)
    return display.framed(content)


def heatmap_overlay(display: Display, weights: npt.NDArray[np.floating]) -> Image.Image:
    """The photo in grey under the colours of an attention map, from 0 to (nearly) its maximum.

    weights: (rows, cols), not negative, any scale. The larger a weight, the brighter its colour
    and the denser it covers the photo.
    Returns RGB at display size.
    """
    height, width = display.box_size
    top = float(np.quantile(weights, _HEAT_QUANTILE)) or float(weights.max()) or 1.0
    small = Image.fromarray((weights / top * 255).clip(0, 255).astype(np.float32))
    # Bicubic enlarging overshoots; conversion to L clips to 0 … 255.
    heat = small.resize((width, height), Image.Resampling.BICUBIC).convert("L")
    colours = heat.copy()
    colours.putpalette(COLOURS.tobytes())
    opacity = heat.point([round(90 + 0.52 * level) for level in range(256)])
    return display.framed(Image.composite(colours.convert("RGB"), display.greyed, opacity))


def render_segmentation(display: Display, mask: Mask) -> Image.Image:
    """The photo with the foreground tinted and outlined, the rest darkened and grey.

    mask: (rows, cols) bool, True is foreground.
    Returns RGB at display size.
    """
    found = _enlarged(display, mask)
    line_px = max(1, round(max(display.image.size) / 256))
    inside = Image.blend(display.seen, Image.new("RGB", display.seen.size, TINT), 0.18)
    content = Image.composite(inside, display.greyed.point(_HALVED), _stencil(found))
    content.paste(HALO, mask=_stencil(_grown(found, max(1, line_px // 2)) & ~found))
    content.paste(OUTLINE, mask=_stencil(_grown(~found, line_px) & found))
    return display.framed(content)


def mask_image(display: Display, mask: Mask) -> Image.Image:
    """The mask alone: mode L at display size, 255 where the (rows, cols) mask is True, else 0."""
    picture = Image.new("L", display.image.size)
    picture.paste(_stencil(_enlarged(display, mask)), display.box)
    return picture


_HALVED = [round(level * 0.5) for level in range(256)] * 3


def _whole_px(start: float, stop: float, shown_px: int, source_px: int) -> tuple[int, int]:
    """A stretch of the source's side on the display, to whole px, at least one long."""
    first = min(round(start * shown_px / source_px), shown_px - 1)
    return first, max(round(stop * shown_px / source_px), first + 1)


def _cell_positions(length_px: int, cells: int) -> tuple[Indices, npt.NDArray[np.float64]]:
    """For each of `length_px` px the cell its middle lies in, and how far in, in [0, 1)."""
    position = (np.arange(length_px) + 0.5) * cells / length_px
    cell = position.astype(np.int64)
    return cell, position - cell


def _enlarged(display: Display, mask: Mask, offset_px: int = 0) -> Mask:
    """The mask at the box's size, (height, width) bool."""
    row, col = (
        _mask_index(length_px, cells, display.input_px, offset_px)
        for length_px, cells in zip(display.box_size, mask.shape, strict=True)
    )
    # Row and column 0 of the padded mask are what an offset uncovers.
    return np.pad(mask, ((1, 0), (1, 0)))[np.ix_(row + 1, col + 1)]


def _mask_index(length_px: int, cells: int, input_px: int, offset_px: int) -> Indices:
    """For each of `length_px` px the mask's cell over it, -1 before the offset."""
    at_input_px = (np.arange(length_px) + 0.5) * input_px / length_px - offset_px
    return np.asarray(np.floor(at_input_px * cells / input_px).clip(-1), dtype=np.int64)


def _grown(mask: Mask, reach_px: int) -> Mask:
    """The mask and all px within `reach_px` of it, sideways and diagonally."""
    for _ in range(reach_px):
        for view in (np.asarray, np.transpose):
            grown = mask.copy()
            view(grown)[1:] |= view(mask)[:-1]
            view(grown)[:-1] |= view(mask)[1:]
            mask = grown
    return mask


def _stencil(mask: Mask) -> Image.Image:
    return Image.fromarray(mask.view(np.uint8) * np.uint8(255))
