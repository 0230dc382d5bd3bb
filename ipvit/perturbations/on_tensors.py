"""The perturbations on tensors, where the model runs: the very pixels of the numpy functions.

Masks and permutations are drawn by `patch_drop` and `patch_shuffle`; here they are applied to a
batch of uint8 images, each image by its own.
"""

import torch
from torch import Tensor

from ipvit.grid import Grid
from ipvit.perturbations.patch_drop import check_offset

__all__ = ["drop_pixels", "shuffle_cells", "spread_cells"]


def spread_cells(cells: Tensor, side_px: int, *, area_px: int, offset_px: int, rest: int) -> Tensor:
    """What each pixel's cell holds.

    cells: (n, rows, cols), laid over the first `area_px` rows and columns of the image.
    side_px: of the image. area_px: divided by rows and columns. offset_px: see `pixel_mask`.
    rest: what pixels hold that no cell covers.
    Returns (n, side_px, side_px) of the cells' dtype. Raises InvalidGrid and InvalidInput.
    """
    n, rows, cols = cells.shape
    check_offset(offset_px, area_px)
    height, width = Grid(rows, cols).check_divides(area_px, area_px)
    covered = (
        cells[:, :, None, :, None].expand(n, rows, height, cols, width).reshape(n, area_px, area_px)
    )
    if offset_px == 0 and area_px == side_px:
        return covered
    spread = cells.new_full((n, side_px, side_px), rest)
    seen_px = area_px - offset_px
    spread[:, offset_px:area_px, offset_px:area_px] = covered[:, :seen_px, :seen_px]
    return spread


def drop_pixels(images: Tensor, kept: Tensor) -> Tensor:
    """Set pixels to 0 that are not kept.

    images: (n, 3, H, W) uint8. kept: (n, H, W) bool. Returns (n, 3, H, W) uint8.
    """
    # A product of bytes: no branch, and no conversion from bool.
    return images * kept.view(torch.uint8).unsqueeze(1)


def shuffle_cells(images: Tensor, permutations: Tensor, grid: Grid, *, area_px: int) -> Tensor:
    """Permute the cells of each image.

    images: (n, 3, side, side) uint8. permutations: (n, cells) int64 as `shuffle_permutation`.
    area_px: the first rows and columns, which the grid divides; the rest stays.
    Returns the same shape. Raises InvalidGrid if the grid does not divide the area.
    """
    n, channels, side_px, _ = images.shape
    height, width = grid.check_divides(area_px, area_px)
    cut = images[..., :area_px, :area_px]
    parts = cut.reshape(n, channels, grid.rows, height, grid.cols, width)
    parts = parts.permute(0, 2, 4, 1, 3, 5).reshape(n, grid.cells, channels * height * width)
    rows = torch.arange(n, device=images.device).unsqueeze(1)
    moved = parts[rows, permutations].view(n, grid.rows, grid.cols, channels, height, width)
    moved = moved.permute(0, 3, 1, 4, 2, 5).reshape(n, channels, area_px, area_px)
    if area_px == side_px:
        return moved
    shuffled = images.clone()
    shuffled[..., :area_px, :area_px] = moved
    return shuffled
