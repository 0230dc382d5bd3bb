"""The heatmap's colours can be read in order, in colour and in grey."""

import numpy as np

from ipvit.colormap import COLOURS

LUMINANCE = np.array([0.2126, 0.7152, 0.0722])


def linear() -> np.ndarray:
    share = COLOURS / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


def test_there_are_256_colours_from_dark_to_light() -> None:
    assert COLOURS.shape == (256, 3)
    assert COLOURS.dtype == np.uint8
    assert COLOURS[0].max() < 70
    assert COLOURS[-1][:2].min() > 200


def test_perceived_lightness_rises_evenly() -> None:
    lightness = np.cbrt(linear() @ LUMINANCE)
    steps = np.diff(lightness[::16])
    assert (steps > 0).all()
    assert steps.max() < 3 * steps.min()


def test_no_step_jumps() -> None:
    assert np.abs(np.diff(COLOURS.astype(int), axis=0)).max() <= 12
