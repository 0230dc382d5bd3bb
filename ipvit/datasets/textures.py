"""Textures for drawn pictures: noise of several scales, stripes, checks, dots, grain."""

import numpy as np
import numpy.typing as npt

from ipvit.randomness import random_words

__all__ = ["Draw", "texture"]

_Plane = npt.NDArray[np.float64]


class Draw:
    """Numbers drawn one after another for one purpose; the same on every machine."""

    def __init__(self, seed: int, key: str) -> None:
        self._seed, self._key = seed, key
        self._count = 0

    def uniform(self, *shape: int) -> _Plane:
        """Numbers in [0, 1) of that shape."""
        self._count += 1
        count = int(np.prod(shape))
        words = random_words(count, seed=self._seed, key=self._key, condition=f"draw/{self._count}")
        return np.asarray((words >> np.uint64(11)) * 2.0**-53, dtype=np.float64).reshape(shape)

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * float(self.uniform(1)[0])

    def whole(self, low: int, high: int) -> int:
        """A whole number from low to high, both included."""
        return int(self.between(low, high + 1))


def texture(draw: Draw, height: int, width: int) -> npt.NDArray[np.float64]:
    """A plane of one of the textures between two colours.

    Returns (height, width, 3) in [0, 1].
    """
    pattern = (_clouds, _stripes, _checks, _dots, _grain)[draw.whole(0, 4)]
    share = pattern(draw, height, width)
    # A little of another scale keeps flat patterns from looking printed.
    share = np.clip(share + 0.25 * (_clouds(draw, height, width) - 0.5), 0, 1)[..., None]
    dark, bright = draw.uniform(3) * 0.55, 0.45 + draw.uniform(3) * 0.55
    return np.asarray(dark * (1 - share) + bright * share)


def _smooth_noise(draw: Draw, height: int, width: int, cell_px: float) -> _Plane:
    """Random values on a lattice of `cell_px`, interpolated smoothly."""
    rows, columns = np.arange(height) / cell_px, np.arange(width) / cell_px
    lattice = draw.uniform(int(rows[-1]) + 2, int(columns[-1]) + 2)
    top, left = rows.astype(int), columns.astype(int)
    down, right = (np.clip(part, 0, 1) for part in (rows - top, columns - left))
    down, right = (part**2 * (3 - 2 * part) for part in (down, right))
    upper = lattice[top][:, left] * (1 - right) + lattice[top][:, left + 1] * right
    lower = lattice[top + 1][:, left] * (1 - right) + lattice[top + 1][:, left + 1] * right
    return np.asarray(upper * (1 - down[:, None]) + lower * down[:, None])


def _clouds(draw: Draw, height: int, width: int) -> _Plane:
    largest_px = draw.between(16, 64)
    layers = [_smooth_noise(draw, height, width, largest_px / 2**k) / 2**k for k in range(4)]
    total = np.sum(layers, axis=0)
    return np.asarray((total - total.min()) / np.ptp(total))


def _turned(draw: Draw, height: int, width: int) -> tuple[_Plane, _Plane]:
    """Coordinates in px along two axes at a random angle, bent a little."""
    rows, columns = np.mgrid[:height, :width].astype(np.float64)
    turn = draw.between(0, np.pi)
    bend = draw.between(0, 12) * _smooth_noise(draw, height, width, 48)
    along = np.cos(turn) * columns + np.sin(turn) * rows + bend
    return along, np.cos(turn) * rows - np.sin(turn) * columns + bend


def _stripes(draw: Draw, height: int, width: int) -> _Plane:
    along, _ = _turned(draw, height, width)
    return np.asarray(0.5 + 0.5 * np.sin(2 * np.pi * along / draw.between(6, 24)))


def _checks(draw: Draw, height: int, width: int) -> _Plane:
    along, across = _turned(draw, height, width)
    cell_px = draw.between(6, 20)
    return np.asarray((np.floor(along / cell_px) + np.floor(across / cell_px)) % 2)


def _dots(draw: Draw, height: int, width: int) -> _Plane:
    along, across = _turned(draw, height, width)
    cell_px = draw.between(8, 20)
    to_middle = np.hypot(along % cell_px - cell_px / 2, across % cell_px - cell_px / 2)
    return np.asarray((to_middle < draw.between(0.2, 0.42) * cell_px).astype(np.float64))


def _grain(draw: Draw, height: int, width: int) -> _Plane:
    coarse = _smooth_noise(draw, height, width, draw.between(3, 8))
    return np.asarray(0.35 * draw.uniform(height, width) + 0.65 * coarse)
