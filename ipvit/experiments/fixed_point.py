"""Sums of fractions that do not depend on their order: whole multiples of 2^-40, in int64.

Floating-point sums change with the order of their terms, so with batches and shards; whole numbers
do not. 2^-40 is about 1e-12; sums of magnitude up to 2^23 (eight million images of scores up to 1)
fit.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["from_fixed_point", "to_fixed_point"]

ONE = 2.0**40


def to_fixed_point(values: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """Nearest multiples of 2^-40 of finite values, counted: int64 of the same shape."""
    return np.rint(values.astype(np.float64) * ONE).astype(np.int64)


def from_fixed_point(counted: np.int64 | npt.NDArray[np.int64]) -> float:
    """The value of a sum (a scalar)."""
    return float(counted) / ONE
