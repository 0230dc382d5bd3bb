"""No file, however broken, gets more than InvalidImage or ImageTooLarge out of the decoder."""

import contextlib
import warnings
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ipvit.errors import ImageTooLarge, InvalidImage
from ipvit.images import ImageLimits, decode_image, decode_mask, decode_painting
from tests.pictures import (
    EPS,
    SVG,
    animation,
    encoded,
    palette_with_alpha,
    photo,
    photo_file,
    png_of_claimed_size,
    sixteen_bit_png,
)

BROKEN = {
    "empty": b"",
    "text": b"hello",
    "eps": EPS,
    "svg": SVG,
    "tiff": encoded(photo(), "TIFF"),
    "jpeg 2000": encoded(photo(), "JPEG2000"),
    "truncated jpeg": photo_file(400, 300)[:2000],
    "truncated progressive jpeg": encoded(photo(400, 300), "JPEG", progressive=True)[:3000],
    "truncated png": encoded(photo(400, 300))[:3000],
    "truncated webp": encoded(photo(400, 300), "WEBP")[:500],
    "truncated gif": encoded(photo(400, 300), "GIF")[:2000],
    "truncated bmp": encoded(photo(400, 300), "BMP")[:2000],
    "signature only": b"\x89PNG\r\n\x1a\n",
    "less than it claims": png_of_claimed_size(2000, 2000),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_files_are_refused_by_field(name: str) -> None:
    with pytest.raises(InvalidImage, match="expected a JPEG, PNG, WEBP, BMP, GIF image") as error:
        decode_image(BROKEN[name], field="photo")
    assert error.value.field == "photo"


def test_the_message_says_what_came() -> None:
    with pytest.raises(InvalidImage, match="got an empty file"):
        decode_image(b"")
    with pytest.raises(InvalidImage, match="got something else"):
        decode_image(SVG)
    with pytest.raises(InvalidImage, match=r"got a broken one: .*truncated"):
        decode_image(BROKEN["truncated jpeg"])


@pytest.mark.parametrize(
    "size",
    [(10_000, 6_000), (10_000, 10_000), (30_000, 30_000), (1, 2**31 - 1), (1, 65_536), (65_536, 1)],
)
@pytest.mark.parametrize("action", ["ignore", "error"])
def test_too_many_pixels_are_refused_from_the_header(size: tuple[int, int], action: str) -> None:
    """The files hold no such pixels: decoding them first would end in InvalidImage."""
    with warnings.catch_warnings():
        warnings.simplefilter("error" if action == "error" else "ignore")
        with pytest.raises(ImageTooLarge, match="expected at most 50000000 pixels") as error:
            decode_image(png_of_claimed_size(*size))
    assert error.value.field == "image"


@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP", "BMP", "GIF"])
def test_limits_hold_for_every_format(file_format: str) -> None:
    data = encoded(photo(64, 48), file_format)
    at_limit = ImageLimits(max_bytes=len(data), max_pixels=64 * 48)
    assert decode_image(data, at_limit).width == 64
    with pytest.raises(
        ImageTooLarge, match=r"expected at most 3071 pixels and 65535 px a side, got 64x48"
    ):
        decode_image(data, ImageLimits(max_pixels=64 * 48 - 1))
    with pytest.raises(ImageTooLarge, match=f"bytes, got {len(data)}"):
        decode_image(data, ImageLimits(max_bytes=len(data) - 1))


@pytest.mark.parametrize("decode", [decode_mask, decode_painting])
def test_masks_are_png_and_within_limits(decode: Callable[..., object]) -> None:
    with pytest.raises(InvalidImage, match="expected a PNG image, got something else") as error:
        decode(photo_file())
    assert error.value.field == "mask"
    with pytest.raises(ImageTooLarge) as too_large:
        decode(png_of_claimed_size(10_000, 6_000), field="ground_truth")
    assert too_large.value.field == "ground_truth"


GOOD = (
    photo_file(),
    encoded(photo(), "JPEG", progressive=True),
    encoded(photo().convert("CMYK"), "JPEG"),
    encoded(photo()),
    encoded(photo(), "WEBP"),
    encoded(photo(), "GIF"),
    encoded(photo(), "BMP"),
    animation("GIF"),
    animation("WEBP"),
    palette_with_alpha(),
    sixteen_bit_png(),
)


@given(
    data=st.sampled_from(GOOD),
    edits=st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(max_size=4), st.integers(0, 40)),
        max_size=6,
    ),
    kept=st.floats(0.2, 1),
)
@settings(max_examples=300, deadline=None)
def test_damaged_files_end_in_a_picture_or_in_an_error_of_ours(
    data: bytes, edits: list[tuple[float, bytes, int]], kept: float
) -> None:
    damaged = bytearray(data[: int(len(data) * kept)])
    for place, inserted, removed in edits:
        start = int(place * len(damaged))
        damaged[start : start + removed] = inserted
    for decode in (decode_image, decode_mask, decode_painting):
        with contextlib.suppress(InvalidImage, ImageTooLarge):
            decoded = decode(bytes(damaged))
            picture = decoded if isinstance(decoded, np.ndarray) else np.asarray(decoded.image)
            assert picture.dtype == np.uint8
            assert 0 < picture.shape[0] * picture.shape[1] <= ImageLimits().max_pixels


def test_memory_running_out_is_not_blamed_on_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(image: Image.Image) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "load", exhausted)
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", exhausted)
    with pytest.raises(MemoryError):
        decode_image(encoded(photo(), "BMP"))
