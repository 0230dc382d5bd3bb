"""Grids as parameters name them: "14x14", or a word that stands for a grid of each model."""

from typing import TypeVar

from ipvit.analyses.areas import divided_area
from ipvit.errors import InvalidInput, IPViTError
from ipvit.grid import Grid
from ipvit.models.model_spec import ModelSpec

__all__ = ["MODEL_GRID", "PIXEL_GRID", "check_each_once", "check_grids", "choose_grids"]

_Value = TypeVar("_Value")

MODEL_GRID, PIXEL_GRID = "model", "pixel"
"""Each model's own patches; cells that are single pixels."""


def check_each_once(values: tuple[_Value, ...]) -> tuple[_Value, ...]:
    """A pydantic validator: raises ValueError if a value comes twice."""
    if len(set(values)) != len(values):
        raise ValueError(f"expected each once, got {', '.join(map(str, values))}")
    return values


def check_grids(grids: tuple[str, ...]) -> tuple[str, ...]:
    """A pydantic validator: raises ValueError if one is neither a grid nor one of the words."""
    for grid in grids:
        if grid not in (MODEL_GRID, PIXEL_GRID):
            try:
                Grid.parse(grid)
            except IPViTError as error:
                raise ValueError(str(error)) from error
    return grids


def choose_grids(grids: tuple[str, ...], spec: ModelSpec) -> dict[Grid, int]:
    """Each grid of a model, once, and the side in px of the area it is laid over.

    Raises InvalidGrid (field "params.grids") if one divides neither the input nor what is seen.
    """
    return {
        grid: divided_area(spec, grid, field="params.grids")
        for grid in (_choose(text, spec) for text in grids)
    }


def _choose(text: str, spec: ModelSpec) -> Grid:
    if text == MODEL_GRID:
        return spec.grid
    if text == PIXEL_GRID:
        try:
            return Grid(spec.input_px, spec.input_px)
        except InvalidInput as error:
            error.field = "params.grids"
            raise
    return Grid.parse(text, field="params.grids")
