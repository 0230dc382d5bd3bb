"""From a row of the attention matrix to a map of the image."""

import numpy as np
import numpy.typing as npt

from ipvit.errors import CaptureMismatch

__all__ = ["patch_grid", "patch_mass"]

Floats = npt.NDArray[np.floating]


def patch_mass(row: Floats, *, prefix_tokens: int) -> npt.NDArray[np.float64]:
    """The share of attention that falls on patches: (…) from rows (…, tokens)."""
    total: npt.NDArray[np.float64] = row[..., prefix_tokens:].sum(axis=-1, dtype=np.float64)
    return total


def patch_grid(row: Floats, *, prefix_tokens: int, rows: int, cols: int) -> npt.NDArray[np.float64]:
    """Attention to the patches, laid out as the image.

    row: (…, tokens), of which the first `prefix_tokens` are left out before renormalising.
    Returns (…, rows, cols) float64 summing to 1.
    Raises CaptureMismatch if the patches are not rows x cols.
    """
    patches = row[..., prefix_tokens:].astype(np.float64)
    if patches.shape[-1] != rows * cols:
        raise CaptureMismatch(
            f"expected {rows}x{cols} patches after {prefix_tokens} prefix tokens, got "
            f"{patches.shape[-1]}"
        )
    normalised = patches / patches.sum(axis=-1, keepdims=True)
    grids: npt.NDArray[np.float64] = normalised.reshape(*row.shape[:-1], rows, cols)
    return grids
