"""Every picture is on the sheet, in order, with its caption below."""

import numpy as np
import pytest
from PIL import Image

from ipvit.contact_sheet import GAP_PX, PAPER, TEXT_PX, composite

LINE_PX = 2 * TEXT_PX


def tile(colour: str, width: int = 300, height: int = 200) -> Image.Image:
    return Image.new("RGB", (width, height), colour)


def test_one_picture_keeps_its_pixels() -> None:
    sheet = composite([tile("red")], ["clean"])
    assert sheet.size == (300 + 2 * GAP_PX, 200 + GAP_PX + LINE_PX)
    shown = sheet.crop((GAP_PX, GAP_PX, GAP_PX + 300, GAP_PX + 200))
    assert np.array_equal(np.asarray(shown), np.asarray(tile("red")))


def test_pictures_are_in_reading_order() -> None:
    sheet = composite([tile(colour) for colour in ("red", "lime", "blue")], ["a", "b", "c"])
    assert sheet.size == (2 * 300 + 3 * GAP_PX, 2 * (200 + LINE_PX) + GAP_PX)
    across, down = 300 + GAP_PX, 200 + LINE_PX
    middle = (GAP_PX + 150, GAP_PX + 100)
    assert sheet.getpixel(middle) == (255, 0, 0)
    assert sheet.getpixel((middle[0] + across, middle[1])) == (0, 255, 0)
    assert sheet.getpixel((middle[0], middle[1] + down)) == (0, 0, 255)
    assert sheet.getpixel((middle[0] + across, middle[1] + down)) == PAPER


def test_captions_are_written_under_their_picture() -> None:
    below = (GAP_PX, GAP_PX + 200, GAP_PX + 300, GAP_PX + 200 + LINE_PX)
    with_text = composite([tile("red")], ["IL 0.5, seed 0"]).crop(below)
    without = composite([tile("red")], [""]).crop(below)
    assert np.asarray(with_text).min() < 80
    assert np.asarray(without).min() == 255


def test_a_long_caption_stays_under_its_picture() -> None:
    sheet = composite([tile("red"), tile("red")], ["long " * 40, ""])
    right_half = sheet.crop((GAP_PX + 301, GAP_PX + 200, *sheet.size))
    assert np.asarray(right_half).min() == 255


def test_many_large_pictures_make_a_sheet_of_bounded_size() -> None:
    sheet = composite([tile("red", 768, 576)] * 100, ["caption"] * 100)
    assert sheet.width <= 2100
    assert sheet.height <= 2200


def test_grey_pictures_and_slivers_are_shown_too() -> None:
    sheet = composite([Image.new("L", (2000, 1), 128), Image.new("L", (40, 30))], ["", ""])
    assert sheet.mode == "RGB"


@pytest.mark.parametrize(("images", "captions"), [(0, 0), (2, 1), (1, 2)])
def test_each_picture_needs_one_caption(images: int, captions: int) -> None:
    with pytest.raises(ValueError, match="expected one caption for each picture"):
        composite([tile("red")] * images, [""] * captions)
