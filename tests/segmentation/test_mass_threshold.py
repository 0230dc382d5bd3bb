"""The foreground is worked out on paper, and its definition is held for any weights."""

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from ipvit.errors import InvalidInput
from ipvit.segmentation.mass_threshold import mass_threshold

WEIGHTS = arrays(
    np.float32,
    array_shapes(min_dims=1, max_dims=3, max_side=12),
    elements=st.floats(0, 1, width=32, allow_subnormal=False),
)
MASSES = st.decimals(0, 1, places=3).map(float)


@pytest.mark.parametrize(
    ("mass", "foreground"),
    [
        # Sorted 0.1 0.2 0.3 0.4, cumulative 0.1 0.3 0.6 1.0; foreground is what exceeds 1 - mass.
        (0.0, [0, 0, 0, 0]),
        (0.1, [0, 0, 0, 1]),
        (0.4, [0, 0, 0, 1]),
        (0.41, [0, 0, 1, 1]),
        (0.7, [0, 0, 1, 1]),
        (0.71, [0, 1, 1, 1]),
        (0.9, [0, 1, 1, 1]),
        (0.91, [1, 1, 1, 1]),
        (1.0, [1, 1, 1, 1]),
    ],
)
@pytest.mark.parametrize("scale", [1, 0.37, 12345])
def test_worked_by_hand(mass: float, foreground: list[int], scale: float) -> None:
    weights = np.array([0.1, 0.2, 0.3, 0.4]) * scale
    assert mass_threshold(weights, mass).astype(int).tolist() == foreground


def test_the_order_of_the_patches_does_not_matter() -> None:
    weights = np.array([[0.5, 0.1, 0.4], [0.2, 0.7, 0.1]])
    assert mass_threshold(weights, 0.6).tolist() == [[True, False, True], [False, True, False]]


def test_a_tenth_of_equal_weights_a_step() -> None:
    """Binary sums of 0.1 stray to both sides of the decimal thresholds."""
    found = [int(mass_threshold(np.full(10, 0.1), k / 10).sum()) for k in range(11)]
    assert found == list(range(11))


def test_equal_weights_keep_their_order() -> None:
    assert mass_threshold(np.ones(4), 0.5).tolist() == [False, False, True, True]


def test_patches_without_weight_are_never_foreground() -> None:
    assert mass_threshold(np.array([0.0, 1.0, 0.0, 3.0]), 1.0).tolist() == [False, True] * 2
    assert not mass_threshold(np.zeros(4), 1.0).any()


@given(WEIGHTS, MASSES)
def test_the_definition_holds(weights: np.ndarray, mass: float) -> None:
    """Against exact arithmetic: the share of what is not larger exceeds 1 - mass."""
    foreground = mass_threshold(weights, mass)
    assert foreground.shape == weights.shape
    bound = 1 - Fraction(Decimal(repr(mass)))
    rows = zip(
        weights.reshape(-1, weights.shape[-1]),
        foreground.reshape(-1, weights.shape[-1]),
        strict=True,
    )
    for row, found in rows:
        exact = [Fraction(float(weight)) for weight in row]
        total = sum(exact)
        cumulative = Fraction(0)
        for patch in sorted(range(len(exact)), key=lambda i, values=exact: (values[i], i)):
            cumulative += exact[patch]
            # Sums that equal the threshold but for float64's rounding are left to the rule.
            if abs(cumulative - bound * total) > Fraction(1, 10**11) * total:
                assert bool(found[patch]) == (cumulative > bound * total)


@given(WEIGHTS, MASSES, MASSES)
def test_more_mass_is_more_foreground(weights: np.ndarray, one: float, other: float) -> None:
    less, more = sorted((one, other))
    assert not (mass_threshold(weights, less) & ~mass_threshold(weights, more)).any()


@given(WEIGHTS)
def test_no_patch_and_every_patch_with_weight(weights: np.ndarray) -> None:
    assert not mass_threshold(weights, 0.0).any()
    assert np.array_equal(mass_threshold(weights, 1.0), weights > 0)


@pytest.mark.parametrize("mass", [-0.1, 1.1, float("nan"), float("inf")])
def test_a_share_is_from_0_to_1(mass: float) -> None:
    with pytest.raises(InvalidInput, match="expected a share of mass from 0 to 1") as error:
        mass_threshold(np.ones(3), mass)
    assert error.value.field == "threshold"


@pytest.mark.parametrize("weight", [-0.1, float("nan"), float("inf")])
def test_other_numbers_are_no_attention(weight: float) -> None:
    with pytest.raises(ValueError, match="expected finite weights"):
        mass_threshold(np.array([0.5, weight]), 0.9)
