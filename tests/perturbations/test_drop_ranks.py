import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ipvit.grid import Grid
from ipvit.perturbations.patch_drop import drop_count, random_drop_mask, random_drop_ranks

grids = st.tuples(st.integers(1, 8), st.integers(1, 8)).map(lambda sides: Grid(*sides))


@given(grid=grids, seed=st.integers(0, 2**63 - 1), key=st.text(max_size=8))
def test_every_rank_is_given_once(grid: Grid, seed: int, key: str) -> None:
    ranks = random_drop_ranks(grid, seed=seed, key=key)
    assert ranks.shape == (grid.rows, grid.cols)
    np.testing.assert_array_equal(np.sort(ranks, axis=None), np.arange(grid.cells))


@given(grid=grids, seed=st.integers(0, 2**32), ratio=st.floats(0, 1))
def test_a_ratio_drops_the_lowest_ranks(grid: Grid, seed: int, ratio: float) -> None:
    ranks = random_drop_ranks(grid, seed=seed, key="photo.jpg")
    mask = random_drop_mask(grid, ratio, seed=seed, key="photo.jpg")
    np.testing.assert_array_equal(mask, ranks < drop_count(ratio, grid.cells))


def test_levels_drop_what_the_paper_drops() -> None:
    """⌊k · N / 10⌋ of 196 patches for k = 0 … 9 (§3.1)."""
    dropped = [
        int(random_drop_mask(Grid(14, 14), level / 10, seed=1, key="a").sum())
        for level in range(10)
    ]
    assert dropped == [0, 19, 39, 58, 78, 98, 117, 137, 156, 176]
