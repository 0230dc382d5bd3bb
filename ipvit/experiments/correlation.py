"""Correlation of two sets of features over a data set, each image by itself.

Naseer et al. 2021, §3.1: corr(u, v) = Σ û v̂ / n with û = (u - E[u]) / σ(u), each feature
standardised by its mean and standard deviation over the data set. Features are read twice, a part
at a time: once for the moments, once for the products.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Correlation", "Pair", "correlate"]

Floats = npt.NDArray[np.float64]
Features = npt.NDArray[np.floating]
Pair = tuple[Features, Features]

RESOLUTION = 1e-7
"""A feature whose deviation is a smaller share of its mean does not vary: float32 rounds so."""


@dataclass(frozen=True, eq=False)
class Correlation:
    """per_image: (n,) mean over features of û · v̂, not bounded by 1.

    per_feature: (varying features,) Pearson's coefficient over the data set, from -1 to 1. The
    means of both are the same number.
    """

    per_image: Floats
    per_feature: Floats


class _Moments:
    """Mean and deviation of each feature, merged part by part (Chan et al. 1983)."""

    def __init__(self) -> None:
        self._count = 0
        self._mean: Floats = np.zeros(1)
        self._squares: Floats = np.zeros(1)

    def add(self, values: Features) -> None:
        """values: (n, features)."""
        part = values.astype(np.float64)
        n, mean = len(part), part.mean(axis=0)
        total = self._count + n
        apart = mean - self._mean
        self._squares = (
            self._squares + ((part - mean) ** 2).sum(axis=0) + apart**2 * (self._count * n / total)
        )
        self._mean = self._mean + apart * (n / total)
        self._count = total

    @property
    def varies(self) -> npt.NDArray[np.bool_]:
        """(features,) whether the feature differs between images."""
        deviation: Floats = np.sqrt(self._squares / self._count)
        return deviation > RESOLUTION * np.abs(self._mean)

    def standardise(self, values: Features, chosen: npt.NDArray[np.bool_]) -> Floats:
        """(n, chosen features) with mean 0 and deviation 1 over the data set."""
        deviation: Floats = np.sqrt(self._squares[chosen] / self._count)
        standard: Floats = (values[:, chosen] - self._mean[chosen]) / deviation
        return standard


def correlate(pairs: Callable[[], Iterator[Pair]]) -> Correlation | None:
    """Correlate the pairs of features u and v, both (n, features), of all parts.

    pairs: called twice, for the same parts in the same order.
    Features that vary in u or in v alone are left out. None if no feature varies, or no part holds
    an image.
    """
    first, second = _Moments(), _Moments()
    parts = 0
    for u, v in pairs():
        if len(u):
            first.add(u)
            second.add(v)
            parts += 1
    if not parts:
        return None
    chosen = first.varies & second.varies
    if not chosen.any():
        return None
    per_image, total = [], np.zeros(np.count_nonzero(chosen))
    for u, v in pairs():
        products = first.standardise(u, chosen) * second.standardise(v, chosen)
        per_image.append(products.mean(axis=1))
        total += products.sum(axis=0)
    images = np.concatenate(per_image)
    return Correlation(images, total / len(images))
