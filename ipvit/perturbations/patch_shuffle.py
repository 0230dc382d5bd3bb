"""PatchShuffle: cut an image into a grid and permute the cells (Naseer et al. 2021, §3.3).

It destroys the global structure and keeps the texture inside a cell; the finer the grid, the
less shape is left. Deviation: the permutation is drawn for each image from (seed, key, grid),
not from a global generator.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ipvit import randomness
from ipvit.grid import Grid

__all__ = ["shuffle_patches", "shuffle_permutation", "unshuffle_patches"]

Permutation = npt.NDArray[np.int64]
Pixel = TypeVar("Pixel", bound=np.generic)


def shuffle_permutation(grid: Grid, *, seed: int, key: str = randomness.REQUEST_KEY) -> Permutation:
    """Which cell goes where: (cells,) int64, row by row.

    Output cell i shows input cell `permutation[i]`. A uniform draw: cells may stay in place.
    """
    return randomness.permutation(grid.cells, seed=seed, key=key, condition=f"patch-shuffle/{grid}")


def shuffle_patches(
    images: npt.NDArray[Pixel], permutation: Permutation, grid: Grid
) -> npt.NDArray[Pixel]:
    """Permute the grid's cells.

    images: (…, C, H, W), any dtype and range, not changed.
    permutation: (cells,) as `shuffle_permutation` returns it.
    Returns the same shape; cell i is the input's cell `permutation[i]`.
    Raises InvalidGrid if the grid does not divide H and W, and ValueError if `permutation` does
    not hold each cell once.
    """
    if not np.array_equal(np.sort(permutation), np.arange(grid.cells)):
        raise ValueError(f"expected a permutation of {grid.cells} cells, got another array")
    *leading, height, width = images.shape
    cell_height, cell_width = grid.check_divides(height, width)
    cells = images.reshape(*leading, grid.rows, cell_height, grid.cols, cell_width)
    source_rows, source_cols = np.divmod(permutation.reshape(grid.rows, grid.cols), grid.cols)
    # Indexing rows and columns together puts (rows, cols) in front.
    shuffled = cells[..., source_rows, :, source_cols, :]  # (rows, cols, …, cell_h, cell_w)
    shuffled = np.moveaxis(shuffled, (0, 1), (-4, -2))  # (…, rows, cell_h, cols, cell_w)
    return np.ascontiguousarray(shuffled).reshape(images.shape)


def unshuffle_patches(
    images: npt.NDArray[Pixel], permutation: Permutation, grid: Grid
) -> npt.NDArray[Pixel]:
    """Undo `shuffle_patches`; same shapes and errors."""
    return shuffle_patches(images, np.argsort(permutation, kind="stable"), grid)
