from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.experiments.correlation import Correlation, FeatureSums, PairSums, correlate

Features = npt.NDArray[np.float32]


def in_parts(
    u: Features, v: Features, groups: list[int] | None = None, cuts: tuple[int, ...] = ()
) -> Correlation | None:
    """The correlation from the sums of the parts between `cuts`."""
    chosen = np.array(groups or [0] * len(u), np.int64)
    count = int(chosen.max()) + 1
    bounds = [0, *sorted(cuts), len(u)]
    first, pair = [], []
    for start, stop in pairwise(bounds):
        part = chosen[start:stop]
        first.append(FeatureSums.of(u[start:stop], part, count))
        pair.append(PairSums.of(u[start:stop], v[start:stop], part, count))
    return correlate(
        np.bincount(chosen, minlength=count),
        FeatureSums(sum(one.total for one in first), sum(one.squares for one in first)),
        PairSums(
            FeatureSums(
                sum(one.second.total for one in pair), sum(one.second.squares for one in pair)
            ),
            sum(one.products for one in pair),
        ),
    )


def features(*rows: tuple[float, ...]) -> Features:
    return np.array(rows, np.float32)


def test_two_images_worked_by_hand() -> None:
    # Feature 1: 0, 2 has mean 1 and deviation 1, so -1, 1; occluded 5, 9 likewise -1, 1: products
    # 1, 1. Feature 2: 1, 3 is -1, 1 and 7, 3 is 1, -1: products -1, -1.
    found = in_parts(features((0, 1), (2, 3)), features((5, 7), (9, 3)), [0, 1])
    assert found is not None
    assert found.per_feature.tolist() == [1, -1]
    assert found.per_group.tolist() == [0, 0]


def test_three_images_worked_by_hand() -> None:
    # -1, 0, 1 has deviation √(2/3); 0, 0, 3 less its mean 1 is -1, -1, 2 with deviation √2.
    # Products of the standardised: (1, 0, 2) / √(4/3), mean √3 / 2.
    found = in_parts(features((-1,), (0,), (1,)), features((0,), (0,), (3,)), [0, 2, 2])
    assert found is not None
    root = np.sqrt(3) / 2
    assert found.per_feature.tolist() == pytest.approx([root])
    assert found.per_group.tolist() == pytest.approx([root, np.nan, root], nan_ok=True)


def test_features_that_never_vary_are_left_out() -> None:
    u = features((1, 5, 0.1), (2, 5, 0.1), (3, 5, 0.1))
    v = features((1, 1, 1), (2, 2, 2), (3, 3, 3))
    found = in_parts(u, v, cuts=(1,))
    assert found is not None
    assert found.per_feature.tolist() == pytest.approx([1])


def test_nothing_varies() -> None:
    assert in_parts(features((1, 2)), features((3, 4))) is None


@given(
    seed=st.integers(0, 10**6),
    images=st.integers(2, 30),
    cuts=st.lists(st.integers(0, 30)),
    data=st.data(),
)
def test_parts_change_nothing_and_features_are_pearsons(
    seed: int, images: int, cuts: list[int], data: st.DataObject
) -> None:
    draw = np.random.default_rng(seed)
    u = draw.normal(100, 3, (images, 5)).astype(np.float32)
    v = (u + draw.normal(0, 2, u.shape)).astype(np.float32)
    groups = data.draw(st.lists(st.integers(0, 3), min_size=images, max_size=images))
    found = in_parts(u, v, groups, tuple(min(cut, images) for cut in cuts))
    assert found is not None
    pearson = [np.corrcoef(u[:, i].astype(float), v[:, i].astype(float))[0, 1] for i in range(5)]
    assert found.per_feature == pytest.approx(np.array(pearson), abs=1e-8)
    weights = np.bincount(groups)
    mean = np.nansum(found.per_group * weights) / images
    assert mean == pytest.approx(np.mean(pearson), abs=1e-8)


def test_equal_features_correlate_by_one() -> None:
    u = np.random.default_rng(0).normal(size=(50, 7)).astype(np.float32)
    found = in_parts(u, u, cuts=(20,))
    assert found is not None
    assert found.per_feature == pytest.approx(np.ones(7))
    assert found.per_group == pytest.approx(np.ones(1))
