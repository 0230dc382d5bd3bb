import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.experiments.statistics import accuracy_row, mean_row, wilson_interval


def test_wilson_by_hand() -> None:
    """5 of 10: centre 0.5, half width z · √(0.025 + z²/400) / (1 + z²/10), z² = 3.8415."""
    low, high = wilson_interval(0.5, 10)
    assert low == pytest.approx(0.2366, abs=1e-4)
    assert high == pytest.approx(0.7634, abs=1e-4)


def test_wilson_of_none_and_of_all() -> None:
    """0 of n: from 0 to z² / (n + z²)."""
    low, high = wilson_interval(0.0, 10)
    assert low == 0
    assert high == pytest.approx(3.8415 / 13.8415, abs=1e-4)
    assert wilson_interval(1.0, 10) == pytest.approx((1 - high, 1.0))


@given(n=st.integers(1, 10**6), share=st.floats(0, 1))
def test_the_interval_holds_the_share(n: int, share: float) -> None:
    low, high = wilson_interval(share, n)
    assert 0 <= low <= share + 1e-12
    assert share - 1e-12 <= high <= 1


def test_an_accuracy_of_three_runs_by_hand() -> None:
    """6, 7 and 8 of 10: mean 70 %, deviation 10 %, standard error 10 / √3 %."""
    row = accuracy_row({"ratio": 0.5}, "top1", np.array([6, 7, 8]), 10)
    assert row.value == 70
    assert row.standard_error == pytest.approx(10 / 3**0.5)
    assert (row.images, row.runs) == (10, 3)
    # As of ten images, not of thirty: the runs share them.
    assert (row.low95, row.high95) == pytest.approx(
        tuple(100 * edge for edge in wilson_interval(0.7, 10))
    )


def test_one_run_has_no_standard_error() -> None:
    assert accuracy_row({}, "top1", np.array([3]), 4).standard_error is None


def test_a_mean_by_hand() -> None:
    """1, 2, 3: mean 2, variance 1, half width 1.96 / √3."""
    row = mean_row({}, "score", total=6.0, squares=14.0, images=3)
    assert row.value == 2
    assert row.high95 is not None
    assert row.high95 - row.value == pytest.approx(1.959964 / 3**0.5, abs=1e-5)


def test_the_mean_of_one_image_has_no_interval() -> None:
    row = mean_row({}, "score", total=6.0, squares=36.0, images=1)
    assert (row.value, row.low95, row.high95) == (6.0, None, None)
