from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ipvit.errors import InvalidInput
from ipvit.grid import Grid
from ipvit.perturbations.patch_drop import (
    non_salient_drop_mask,
    resample_attention,
    salient_drop_mask,
)
from tests.perturbations import paper
from tests.perturbations.drawing import drawing

Image = npt.NDArray[np.uint8]

shares = st.decimals(0, 1, places=6)
attention_maps = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    elements=st.floats(0.001, 1),
)

PAPER_GRIDS = ["4x4", "4x8", "7x7", "8x8", "14x14", "16x16"]
TENTHS = [tenth / 10 for tenth in range(11)]


def brightness(image: Image, grid: Grid) -> npt.NDArray[np.float64]:
    """Real, uneven weights: how bright each cell of a photo is."""
    cells = image.astype(float).mean(axis=0)
    return cells.reshape(grid.rows, 224 // grid.rows, grid.cols, -1).mean(axis=(1, 3))


class TestSalient:
    @given(attention_maps, shares)
    def test_salient_and_non_salient_part_the_patches(
        self, attention: npt.NDArray[np.float64], share: Decimal
    ) -> None:
        dropped = salient_drop_mask(attention, float(share))
        rest = non_salient_drop_mask(attention, float(1 - share))
        assert dropped.shape == attention.shape
        assert np.array_equal(dropped, ~rest)

    @given(attention_maps, shares)
    def test_the_mass_dropped_is_just_enough(
        self, attention: npt.NDArray[np.float64], share: Decimal
    ) -> None:
        dropped = salient_drop_mask(attention, float(share))
        mass = attention[dropped].sum() / attention.sum()
        lightest = attention[dropped].min(initial=np.inf) / attention.sum()
        assert mass > float(share) - 1e-9 or share == 0
        assert mass - lightest <= float(share) + 1e-9

    @given(attention_maps, shares)
    def test_the_non_salient_hold_at_most_their_share(
        self, attention: npt.NDArray[np.float64], share: Decimal
    ) -> None:
        dropped = non_salient_drop_mask(attention, float(share))
        assert attention[dropped].sum() / attention.sum() <= float(share) + 1e-9

    @pytest.mark.parametrize("tenth", range(11))
    def test_both_halves_at_every_tenth_by_binary_arithmetic(self, tenth: int) -> None:
        # 1 - 0.9 is 0.09999999999999998: callers do compute it so.
        attention = np.arange(1.0, 17.0).reshape(4, 4)
        share = tenth / 10
        dropped = salient_drop_mask(attention, share)
        assert np.array_equal(dropped, ~non_salient_drop_mask(attention, 1 - share))

    def test_at_0_and_1(self) -> None:
        attention = np.random.default_rng(0).random((14, 14))
        assert not salient_drop_mask(attention, 0).any()
        assert salient_drop_mask(attention, 1).all()
        assert not non_salient_drop_mask(attention, 0).any()
        assert non_salient_drop_mask(attention, 1).all()

    @pytest.mark.parametrize(
        ("mass", "salient", "non_salient"),
        [
            # Weights 1 2 / 3 4 of 10; cumulative .1 .3 / .6 1.
            (0.0, ["..", ".."], ["..", ".."]),
            (0.1, ["..", ".#"], ["#.", ".."]),
            (0.3, ["..", ".#"], ["##", ".."]),
            (0.4, ["..", ".#"], ["##", ".."]),
            (0.41, ["..", "##"], ["##", ".."]),
            (0.6, ["..", "##"], ["##", "#."]),
            (0.7, ["..", "##"], ["##", "#."]),
            (0.71, [".#", "##"], ["##", "#."]),
            (0.9, [".#", "##"], ["##", "#."]),
            (0.91, ["##", "##"], ["##", "#."]),
            (1.0, ["##", "##"], ["##", "##"]),
        ],
    )
    def test_by_hand(self, mass: float, salient: list[str], non_salient: list[str]) -> None:
        attention = np.array([[1.0, 2.0], [3.0, 4.0]])
        assert drawing(salient_drop_mask(attention, mass)) == salient
        assert drawing(non_salient_drop_mask(attention, mass)) == non_salient

    @pytest.mark.parametrize("share", [-0.1, 1.1, float("nan")])
    def test_other_shares_are_refused(self, share: float) -> None:
        attention = np.ones((2, 2))
        for draw in (salient_drop_mask, non_salient_drop_mask):
            with pytest.raises(InvalidInput, match="from 0 to 1") as refused:
                draw(attention, share)
            assert refused.value.field == "ratio"

    @pytest.mark.parametrize("written", PAPER_GRIDS)
    def test_salient_masks_of_real_photos_agree_with_the_paper(
        self, photo: Image, written: str
    ) -> None:
        grid = Grid.parse(written)
        weights = brightness(photo, grid)
        for tenth in TENTHS:
            share = Fraction(str(tenth))
            expected = paper.salient(weights.ravel().tolist(), share)
            assert salient_drop_mask(weights, tenth).ravel().tolist() == expected
            rest = paper.salient(weights.ravel().tolist(), 1 - share)
            assert non_salient_drop_mask(weights, tenth).ravel().tolist() == [not s for s in rest]


class TestResampledAttention:
    @settings(max_examples=40)
    @given(attention_maps, st.builds(Grid, st.integers(1, 9), st.integers(1, 9)))
    def test_it_is_split_by_area(self, attention: npt.NDArray[np.float64], grid: Grid) -> None:
        resampled = resample_attention(attention, grid)
        exact = [[Fraction(weight) for weight in row] for row in attention.tolist()]
        expected = np.array(paper.area_sums(exact, grid.rows, grid.cols), dtype=float)
        assert resampled == pytest.approx(expected, rel=1e-12)
        assert resampled.sum() == pytest.approx(attention.sum(), rel=1e-12)

    @given(attention_maps)
    def test_equal_grids_change_nothing(self, attention: npt.NDArray[np.float64]) -> None:
        assert np.array_equal(resample_attention(attention, Grid(*attention.shape)), attention)

    def test_by_hand(self) -> None:
        weights = np.array([[1.0, 3.0], [5.0, 7.0]])
        assert resample_attention(weights, Grid(4, 2)).tolist() == [
            [0.5, 1.5],
            [0.5, 1.5],
            [2.5, 3.5],
            [2.5, 3.5],
        ]
        assert resample_attention(weights, Grid(1, 1)).tolist() == [[16.0]]
        thirds = resample_attention(np.array([[3.0, 6.0]]), Grid(1, 3))
        assert thirds == pytest.approx(np.array([[2.0, 3.0, 4.0]]))
