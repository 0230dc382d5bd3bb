import pytest

from ipvit.analyses.areas import divided_area, seen_px
from ipvit.errors import InvalidGrid
from ipvit.grid import Grid
from ipvit.models.specs import MODELS


@pytest.mark.parametrize(
    ("name", "seen"),
    [("deit_t", 224), ("deit_t_patch22", 220), ("deit_t_patch38", 190), ("resnet50", 224)],
)
def test_only_whole_patches_are_seen(name: str, seen: int) -> None:
    assert seen_px(MODELS[name]) == seen


@pytest.mark.parametrize(
    ("name", "grid", "side_px"),
    [
        ("deit_t", Grid(14, 14), 224),
        ("deit_t_patch22", Grid(10, 10), 220),
        ("deit_t_patch22", Grid(14, 14), 224),
        ("deit_t_patch22", Grid(4, 4), 224),
        ("deit_t_patch38", Grid(5, 5), 190),
    ],
)
def test_a_grid_divides_the_input_or_what_is_seen(name: str, grid: Grid, side_px: int) -> None:
    assert divided_area(MODELS[name], grid) == side_px


@pytest.mark.parametrize("spec", MODELS.values(), ids=MODELS)
def test_every_models_own_grid_fits(spec) -> None:
    assert divided_area(spec, spec.grid) == seen_px(spec)


def test_a_grid_that_divides_neither_is_refused() -> None:
    for name in ("deit_t", "deit_t_patch22"):
        with pytest.raises(InvalidGrid):
            divided_area(MODELS[name], Grid(13, 13))
