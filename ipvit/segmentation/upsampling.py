"""From a mask of patches to a mask of pixels."""

import numpy as np
import numpy.typing as npt

__all__ = ["upsample_masks"]

Mask = npt.NDArray[np.bool_]


def upsample_masks(masks: Mask, height: int, width: int, *, seen_share: float = 1.0) -> Mask:
    """Enlarge masks to height x width px, each pixel taking the cell it lies in (nearest).

    masks: (…, rows, cols) bool over the first `seen_share` of both sides of the image; what the
    network does not see is background.
    """
    *_, rows, cols = masks.shape
    row = _cell_of_pixel(height, rows, seen_share)
    col = _cell_of_pixel(width, cols, seen_share)
    enlarged: Mask = masks[..., np.minimum(row, rows - 1)[:, None], np.minimum(col, cols - 1)]
    enlarged &= (row < rows)[:, None] & (col < cols)
    return enlarged


def _cell_of_pixel(pixels: int, cells: int, seen_share: float) -> npt.NDArray[np.int64]:
    """⌊pixel · cells / seen pixels⌋, with whole numbers where everything is seen."""
    index = np.arange(pixels, dtype=np.int64)
    if seen_share == 1:
        cell: npt.NDArray[np.int64] = index * cells // pixels
    else:
        cell = np.floor(index * (cells / (pixels * seen_share))).astype(np.int64)
    return cell
