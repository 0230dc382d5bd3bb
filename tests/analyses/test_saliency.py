import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.analyses.saliency import Saliency
from ipvit.grid import Grid
from ipvit.preprocessing import matched
from tests.analyses.conftest import SPECS


def saliency(name: str, target: str, weights: np.ndarray) -> Saliency:
    spec = SPECS[name]
    view = matched(spec.preprocessing, SPECS[target].preprocessing)
    return Saliency(spec, {view: weights / weights.sum()})


def test_the_models_own_grid_is_taken_as_it_is() -> None:
    weights = np.arange(1.0, 65.0).reshape(8, 8)
    on_grid = saliency("pocket_deit", "pocket_cnn", weights).on_grid(
        SPECS["pocket_cnn"], Grid(8, 8), 32
    )
    np.testing.assert_allclose(on_grid, weights / weights.sum())


def test_a_cut_off_area_takes_only_what_lies_over_it() -> None:
    """All attention on the last row of 16 px; the area ends at 220, so 12 of them count."""
    weights = np.zeros((14, 14))
    weights[-1] = 1
    weights[0] = 1
    on_grid = saliency("dino_vit_s", "deit_t_patch22", weights).on_grid(
        SPECS["deit_t_patch22"], Grid(10, 10), 220
    )
    assert on_grid[-1].sum() == pytest.approx(12 / (12 + 16))
    assert on_grid[0].sum() == pytest.approx(16 / (12 + 16))
    assert on_grid[1:-1].sum() == pytest.approx(0)


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32 - 1))
def test_attention_always_sums_to_one(rows: int, cols: int, seed: int) -> None:
    weights = np.random.default_rng(seed).random((10, 10))
    target = SPECS["pocket_deit"]
    found = saliency("deit_t_patch22", "pocket_deit", weights).on_grid(target, Grid(rows, cols), 32)
    assert found.shape == (rows, cols)
    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
