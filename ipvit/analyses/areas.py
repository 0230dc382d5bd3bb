"""Which part of a model's input a grid divides.

A patch size that does not divide the input (22 or 38 px of 224) leaves a rest at the right and
at the bottom that the network never sees (Naseer et al. 2021, §3.3: grid = ⌊224/patch⌋). A grid
that divides the whole input is laid over all of it; one that only divides what the network sees
is laid over that.
"""

from ipvit.errors import InvalidGrid
from ipvit.grid import Grid
from ipvit.models.model_spec import ModelSpec

__all__ = ["divided_area", "seen_px"]


def seen_px(spec: ModelSpec) -> int:
    """The side of the square, at the top left of the input, that the network sees."""
    return spec.grid.rows * spec.patch_px if spec.patch_px else spec.input_px


def divided_area(spec: ModelSpec, grid: Grid, *, field: str = "grid") -> int:
    """The side, in px of the model's input, of the square at the top left that `grid` divides.

    Raises InvalidGrid if the grid divides neither the whole input nor what the network sees.
    """
    try:
        grid.check_divides(spec.input_px, spec.input_px, field=field)
    except InvalidGrid:
        side_px = seen_px(spec)
        if side_px == spec.input_px:
            raise
        grid.check_divides(side_px, side_px, field=field)
        return side_px
    return spec.input_px
