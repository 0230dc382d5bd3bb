"""From bytes nobody vouches for to an upright RGB image, within limits.

Formats are recognised by content, never by name, from a short list (JPEG, PNG, WebP, BMP, GIF).
The size is read from the header and checked before any pixel is decoded. Animations give their
first frame, EXIF orientation is applied, all metadata is then dropped. Transparent pixels are
laid over white, 16-bit values keep their high byte, colour profiles are ignored.

Pillow releases the interpreter lock while it decodes and resizes: several threads run truly side
by side.
"""

import contextlib
import io
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from ipvit.errors import ImageTooLarge, InvalidImage

__all__ = [
    "DISPLAY_PX",
    "DecodedImage",
    "ImageLimits",
    "decode_image",
    "decode_mask",
    "decode_painting",
    "display_image",
]

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
"""What is read, by Pillow's names; each knows its files by their first bytes."""

DISPLAY_PX = 768
"""Longest side of pictures in answers."""

_SMALLEST_DISPLAY_PX = 256


@dataclass(frozen=True)
class ImageLimits:
    """How large an image may be.

    max_bytes: of the file. max_pixels: width times height, read from the header.
    max_side_px: as much as a JPEG can have; a PNG of one column and 50 million rows would keep
        a processor busy for seconds.
    """

    max_bytes: int = 10 * 1024 * 1024
    max_pixels: int = 50_000_000
    max_side_px: int = 65_535

    def allow(self, width: int, height: int) -> bool:
        """Whether an image of this size is decoded."""
        return width * height <= self.max_pixels and max(width, height) <= self.max_side_px

    def __str__(self) -> str:
        return f"at most {self.max_pixels} pixels and {self.max_side_px} px a side"


@dataclass(frozen=True, eq=False)
class DecodedImage:
    """An upright RGB image.

    image: mode RGB, no metadata; not to be changed.
    format: what the file was: "JPEG", "PNG", "WEBP", "BMP" or "GIF".
    """

    image: Image.Image
    format: str

    @property
    def width(self) -> int:
        """Px, after orientation."""
        return self.image.width

    @property
    def height(self) -> int:
        """Px, after orientation."""
        return self.image.height

    @cached_property
    def display(self) -> Image.Image:
        """The image at display size, made when first asked for; see `display_image`."""
        return display_image(self.image)


def decode_image(
    data: bytes, limits: ImageLimits | None = None, field: str = "image"
) -> DecodedImage:
    """Decode an uploaded photo.

    data: a JPEG, PNG, WebP, BMP or GIF file.
    limits: None is `ImageLimits()`.
    field: the request field that errors name.
    Raises ImageTooLarge if the file has too many bytes or pixels, and InvalidImage if it is
    empty, of another format, truncated or broken.
    """
    image, file_format = _load(data, FORMATS, limits or ImageLimits(), field)
    rgb = _to_rgb(image)
    # An image that needed no conversion is still the file's own object, metadata and all.
    rgb.info.clear()
    with contextlib.suppress(Exception):  # as in `_turn_upright`
        rgb.getexif().clear()
    return DecodedImage(image=rgb, format=file_format)


def decode_mask(
    data: bytes, field: str = "mask", limits: ImageLimits | None = None
) -> npt.NDArray[np.uint8]:
    """Decode a PNG whose pixel values mean something, such as PASCAL VOC's class indices.

    Returns (H, W) uint8: palette indices of an indexed PNG, values of a grey one (black and
    white are 0 and 255, 16-bit values above 255 become 255), and the brightness of a coloured
    one, transparent pixels being 0.
    Raises as `decode_image`.
    """
    image, _ = _load(data, ("PNG",), limits or ImageLimits(), field)
    if image.mode == "P":
        return np.array(image, dtype=np.uint8)
    if image.mode.startswith("I"):
        return np.asarray(image).clip(0, 255).astype(np.uint8)
    return np.array(_over(image, "black").convert("L"), dtype=np.uint8)


def decode_painting(
    data: bytes, field: str = "mask", limits: ImageLimits | None = None
) -> npt.NDArray[np.uint8]:
    """Decode a painted PNG by its visible brightness, whatever the palette.

    Returns (H, W) uint8: 0 where it is black or transparent.
    Raises as `decode_image`.
    """
    image, _ = _load(data, ("PNG",), limits or ImageLimits(), field)
    return np.array(_over(_deepened(image), "black").convert("L"), dtype=np.uint8)


def display_image(image: Image.Image, longest_px: int = DISPLAY_PX) -> Image.Image:
    """The image as answers show it.

    image: RGB. Returns RGB, the longest side at most `longest_px`. A small image (the longest
    side under 256 px) is enlarged by a whole number, so that cells and contours on it can be
    seen.
    """
    longest = max(image.size)
    if longest > longest_px:
        size = [max(1, round(side * longest_px / longest)) for side in image.size]
        return image.resize((size[0], size[1]), Image.Resampling.LANCZOS, reducing_gap=2.0)
    if longest < _SMALLEST_DISPLAY_PX:
        factor = min(longest_px, _SMALLEST_DISPLAY_PX + longest - 1) // longest
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.BICUBIC)
    return image


def _load(
    data: bytes, formats: tuple[str, ...], limits: ImageLimits, field: str
) -> tuple[Image.Image, str]:
    """The first frame, decoded and upright but not converted, and the file's format."""
    expected = f"expected a {', '.join(formats)} image"
    if not data:
        raise InvalidImage(f"{expected}, got an empty file", field=field)
    if len(data) > limits.max_bytes:
        raise ImageTooLarge(
            f"expected at most {limits.max_bytes} bytes, got {len(data)}", field=field
        )
    try:
        image = Image.open(io.BytesIO(data), formats=formats)
        if limits.allow(*image.size):
            image.load()
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge(f"expected {limits}, got far more pixels", field=field) from error
    except UnidentifiedImageError as error:
        raise InvalidImage(f"{expected}, got something else", field=field) from error
    except MemoryError:
        raise
    # Pillow's decoders raise whatever a broken file leads them to: OSError, SyntaxError,
    # ValueError, struct.error, EOFError, IndexError, zlib.error, warnings made errors.
    except Exception as error:
        raise InvalidImage(f"{expected}, got a broken one: {error}", field=field) from error
    # Asked again, since decoding may correct the size that the header gave.
    if not limits.allow(*image.size):
        raise ImageTooLarge(f"expected {limits}, got {image.width}x{image.height} px", field=field)
    _turn_upright(image)
    # A phone's JPEG with a second picture inside calls itself MPO; the first one is a JPEG.
    return image, "JPEG" if image.format == "MPO" else str(image.format)


def _to_rgb(image: Image.Image) -> Image.Image:
    """RGB; a copy wherever the file's object could not stand for the pixels alone."""
    image = _deepened(image)
    if image.has_transparency_data:
        return _over(image, "white")
    if image.mode != "RGB":
        return image.convert("RGB")
    return image.copy() if getattr(image, "is_animated", False) else image


def _deepened(image: Image.Image) -> Image.Image:
    """16-bit grey as 8-bit grey by the high byte; Pillow's own conversion would clip."""
    if not image.mode.startswith("I"):
        return image
    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def _over(image: Image.Image, colour: str) -> Image.Image:
    """Lay an image with transparency over one colour, in RGB; others are returned as they are."""
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    ground = Image.new("RGB", layer.size, colour)
    ground.paste(layer, mask=layer)
    return ground


def _turn_upright(image: Image.Image) -> None:
    """Apply the file's EXIF orientation to its pixels; unreadable EXIF counts as upright."""
    # As in `_load`: anything can come out of broken metadata, and the pixels are fine. In place,
    # since a copy of a 12-megapixel photo takes half as long as decoding it.
    with contextlib.suppress(Exception):
        ImageOps.exif_transpose(image, in_place=True)
