"""Grids: into how many rows and columns of equal cells an image is cut.

A grid is written rows x columns, height before width, in all requests, results and file names:
"4x8" has 4 rows of 8 cells (Naseer et al. 2021, §3.1 and §3.3 write 4×8 for the same).
"""

import re
from dataclasses import dataclass
from typing import Self

from ipvit.errors import InvalidGrid

__all__ = ["MAX_SIDE_CELLS", "Grid"]

MAX_SIDE_CELLS = 1024
"""The most rows, and the most columns, a grid may have."""

_WRITTEN = re.compile(r"([0-9]{1,9})x([0-9]{1,9})")


@dataclass(frozen=True)
class Grid:
    """`rows` x `cols` equal cells; both from 1 to `MAX_SIDE_CELLS`.

    Raises InvalidGrid (field "grid") for any other number.
    """

    rows: int
    cols: int

    def __post_init__(self) -> None:
        _check_sides(self.rows, self.cols, field="grid")

    def __str__(self) -> str:
        return f"{self.rows}x{self.cols}"

    @property
    def cells(self) -> int:
        """How many cells there are: rows times columns."""
        return self.rows * self.cols

    @classmethod
    def parse(cls, text: str, field: str = "grid") -> Self:
        """Read "<rows>x<columns>", such as "14x14": digits, a lower-case x, nothing else.

        Raises InvalidGrid, naming `field`, if the text is anything else or a side is not from 1
        to `MAX_SIDE_CELLS`.
        """
        match = _WRITTEN.fullmatch(text)
        if match is None:
            raise InvalidGrid(
                f'expected a grid written rows x columns, such as "14x14", got {text[:40]!r}',
                field=field,
            )
        rows, cols = int(match[1]), int(match[2])
        _check_sides(rows, cols, field=field)
        return cls(rows, cols)

    def check_divides(self, height: int, width: int, field: str = "grid") -> tuple[int, int]:
        """The size of one cell, (cell_height_px, cell_width_px), of a height x width px image.

        Raises InvalidGrid, naming `field`, if the cells would not all be equal.
        """
        if height % self.rows or width % self.cols:
            raise InvalidGrid(
                f"expected a grid whose rows divide {height} px and whose columns divide "
                f"{width} px, got {self}",
                field=field,
            )
        return height // self.rows, width // self.cols


def _check_sides(rows: int, cols: int, *, field: str) -> None:
    if not (1 <= rows <= MAX_SIDE_CELLS and 1 <= cols <= MAX_SIDE_CELLS):
        raise InvalidGrid(
            f"expected a grid with 1 to {MAX_SIDE_CELLS} rows and columns, got {rows}x{cols}",
            field=field,
        )
