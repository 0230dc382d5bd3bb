from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.experiments.correlation import Correlation, Pair, correlate

Features = npt.NDArray[np.float32]


def in_parts(u: Features, v: Features, cuts: list[int]) -> Correlation | None:
    bounds = [0, *sorted(cuts), len(u)]

    def pairs() -> Iterator[Pair]:
        for start, stop in pairwise(bounds):
            yield u[start:stop], v[start:stop]

    return correlate(pairs)


def features(*rows: tuple[float, ...]) -> Features:
    return np.array(rows, np.float32)


def test_two_images_worked_by_hand() -> None:
    # Feature 1: 0, 2 has mean 1 and deviation 1, so -1, 1; occluded 5, 9 likewise -1, 1: products
    # 1, 1. Feature 2: 1, 3 is -1, 1 and 7, 3 is 1, -1: products -1, -1.
    found = in_parts(features((0, 1), (2, 3)), features((5, 7), (9, 3)), [])
    assert found is not None
    assert found.per_image.tolist() == [0, 0]
    assert found.per_feature.tolist() == [1, -1]


def test_three_images_worked_by_hand() -> None:
    # -1, 0, 1 has deviation √(2/3); 0, 0, 3 less its mean 1 is -1, -1, 2 with deviation √2.
    # Products of the standardised: (1, 0, 2) / √(4/3), mean √3 / 2.
    found = in_parts(features((-1,), (0,), (1,)), features((0,), (0,), (3,)), [])
    assert found is not None
    root = np.sqrt(3) / 2
    assert found.per_image.tolist() == pytest.approx([root, 0, 2 * root])
    assert found.per_feature.tolist() == pytest.approx([root])


def test_features_that_never_vary_are_left_out() -> None:
    u = features((1, 5, 0.1), (2, 5, 0.1), (3, 5, 0.1))
    v = features((1, 1, 1), (2, 2, 2), (3, 3, 3))
    found = in_parts(u, v, [1])
    assert found is not None
    assert found.per_feature.tolist() == pytest.approx([1])


def test_nothing_varies() -> None:
    assert in_parts(features((1, 2)), features((3, 4)), []) is None
    assert correlate(lambda: iter(())) is None


@given(seed=st.integers(0, 10**6), images=st.integers(2, 30), cuts=st.lists(st.integers(0, 30)))
def test_parts_change_nothing_and_means_are_pearsons(
    seed: int, images: int, cuts: list[int]
) -> None:
    draw = np.random.default_rng(seed)
    u = draw.normal(100, 3, (images, 5)).astype(np.float32)
    v = (u + draw.normal(0, 2, u.shape)).astype(np.float32)
    found = in_parts(u, v, [min(cut, images) for cut in cuts])
    assert found is not None
    pearson = [np.corrcoef(u[:, i].astype(float), v[:, i].astype(float))[0, 1] for i in range(5)]
    assert found.per_feature == pytest.approx(np.array(pearson), abs=1e-9)
    assert found.per_image.mean() == pytest.approx(np.mean(pearson), abs=1e-9)


def test_equal_features_correlate_by_one() -> None:
    u = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    found = in_parts(u, u, [20])
    assert found is not None
    assert found.per_image.mean() == pytest.approx(1)
    assert found.per_feature == pytest.approx(np.ones(7))
