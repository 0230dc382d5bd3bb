"""The colours of heatmaps: violet over red and orange to yellow, lightness rising evenly.

Drawn in OKLab (Ottosson 2020), a space in which equal steps look equal: lightness is a straight
line and hue turns steadily, so that no edge appears that is not in the data, and the order can
be read in grey and by colour-blind eyes too.
"""

import numpy as np
import numpy.typing as npt

__all__ = ["COLOURS"]

_LIGHTNESS = (0.22, 0.93)
_HUE_DEG = (-75.0, 105.0)
_CHROMA = 0.185

_OKLAB_TO_LMS = np.array(
    ((1.0, 0.3963377774, 0.2158037573),
     (1.0, -0.1055613458, -0.0638541728),
     (1.0, -0.0894841775, -1.2914855480))
)  # fmt: skip
_LMS_TO_LINEAR_RGB = np.array(
    ((4.0767416621, -3.3077115913, 0.2309699292),
     (-1.2684380046, 2.6097574011, -0.3413193965),
     (-0.0041960863, -0.7034186147, 1.7076147010))
)  # fmt: skip


def _srgb(oklab: npt.NDArray[np.float64]) -> npt.NDArray[np.uint8]:
    """OKLab (n, 3) to sRGB (n, 3) uint8; colours no screen shows are clipped."""
    linear = ((oklab @ _OKLAB_TO_LMS.T) ** 3 @ _LMS_TO_LINEAR_RGB.T).clip(0, 1)
    gamma = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.asarray((gamma * 255).round(), dtype=np.uint8)


def _colours() -> npt.NDArray[np.uint8]:
    position = np.linspace(0, 1, 256)
    lightness = np.interp(position, (0, 1), _LIGHTNESS)
    hue = np.deg2rad(np.interp(position, (0, 1), _HUE_DEG))
    # Very dark and very light colours hold little chroma.
    chroma = _CHROMA * np.sin(np.pi * (0.15 + 0.6 * position))
    return _srgb(np.stack((lightness, chroma * np.cos(hue), chroma * np.sin(hue)), axis=1))


COLOURS = _colours()
"""(256, 3) uint8 RGB; row 0 is the lowest value, row 255 the highest."""
