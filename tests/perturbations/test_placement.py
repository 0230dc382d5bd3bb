import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.errors import InvalidInput
from ipvit.perturbations.placement import CORNERS, place_images

ONE = np.full((1, 3, 1, 1), 7, np.uint8)


@pytest.mark.parametrize(
    ("corner", "where"),
    [
        ("top-left", (0, 0)),
        ("top-right", (0, 2)),
        ("bottom-left", (2, 0)),
        ("bottom-right", (2, 2)),
        ("centre", (1, 1)),
    ],
)
def test_one_pixel_in_nine(corner: str, where: tuple[int, int]) -> None:
    placed = place_images(ONE, 3, corner)
    expected = np.zeros((1, 3, 3, 3), np.uint8)
    expected[:, :, where[0], where[1]] = 7
    np.testing.assert_array_equal(placed, expected)


@given(size_px=st.integers(1, 9), rest_px=st.integers(0, 9), corner=st.sampled_from(CORNERS))
def test_nothing_is_lost_and_the_rest_is_black(size_px: int, rest_px: int, corner: str) -> None:
    images = np.random.default_rng(size_px).integers(1, 256, (2, 3, size_px, size_px), np.uint8)
    placed = place_images(images, size_px + rest_px, corner)
    assert placed.shape == (2, 3, size_px + rest_px, size_px + rest_px)
    np.testing.assert_array_equal(placed[placed > 0], images.ravel())


def test_a_larger_image_is_refused() -> None:
    with pytest.raises(InvalidInput, match="at most 2 px"):
        place_images(np.ones((1, 3, 3, 3), np.uint8), 2, "top-left")


def test_an_unknown_corner_is_refused() -> None:
    with pytest.raises(InvalidInput, match="'middle'"):
        place_images(ONE, 3, "middle")
