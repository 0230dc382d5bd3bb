"""Placement: a small image in a corner of a black one (Naseer et al. 2021, App. F, Table 8)."""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from ipvit.errors import InvalidInput

__all__ = ["CORNERS", "place_images"]

CORNERS = ("top-right", "top-left", "bottom-right", "bottom-left", "centre")
"""Where an image can be put; the paper's four, and the middle."""

Pixel = TypeVar("Pixel", bound=np.generic)


def place_images(images: npt.NDArray[Pixel], side_px: int, corner: str) -> npt.NDArray[Pixel]:
    """Put images on black squares.

    images: (…, C, h, w), not normalised (0 is black), h and w at most `side_px`.
    corner: one of `CORNERS`; "centre" rounds towards the top left.
    Returns (…, C, side_px, side_px) of the images' dtype.
    Raises InvalidInput (fields "corner", "size_px") for an unknown corner or too large images.
    """
    *leading, height, width = images.shape
    if corner not in CORNERS:
        raise InvalidInput(f"expected one of {', '.join(CORNERS)}, got {corner!r}", field="corner")
    if max(height, width) > side_px:
        raise InvalidInput(
            f"expected images of at most {side_px} px, got {height}x{width} px", field="size_px"
        )
    if corner == "centre":
        top, left = (side_px - height) // 2, (side_px - width) // 2
    else:
        row, col = corner.split("-")
        top = 0 if row == "top" else side_px - height
        left = 0 if col == "left" else side_px - width
    placed = np.zeros((*leading, side_px, side_px), images.dtype)
    placed[..., top : top + height, left : left + width] = images
    return placed
