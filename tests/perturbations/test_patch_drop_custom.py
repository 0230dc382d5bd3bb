import tracemalloc
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ipvit.grid import Grid
from ipvit.perturbations.patch_drop import (
    custom_drop_mask,
)
from tests.perturbations import paper
from tests.perturbations.drawing import drawing


class TestCustom:
    @pytest.mark.parametrize(
        ("painted", "grid", "dropped"),
        [
            (["#.", ".."], "2x2", ["#.", ".."]),
            (["#.", ".."], "4x4", ["##..", "##..", "....", "...."]),
            (["##..", "....", "....", "...#"], "2x2", ["#.", ".."]),  # half counts, a quarter not
            (["#..", "...", "..."], "1x1", ["."]),
            (["##.", "##.", "..."], "2x2", ["#.", ".."]),  # 9/9, 3/9, 3/9 and 1/9
            (["##.", "##.", "##."], "1x2", ["#."]),  # 4.5 and 1.5 of 4.5
            (["##.", "###", "##."], "1x2", ["##"]),  # 4.5 and 2.5 of 4.5
            (["..", ".."], "3x3", ["...", "...", "..."]),
            (["##", "##"], "3x3", ["###", "###", "###"]),
        ],
    )
    def test_by_hand(self, painted: list[str], grid: str, dropped: list[str]) -> None:
        mask = np.array([[255 * (pixel == "#") for pixel in row] for row in painted], np.uint8)
        assert drawing(custom_drop_mask(mask, Grid.parse(grid))) == dropped

    def test_any_value_but_0_is_painted(self) -> None:
        mask = np.array([[0, 1], [128, 255]], dtype=np.uint8)
        assert drawing(custom_drop_mask(mask, Grid(2, 2))) == [".#", "##"]

    @settings(max_examples=40)
    @given(
        arrays.arrays(np.bool_, st.tuples(st.integers(1, 9), st.integers(1, 9))),
        st.builds(Grid, st.integers(1, 7), st.integers(1, 7)),
    )
    def test_half_is_counted_exactly(self, painted: npt.NDArray[np.bool_], grid: Grid) -> None:
        height, width = painted.shape
        exact = [[Fraction(int(pixel)) for pixel in row] for row in painted.tolist()]
        half = Fraction(height * width, 2 * grid.cells)
        expected = [
            [area >= half for area in row] for row in paper.area_sums(exact, grid.rows, grid.cols)
        ]
        dropped = custom_drop_mask(painted.astype(np.uint8) * 255, grid)
        assert dropped.tolist() == expected

    def test_a_large_mask_takes_little_memory(self) -> None:
        mask = np.zeros((2000, 2500), dtype=np.uint8)
        mask[:1000] = 1
        tracemalloc.start()
        dropped = custom_drop_mask(mask, Grid(16, 2))
        _, peak_bytes = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert drawing(dropped) == ["##"] * 8 + [".."] * 8
        assert peak_bytes < 3 * mask.nbytes
