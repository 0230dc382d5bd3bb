"""Good files of every kind become the same upright RGB pixels."""

import io
import struct
import warnings

import numpy as np
import numpy.typing as npt
import pytest
from PIL import ExifTags, Image, PngImagePlugin

from ipvit.images import (
    DISPLAY_PX,
    DecodedImage,
    decode_image,
    decode_mask,
    decode_painting,
    display_image,
)
from tests.pictures import animation, encoded, photo

Transpose = Image.Transpose

STORED = {
    1: [],
    2: [Transpose.FLIP_LEFT_RIGHT],
    3: [Transpose.ROTATE_180],
    4: [Transpose.FLIP_TOP_BOTTOM],
    5: [Transpose.TRANSPOSE],
    6: [Transpose.ROTATE_90],
    7: [Transpose.TRANSVERSE],
    8: [Transpose.ROTATE_270],
}
"""How an upright photo is turned to be stored with each EXIF orientation."""


def pixels(image: Image.Image) -> npt.NDArray[np.uint8]:
    return np.asarray(image)


def assert_shows(decoded: DecodedImage, expected: Image.Image) -> None:
    assert decoded.image.mode == "RGB"
    assert np.array_equal(pixels(decoded.image), pixels(expected))


@pytest.mark.parametrize("file_format", ["PNG", "BMP", "WEBP"])
def test_lossless_formats_keep_every_pixel(file_format: str) -> None:
    options = {"lossless": True} if file_format == "WEBP" else {}
    decoded = decode_image(encoded(photo(), file_format, **options))
    assert_shows(decoded, photo())
    assert (decoded.format, decoded.width, decoded.height) == (file_format, 64, 48)


def test_a_jpeg_is_decoded_at_full_size_as_pillow_does() -> None:
    data = encoded(photo(333, 201), "JPEG", quality=80)
    decoded = decode_image(data)
    assert_shows(decoded, Image.open(io.BytesIO(data)))
    assert decoded.format == "JPEG"


def test_a_name_or_ending_plays_no_part() -> None:
    assert decode_image(encoded(photo(), "GIF")).format == "GIF"


def test_one_pixel_is_an_image() -> None:
    decoded = decode_image(encoded(Image.new("RGB", (1, 1), (10, 20, 30))))
    assert pixels(decoded.image).tolist() == [[[10, 20, 30]]]


@pytest.mark.parametrize("orientation", STORED)
@pytest.mark.parametrize("file_format", ["JPEG", "PNG", "WEBP"])
def test_the_eight_orientations_give_the_same_pixels(orientation: int, file_format: str) -> None:
    # JPEG rounds 8x8 blocks, so its photo is of flat blocks, which survive any turn.
    blocks = np.random.default_rng(1).integers(0, 256, (4, 6), dtype=np.uint8)
    upright = Image.fromarray(blocks.repeat(8, 0).repeat(8, 1)).convert("RGB")
    turned = upright
    for turn in STORED[orientation]:
        turned = turned.transpose(turn)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    options = {"lossless": True} if file_format == "WEBP" else {}
    decoded = decode_image(encoded(turned, file_format, exif=exif, quality=100, **options))
    assert (decoded.width, decoded.height) == (48, 32)
    difference = pixels(decoded.image).astype(int) - pixels(upright)
    assert np.abs(difference).max() <= (1 if file_format == "JPEG" else 0)


@pytest.mark.parametrize("orientation", [0, 9, 65535])
def test_an_orientation_that_means_nothing_is_upright(orientation: int) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    assert_shows(decode_image(encoded(photo(), exif=exif)), photo())


def test_broken_exif_counts_as_upright() -> None:
    data = encoded(photo(), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xffrubbish")
    assert_shows(decode_image(data), photo())


@pytest.mark.parametrize("file_format", ["PNG", "WEBP"])
@pytest.mark.parametrize("action", ["ignore", "error"])
def test_exif_that_pillow_warns_of_is_no_obstacle(file_format: str, action: str) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 3
    exif[ExifTags.Base.ImageDescription] = "text"
    exif[ExifTags.Base.Artist] = "who took it"
    # The description becomes five numbers of type "short" where one is expected.
    odd = exif.tobytes().replace(b"\x01\x0e\0\x02", b"\x01\x0e\0\x03")
    assert odd != exif.tobytes()
    data = encoded(photo(), file_format, exif=odd, lossless=True)
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        decoded = decode_image(data)
    assert_shows(decoded, photo().transpose(Transpose.ROTATE_180))


def test_metadata_is_dropped() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 1
    exif[ExifTags.Base.Artist] = "who took it"
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "where it was taken")
    for data in (
        encoded(photo(), "JPEG", exif=exif, comment=b"where", icc_profile=b"profile"),
        encoded(photo(), "PNG", exif=exif, pnginfo=text),
    ):
        decoded = decode_image(data)
        assert decoded.image.info == {}
        assert dict(decoded.image.getexif()) == {}
        assert b"where" not in encoded(decoded.image, "JPEG")


@pytest.mark.parametrize("file_format", ["GIF", "WEBP"])
def test_an_animation_gives_its_first_frame(file_format: str) -> None:
    first = decode_image(animation(file_format))
    assert first.format == file_format
    # A GIF has 256 colours; the second frame is black.
    difference = np.abs(pixels(first.image).astype(int) - pixels(photo()))
    assert difference.mean() < 8
    assert not isinstance(first.image, type(Image.open(io.BytesIO(animation(file_format)))))


def test_a_phones_second_picture_is_left_out() -> None:
    data = encoded(photo(), "MPO", save_all=True, append_images=[Image.new("RGB", (64, 48))])
    decoded = decode_image(data)
    assert decoded.format == "JPEG"
    assert pixels(decoded.image).mean() > 50


def test_cmyk_becomes_rgb() -> None:
    red = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    shown = pixels(decode_image(encoded(red, "JPEG")).image)[8, 8]
    assert np.abs(shown.astype(int) - (255, 0, 0)).max() <= 2


@pytest.mark.parametrize("mode", ["1", "L"])
def test_grey_becomes_rgb(mode: str) -> None:
    image = photo().convert(mode)
    assert_shows(decode_image(encoded(image)), image.convert("RGB"))


def test_sixteen_bits_keep_the_high_byte() -> None:
    values = np.array([[0, 255, 256, 0x1234, 0xFFFF]], dtype=np.uint16)
    decoded = decode_image(encoded(Image.fromarray(values)))
    assert pixels(decoded.image)[0, :, 0].tolist() == [0, 0, 1, 0x12, 0xFF]


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("RGBA", (200, 100, 0, 255), [200, 100, 0]),
        ("RGBA", (200, 100, 0, 0), [255, 255, 255]),
        ("RGBA", (0, 0, 0, 51), [204, 204, 204]),
        ("LA", (0, 0), [255, 255, 255]),
        ("LA", (90, 255), [90, 90, 90]),
    ],
)
def test_transparent_pixels_lie_over_white(
    mode: str, colour: tuple[int, ...], expected: list[int]
) -> None:
    decoded = decode_image(encoded(Image.new(mode, (2, 2), colour)))
    assert pixels(decoded.image)[0, 0].tolist() == expected


def test_a_palette_with_alpha_lies_over_white() -> None:
    indexed = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8), mode="P")
    indexed.putpalette([255, 0, 0, 0, 0, 0, 0, 0, 255])
    decoded = decode_image(encoded(indexed, transparency=bytes([0, 51, 255])))
    assert pixels(decoded.image)[0].tolist() == [[255, 255, 255], [204, 204, 204], [0, 0, 255]]


def test_a_transparent_colour_lies_over_white() -> None:
    row = Image.fromarray(np.array([[[1, 2, 3], [9, 9, 9]]], dtype=np.uint8))
    decoded = decode_image(encoded(row, transparency=(1, 2, 3)))
    assert pixels(decoded.image)[0].tolist() == [[255, 255, 255], [9, 9, 9]]


def test_a_mask_keeps_palette_indices() -> None:
    indices = np.array([[0, 15], [255, 7]], dtype=np.uint8)
    indexed = Image.fromarray(indices, mode="P")
    indexed.putpalette(list(range(255, -1, -1)) * 3)
    assert decode_mask(encoded(indexed)).tolist() == indices.tolist()
    assert decode_mask(encoded(indexed, transparency=15)).tolist() == indices.tolist()


def test_a_mask_keeps_grey_values() -> None:
    values = np.array([[0, 1, 128, 255]], dtype=np.uint8)
    mask = decode_mask(encoded(Image.fromarray(values)))
    assert mask.dtype == np.uint8
    assert mask.tolist() == values.tolist()


def test_a_mask_of_other_depths() -> None:
    bilevel = Image.fromarray(np.array([[True, False]]))
    deep = Image.fromarray(np.array([[0, 20, 255, 256, 65535]], dtype=np.uint16))
    assert decode_mask(encoded(bilevel)).tolist() == [[255, 0]]
    assert decode_mask(encoded(deep)).tolist() == [[0, 20, 255, 255, 255]]


def test_a_painting_is_read_by_its_colours() -> None:
    indexed = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), mode="P")
    indexed.putpalette([255, 255, 255, 0, 0, 0])
    assert decode_painting(encoded(indexed)).tolist() == [[255, 0]]
    strokes = np.array([[[255, 255, 255, 0], [255, 255, 255, 255]]], dtype=np.uint8)
    assert decode_painting(encoded(Image.fromarray(strokes))).tolist() == [[0, 255]]
    deep = Image.fromarray(np.array([[0, 65535]], dtype=np.uint16))
    assert decode_painting(encoded(deep)).tolist() == [[0, 255]]


@pytest.mark.parametrize(
    ("size", "shown"),
    [
        ((500, 400), (500, 400)),
        ((DISPLAY_PX, 10), (DISPLAY_PX, 10)),
        ((4000, 3000), (768, 576)),
        ((301, 1000), (231, 768)),
        ((1, 5000), (1, 768)),
        ((256, 200), (256, 200)),
        ((32, 32), (256, 256)),
        ((100, 80), (300, 240)),
        ((1, 1), (256, 256)),
    ],
)
def test_pictures_are_shown_at_a_size_people_can_read(
    size: tuple[int, int], shown: tuple[int, int]
) -> None:
    assert display_image(Image.new("RGB", size)).size == shown


def test_the_display_is_made_once_and_only_when_asked() -> None:
    decoded = decode_image(encoded(photo(1000, 500)))
    assert "display" not in vars(decoded)
    assert decoded.display is decoded.display
    assert decoded.image.size == (1000, 500)


def test_shrinking_for_display_is_antialiased() -> None:
    stripes = np.zeros((1536, 1536, 3), dtype=np.uint8)
    stripes[:, ::2] = 255
    shown = pixels(display_image(Image.fromarray(stripes)))[100:-100, 100:-100]
    assert abs(int(shown.min()) - 128) <= 2
    assert abs(int(shown.max()) - 128) <= 2


def test_bmp_with_its_rows_downwards() -> None:
    """A negative height means that the first row stored is the top one."""
    header = struct.pack(
        "<2sIHHIIiiHHIIiiII", b"BM", 62, 0, 0, 54, 40, 1, -2, 1, 24, 0, 8, *[0] * 4
    )
    decoded = decode_image(header + bytes([0, 0, 255, 0, 255, 0, 0, 0]))
    assert pixels(decoded.image)[:, 0].tolist() == [[255, 0, 0], [0, 0, 255]]
