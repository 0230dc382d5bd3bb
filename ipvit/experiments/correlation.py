"""Correlation of two sets of features over a data set, from sums that add up over its parts.

Naseer et al. 2021, §3.1: corr(u, v) = Σ û v̂ / n with û = (u - E[u]) / σ(u), where u and v are
random variables over the whole data set. So each feature has a coefficient, Pearson's, to which an
image contributes û v̂; the mean over features of what the images of a group contribute says how
well that group correlates.
"""

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

__all__ = ["Correlation", "FeatureSums", "PairSums", "correlate"]

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.floating]
Groups = npt.NDArray[np.int64]

RESOLUTION = 1e-6
"""A feature whose deviation is a smaller share of its mean does not vary but for rounding."""


@dataclass(frozen=True, eq=False)
class FeatureSums:
    """Of features over images; sums of parts are those of the whole.

    total: (groups, features) of the values. squares: (features,) of their squares.
    """

    total: Floats
    squares: Floats

    @classmethod
    def of(cls, values: Features, groups: Groups, count: int) -> Self:
        """values: (n, features). groups: (n,) each image's, from 0 to count - 1."""
        exact = values.astype(np.float64)
        return cls(_sum_groups(exact, groups, count), (exact**2).sum(axis=0))

    def moments(self, images: int) -> tuple[Floats, Floats]:
        """Mean and standard deviation over all images, each (features,)."""
        mean: Floats = self.total.sum(axis=0) / images
        deviation: Floats = np.sqrt(np.maximum(self.squares / images - mean**2, 0))
        return mean, deviation


@dataclass(frozen=True, eq=False)
class PairSums:
    """Of a second set of features, and of products: (groups, features)."""

    second: FeatureSums
    products: Floats

    @classmethod
    def of(cls, first: Features, second: Features, groups: Groups, count: int) -> Self:
        """first, second: (n, features) of the same images."""
        products = first.astype(np.float64) * second.astype(np.float64)
        return cls(FeatureSums.of(second, groups, count), _sum_groups(products, groups, count))


def _sum_groups(values: Floats, groups: Groups, count: int) -> Floats:
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, groups, values)
    return sums


@dataclass(frozen=True, eq=False)
class Correlation:
    """per_feature: (varying features,) Pearson's coefficients, from -1 to 1.

    per_group: (groups,) the mean contribution of a group's images, NaN for a group without images.
    Weighted by their images they have the mean of `per_feature`.
    """

    per_feature: Floats
    per_group: Floats


def correlate(images: Groups, first: FeatureSums, pair: PairSums) -> Correlation | None:
    """The correlation that the sums describe.

    images: (groups,) how many there are. None if no feature varies in both sets.
    """
    total = int(images.sum())
    mean_u, deviation_u = first.moments(total)
    mean_v, deviation_v = pair.second.moments(total)
    varies = _varies(mean_u, deviation_u) & _varies(mean_v, deviation_v)
    if not varies.any():
        return None
    # Σ (u - E[u]) (v - E[v]) over the images of a group
    shared = (
        pair.products
        - mean_v * first.total
        - mean_u * pair.second.total
        + images[:, np.newaxis] * (mean_u * mean_v)
    )[:, varies]
    standard = shared / (deviation_u * deviation_v)[varies]  # (groups, varying features)
    present = images > 0
    per_group = np.full(len(images), np.nan)
    per_group[present] = standard[present].mean(axis=1) / images[present]
    return Correlation(standard.sum(axis=0) / total, per_group)


def _varies(mean: Floats, deviation: Floats) -> npt.NDArray[np.bool_]:
    varies: npt.NDArray[np.bool_] = deviation > RESOLUTION * np.abs(mean)
    return varies
