import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ipvit.experiments.fixed_point import from_fixed_point, to_fixed_point


def test_simple_fractions_are_exact() -> None:
    counted = to_fixed_point(np.array([0.5, 0.25, 1, 0]))
    assert counted.tolist() == [2**39, 2**38, 2**40, 0]
    assert from_fixed_point(counted.sum()) == 1.75


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.randoms())
def test_sums_depend_on_no_order(values: list[float], random: object) -> None:
    counted = to_fixed_point(np.array(values))
    shuffled = list(counted)
    random.shuffle(shuffled)
    backwards = np.sum(shuffled[: len(values) // 2]) + np.sum(shuffled[len(values) // 2 :])
    assert from_fixed_point(backwards) == from_fixed_point(counted.sum())
    assert abs(from_fixed_point(counted.sum()) - sum(values)) < 1e-9
