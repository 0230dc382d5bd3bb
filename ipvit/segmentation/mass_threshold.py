"""Foreground by attention mass: the fewest patches that hold a given share of it.

Naseer et al. 2021, §3.1 (salient patches) and §3.2 (segmentation), after DINO (Caron et al.
2021): a head's weights are sorted, normalised to sum 1 and summed up from the smallest; patches
whose cumulative mass exceeds 1 - mass are the foreground.

Deviations: 1 - mass is taken in decimals (1 - 0.9 is 0.1, not 0.09999999999999998), the sum
runs in float64, and a sum that equals the threshold but for rounding counts as equal to it, so
that worked examples come out as on paper. Ties keep the patches' order.
"""

from decimal import Decimal

import numpy as np
import numpy.typing as npt

from ipvit.errors import InvalidInput

__all__ = ["mass_threshold"]

_ROUNDING = 1e-12
"""Relative; a float64 sum of a thousand weights is off by less."""


def mass_threshold(
    weights: npt.ArrayLike, mass: float, *, field: str = "threshold"
) -> npt.NDArray[np.bool_]:
    """The patches that hold the top `mass` of the attention.

    weights: (…, N), finite and not negative, any scale: each row is normalised by its own sum.
    mass: from 0 to 1; 0 is no patch, 1 is every patch whose weight is not 0.
    Returns (…, N) bool, True is foreground. A row of zeros has no foreground.
    Raises InvalidInput, naming `field`, if `mass` is not from 0 to 1; ValueError if `weights`
    are no attention (negative or not finite).
    """
    if not 0 <= mass <= 1:
        raise InvalidInput(f"expected a share of mass from 0 to 1, got {mass}", field=field)
    values = np.asarray(weights, dtype=np.float64)  # (…, N)
    if not np.all(np.isfinite(values)) or np.any(values < 0):
        raise ValueError("expected finite weights that are not negative, got others")
    ascending = np.argsort(values, axis=-1, kind="stable")  # (…, N)
    cumulative = np.cumsum(np.take_along_axis(values, ascending, axis=-1), axis=-1)  # (…, N)
    background_mass = float(1 - Decimal(repr(float(mass))))
    bound = background_mass * (1 + _ROUNDING) * cumulative[..., -1:]
    foreground = np.empty(values.shape, dtype=np.bool_)
    np.put_along_axis(foreground, ascending, cumulative > bound, axis=-1)
    return foreground
