"""From counts and sums to the rows of a result: values, spread over runs, intervals over images."""

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from ipvit.experiments.experiment import Row

__all__ = ["accuracy_row", "mean_row", "wilson_interval"]

Z95 = 1.959963984540054
"""The 97.5 % quantile of the standard normal distribution."""


def wilson_interval(share: float, n: int) -> tuple[float, float]:
    """95 % interval of a proportion (Wilson 1927, without continuity correction).

    share: the observed proportion, from 0 to 1, of n independent trials, n at least 1.
    Returns (low, high), both from 0 to 1.
    """
    spread = Z95**2 / n
    centre = (share + spread / 2) / (1 + spread)
    half = Z95 * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)


def accuracy_row(
    condition: Mapping[str, str | int | float],
    metric: str,
    correct: npt.NDArray[np.int64],
    images: int,
) -> Row:
    """An accuracy in percent, from 0 to 100.

    correct: (runs,) how many of `images` were right in each run.
    The value is the mean over runs, the standard error that of this mean. The Wilson interval
    takes images, not images times runs, for independent trials: runs share their images.
    """
    runs = len(correct)
    shares = correct.astype(np.float64) / images
    right = int(correct.sum())
    low, high = wilson_interval(right / (images * runs), images)
    error = float(shares.std(ddof=1)) / math.sqrt(runs) if runs > 1 else None
    return Row(
        condition=condition,
        metric=metric,
        value=100 * right / (images * runs),
        images=images,
        runs=runs,
        standard_error=None if error is None else 100 * error,
        low95=100 * low,
        high95=100 * high,
    )


def mean_row(
    condition: Mapping[str, str | int | float],
    metric: str,
    total: float,
    squares: float,
    images: int,
    *,
    runs: int = 1,
) -> Row:
    """The mean of one value an image, with a 95 % interval from the spread over images.

    total, squares: sums of the values and of their squares, over `images` images.
    """
    mean = total / images
    low = high = None
    if images > 1:
        variance = max(0.0, squares / images - mean**2) * images / (images - 1)
        half = Z95 * math.sqrt(variance / images)
        low, high = mean - half, mean + half
    return Row(condition, metric, mean, images, runs=runs, low95=low, high95=high)
