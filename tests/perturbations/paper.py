"""The paper's perturbations written once more: plain Python, one pixel at a time.

Naseer et al. 2021, §3.1, §3.3 and appendices A and B. Slow on purpose: no array operation here
can share a mistake with the code under test.
"""

from fractions import Fraction
from math import ceil, floor

import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.uint8]
Rows = list[list[bool]]


def drop(image: Image, mask: Rows, offset_px: int = 0) -> Image:
    """A (3, H, W) image with the cells of `mask` black, the mask moved right and down."""
    _, height, width = image.shape
    cell_height, cell_width = height // len(mask), width // len(mask[0])
    dropped = image.copy()
    for y in range(height):
        for x in range(width):
            covered = y >= offset_px and x >= offset_px
            if covered and mask[(y - offset_px) // cell_height][(x - offset_px) // cell_width]:
                dropped[:, y, x] = 0
    return dropped


def shuffle(image: Image, order: list[int], rows: int, cols: int) -> Image:
    """A (3, H, W) image whose cell i is the old cell `order[i]`."""
    _, height, width = image.shape
    cell_height, cell_width = height // rows, width // cols
    shuffled = np.zeros_like(image)
    for cell, source in enumerate(order):
        top, left = cell // cols * cell_height, cell % cols * cell_width
        source_top, source_left = source // cols * cell_height, source % cols * cell_width
        for y in range(cell_height):
            for x in range(cell_width):
                shuffled[:, top + y, left + x] = image[:, source_top + y, source_left + x]
    return shuffled


def salient(weights: list[float], mass: Fraction) -> list[bool]:
    """The foreground that holds the top `mass`: cumulative from the smallest, > 1 - mass."""
    exact = [Fraction(weight) for weight in weights]
    total = sum(exact)
    foreground = [False] * len(exact)
    cumulative = Fraction(0)
    for index in sorted(range(len(exact)), key=exact.__getitem__):
        cumulative += exact[index]
        foreground[index] = cumulative / total > 1 - mass
    return foreground


def parts(length: int, count: int, part: int) -> list[tuple[int, Fraction]]:
    """The items of 0 … length - 1 in one of `count` equal parts, and the share of each in it."""
    start, stop = Fraction(part * length, count), Fraction((part + 1) * length, count)
    return [
        (item, min(stop, Fraction(item + 1)) - max(start, Fraction(item)))
        for item in range(floor(start), ceil(stop))
    ]


def area_sums(values: list[list[Fraction]], rows: int, cols: int) -> list[list[Fraction]]:
    """The values' sums over the cells of another grid, split by area, exactly."""
    return [
        [
            sum(
                (
                    values[y][x] * down * across
                    for y, down in parts(len(values), rows, row)
                    for x, across in parts(len(values[0]), cols, col)
                ),
                Fraction(0),
            )
            for col in range(cols)
        ]
        for row in range(rows)
    ]
