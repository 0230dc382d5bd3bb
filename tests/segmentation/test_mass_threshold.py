from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ipvit.errors import InvalidInput
from ipvit.segmentation.mass_threshold import mass_threshold

Weights = npt.NDArray[np.float64]

shares = st.decimals(0, 1, places=4)
weight_rows = arrays.arrays(
    np.float64,
    st.tuples(st.integers(1, 4), st.integers(1, 30)),
    elements=st.floats(0, 1, allow_subnormal=False),
)


def by_fractions(weights: list[float], share: Fraction) -> list[bool]:
    """The paper's rule without any rounding; a row of zeros has no foreground."""
    exact = [Fraction(weight) for weight in weights]
    total = sum(exact)
    order = sorted(range(len(exact)), key=exact.__getitem__)
    sums = [sum(exact[index] for index in order[: place + 1]) for place in range(len(order))]
    foreground = {
        index
        for index, cumulative in zip(order, sums, strict=True)
        if cumulative > (1 - share) * total
    }
    return [index in foreground for index in range(len(exact))]


class TestByHand:
    @pytest.mark.parametrize(
        ("mass", "foreground"),
        [
            # Weights .4 .1 .3 .2; cumulative from the smallest .1 .3 .6 1 at places 1 3 2 0.
            (0.0, "...."),
            (0.3, "#..."),
            (0.4, "#..."),  # .6 is not > .6
            (0.41, "#.#."),
            (0.6, "#.#."),
            (0.7, "#.#."),  # .3 is not > .3
            (0.71, "#.##"),
            (0.9, "#.##"),  # .1 is not > .1
            (0.91, "####"),
            (1.0, "####"),
        ],
    )
    def test_the_sum_must_exceed_what_is_left(self, mass: float, foreground: str) -> None:
        weights = [0.4, 0.1, 0.3, 0.2]
        expected = [place == "#" for place in foreground]
        assert mass_threshold(weights, mass).tolist() == expected
        assert mass_threshold([196 * weight for weight in weights], mass).tolist() == expected
        assert mass_threshold(np.float32([4, 1, 3, 2]), mass).tolist() == expected

    def test_what_is_left_is_taken_in_decimals(self) -> None:
        # In binary 1 - 0.99999999 is 9.99999993922529e-09, less than the first patch holds.
        assert mass_threshold([1, 99_999_999], 0.99999999).tolist() == [False, True]

    def test_equal_weights_keep_their_order(self) -> None:
        # Cumulative .25 .5 .75 1: half the mass is the last two of four equals.
        assert mass_threshold([1, 1, 1, 1], 0.5).tolist() == [False, False, True, True]
        assert mass_threshold([1, 1, 1, 1], 0.51).tolist() == [False, True, True, True]

    @pytest.mark.parametrize("tenth", range(11))
    def test_ten_equal_patches_hold_a_tenth_each(self, tenth: int) -> None:
        foreground = mass_threshold(np.full(10, 0.1), tenth / 10)
        assert np.count_nonzero(foreground) == tenth

    def test_patches_without_weight_are_never_foreground(self) -> None:
        assert mass_threshold([0, 2, 0, 1], 1).tolist() == [False, True, False, True]
        assert mass_threshold([0, 0, 0], 1).tolist() == [False, False, False]

    def test_each_row_is_normalised_by_itself(self) -> None:
        heads = np.array([[[1.0, 3.0], [2.0, 2.0]], [[100.0, 0.0], [0.0, 7.0]]])
        assert mass_threshold(heads, 0.6).tolist() == [
            [[False, True], [True, True]],
            [[True, False], [False, True]],
        ]


class TestInvariants:
    @given(weight_rows, shares)
    def test_it_is_the_rule_in_exact_arithmetic(self, weights: Weights, share: Decimal) -> None:
        # Multiples of 2^-10, so that sums in float64 have no rounding to disagree about.
        weights = np.round(weights * 1024) / 1024
        for row, foreground in zip(weights, mass_threshold(weights, float(share)), strict=True):
            assert foreground.tolist() == by_fractions(row.tolist(), Fraction(share))

    @given(weight_rows, shares)
    def test_any_weights_obey_it_but_for_rounding(self, weights: Weights, share: Decimal) -> None:
        for row, foreground in zip(weights, mass_threshold(weights, float(share)), strict=True):
            near = Fraction(1, 10**11)
            surely, perhaps = (
                by_fractions(row.tolist(), Fraction(share) + slack) for slack in (-near, near)
            )
            assert not np.any(np.array(surely) & ~foreground)
            assert not np.any(foreground & ~np.array(perhaps))

    @given(weight_rows)
    def test_at_0_no_patch_and_at_1_every_patch_with_weight(self, weights: Weights) -> None:
        assert not mass_threshold(weights, 0).any()
        assert np.array_equal(mass_threshold(weights, 1), weights > 0)

    @given(weight_rows, shares, shares)
    def test_a_larger_share_has_the_same_foreground_and_more(
        self, weights: Weights, one: Decimal, other: Decimal
    ) -> None:
        less, more = (mass_threshold(weights, float(share)) for share in sorted((one, other)))
        assert not np.any(less & ~more)

    @given(weight_rows, shares)
    def test_the_foreground_is_never_lighter_than_the_rest(
        self, weights: Weights, share: Decimal
    ) -> None:
        for row, foreground in zip(weights, mass_threshold(weights, float(share)), strict=True):
            assert row[foreground].min(initial=np.inf) >= row[~foreground].max(initial=0)

    @given(weight_rows, shares)
    def test_the_weights_are_not_changed(self, weights: Weights, share: Decimal) -> None:
        before = weights.copy()
        mass_threshold(weights, float(share))
        assert np.array_equal(weights, before)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.6, 0.75, 0.9])
def test_attention_agrees_with_the_usual_tensor_program(share: float) -> None:
    scores = torch.randn(6, 1024, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    attention = torch.softmax(2 * scores, dim=-1)
    values, places = torch.sort(attention, dim=-1)
    cumulative = torch.cumsum(values / values.sum(dim=-1, keepdim=True), dim=-1)
    expected = torch.gather(cumulative > 1 - share, 1, torch.argsort(places, dim=-1))
    assert np.array_equal(mass_threshold(attention.numpy(), share), expected.numpy())


class TestRefusals:
    @pytest.mark.parametrize("mass", [-0.1, 1.1, float("nan"), float("inf")])
    def test_other_shares(self, mass: float) -> None:
        with pytest.raises(InvalidInput, match="from 0 to 1, got") as refused:
            mass_threshold([1, 2], mass)
        assert refused.value.field == "threshold"

    def test_the_field_asked_for_is_named(self) -> None:
        with pytest.raises(InvalidInput, match="from 0 to 1, got 2") as refused:
            mass_threshold([1, 2], 2, field="ratio")
        assert refused.value.field == "ratio"

    @pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
    def test_what_is_no_attention(self, weight: float) -> None:
        with pytest.raises(ValueError, match="expected finite weights"):
            mass_threshold([1, weight], 0.5)
