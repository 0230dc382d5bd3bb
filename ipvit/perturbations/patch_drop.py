"""PatchDrop: hide cells of a grid from the model (Naseer et al. 2021, §3.1, App. A and B).

A mask is (rows, cols) bool, True is dropped. Random masks drop ⌊ratio · N⌋ of N cells; salient
ones the cells that hold the top share of a saliency model's attention mass, non-salient ones the
cells that hold the lowest share; custom ones what a user painted. Dropped pixels are 0, before
the model normalises. PixelDrop is the grid whose cells are pixels.

Deviations:
- a random mask is drawn for each image, from (seed, key, grid), where the original drew one for
  each batch;
- the ratio and the offset are no part of the draw, so the masks of one seed are nested: a larger
  ratio drops the same cells and more. Each ratio alone is still a uniform draw.
- "non-salient Q" drops the lowest Q of the mass, as the paper says; the original script's λ is
  1 - Q.
"""

import math
from decimal import ROUND_FLOOR, Decimal
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ipvit import randomness
from ipvit.errors import InvalidInput
from ipvit.grid import Grid
from ipvit.segmentation.mass_threshold import mass_threshold

__all__ = [
    "check_offset",
    "custom_drop_mask",
    "drop_count",
    "drop_patches",
    "non_salient_drop_mask",
    "pixel_mask",
    "random_drop_mask",
    "random_drop_ranks",
    "resample_attention",
    "salient_drop_mask",
]

Mask = npt.NDArray[np.bool_]
Weights = npt.NDArray[np.float64]
Pixel = TypeVar("Pixel", bound=np.number)


def drop_count(ratio: float, patches: int) -> int:
    """⌊ratio · patches⌋, exact for the decimal number that was written.

    ratio: share of patches dropped, from 0 to 1. In binary 0.29 · 100 is 28.999…; here it is 29.
    Raises InvalidInput (field "ratio") if the ratio is not from 0 to 1.
    """
    _check_share(ratio)
    exact = Decimal(repr(float(ratio))) * patches
    return int(exact.to_integral_value(rounding=ROUND_FLOOR))


def random_drop_mask(
    grid: Grid, ratio: float, *, seed: int, key: str = randomness.REQUEST_KEY
) -> Mask:
    """Drop a random `ratio` of the cells (§3.1).

    seed, key: name the draw; see `ipvit.randomness`.
    Returns (rows, cols) bool with exactly `drop_count(ratio, grid.cells)` True.
    Raises InvalidInput (field "ratio") if the ratio is not from 0 to 1.
    """
    count = drop_count(ratio, grid.cells)
    dropped: Mask = random_drop_ranks(grid, seed=seed, key=key) < count
    return dropped


def random_drop_ranks(
    grid: Grid, *, seed: int, key: str = randomness.REQUEST_KEY
) -> npt.NDArray[np.int64]:
    """At which place each cell is dropped as the ratio grows: one draw for all ratios.

    Returns (rows, cols) int64, each of 0 … cells - 1 once: a ratio drops the cells whose rank is
    less than `drop_count(ratio, grid.cells)`.
    """
    order = randomness.permutation(grid.cells, seed=seed, key=key, condition=f"patch-drop/{grid}")
    ranks = np.empty_like(order)
    ranks[order] = np.arange(grid.cells)
    return ranks.reshape(grid.rows, grid.cols)


def salient_drop_mask(attention: npt.NDArray[np.floating], mass: float) -> Mask:
    """Drop the cells that hold the top `mass` of the attention (§3.1).

    attention: (rows, cols) not negative, any scale.
    mass: share of attention mass dropped, from 0 to 1 (the request's `ratio`).
    Returns (rows, cols) bool.
    Raises InvalidInput (field "ratio") if the mass is not from 0 to 1.
    """
    return mass_threshold(attention.reshape(-1), mass, field="ratio").reshape(attention.shape)


def non_salient_drop_mask(attention: npt.NDArray[np.floating], mass: float) -> Mask:
    """Drop the cells that hold the lowest `mass` of the attention (§3.1).

    Arguments and errors as `salient_drop_mask`. Returns the exact complement of
    `salient_drop_mask(attention, 1 - mass)`, with 1 - mass taken in decimals.
    """
    _check_share(mass)
    return ~salient_drop_mask(attention, float(1 - Decimal(repr(float(mass)))))


def _check_share(share: float) -> None:
    if not (math.isfinite(share) and 0 <= share <= 1):
        raise InvalidInput(f"expected a ratio from 0 to 1, got {share}", field="ratio")


def resample_attention(weights: npt.NDArray[np.floating], grid: Grid) -> Weights:
    """Spread attention over another grid, as if each cell's weight covered it evenly.

    weights: (rows, cols) on the saliency model's own grid.
    Returns (grid.rows, grid.cols) float64 of the same sum; the same values if the grids agree.
    """
    values = weights.astype(np.float64)
    if values.shape == (grid.rows, grid.cols):
        return values
    return _sum_cells(values, grid) / grid.cells


def custom_drop_mask(mask: npt.NDArray[np.uint8], grid: Grid) -> Mask:
    """Drop the cells that a painted mask covers by half or more.

    mask: (H, W) uint8 of any size, laid over the whole grid; any value but 0 is painted.
    Returns (rows, cols) bool; areas are counted exactly, also where cells split pixels.
    """
    height, width = mask.shape
    # In units of 1/cells px² the area of a cell is height·width, and all sums are whole numbers.
    mostly_painted: Mask = 2 * _sum_cells(mask != 0, grid) >= height * width
    return mostly_painted


def _sum_cells(values: npt.NDArray[np.bool_ | np.float64], grid: Grid) -> Weights:
    """Sum (H, W) over the grid's cells, in units of 1/cells: (rows, cols)."""
    return _sum_parts(_sum_parts(values, grid.rows).T, grid.cols).T


def _sum_parts(values: npt.NDArray[np.bool_ | np.float64], parts: int) -> Weights:
    """Sum (n, m) over `parts` equal stretches of the first axis: (parts, m).

    In units of 1/parts of an item: what the edge between two stretches splits stays whole.
    """
    n = len(values)
    sums = np.empty((parts, values.shape[1]))
    for part in range(parts):
        first, beyond = part * n // parts, -(-(part + 1) * n // parts)
        starts = np.arange(first, beyond) * parts
        shares = np.minimum(starts + parts, (part + 1) * n) - np.maximum(starts, part * n)
        sums[part] = shares.astype(np.float64) @ values[first:beyond]
    return sums


def pixel_mask(mask: Mask, height: int, width: int, offset_px: int = 0) -> Mask:
    """Which pixels of the model's input a mask drops.

    mask: (…, rows, cols) bool. height, width: px, both divided by the grid.
    offset_px: the mask moves so far right and down; the first rows and columns so uncovered are
        kept, and what leaves the image is lost (App. B: 8 px, aligned with no patch).
    Returns (…, height, width) bool.
    Raises InvalidGrid if the grid does not divide the image, and InvalidInput (field
    "offset_px") if the offset is negative or moves the mask out of the image.
    """
    check_offset(offset_px, min(height, width))
    *_, rows, cols = mask.shape
    cell_height, cell_width = Grid(rows, cols).check_divides(height, width)
    dropped = mask.repeat(cell_height, axis=-2).repeat(cell_width, axis=-1)
    if offset_px == 0:
        return dropped
    moved = np.zeros_like(dropped)
    moved[..., offset_px:, offset_px:] = dropped[..., :-offset_px, :-offset_px]
    return moved


def check_offset(offset_px: int, side_px: int) -> None:
    """Raise InvalidInput (field "offset_px") if a mask so moved leaves an image of `side_px`."""
    if not 0 <= offset_px < side_px:
        raise InvalidInput(
            f"expected an offset from 0 to {side_px - 1} px, got {offset_px}", field="offset_px"
        )


def drop_patches(images: npt.NDArray[Pixel], masks: Mask, offset_px: int = 0) -> npt.NDArray[Pixel]:
    """Set the pixels of dropped cells to 0.

    images: (…, C, H, W), not normalised (0 is black): uint8, or float in [0, 1]; not changed.
    masks: (…, rows, cols) bool; leading axes broadcast, so one image and n masks give n images.
    offset_px: see `pixel_mask`, whose errors are raised.
    Returns (…, C, H, W) of the images' dtype.
    """
    height, width = images.shape[-2:]
    dropped = pixel_mask(masks, height, width, offset_px)[..., np.newaxis, :, :]
    return np.where(dropped, images.dtype.type(0), images)
