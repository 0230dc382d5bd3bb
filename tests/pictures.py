"""Image files made for tests: photos that no decoder confuses, and files that break decoders."""

import io
import struct
import zlib

import numpy as np
from PIL import Image


def photo(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    """A smooth RGB picture that no rotation or mirror leaves the same."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, file_format: str = "PNG", **options: object) -> bytes:
    """The file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, file_format, **options)
    return buffer.getvalue()


def photo_file(width: int = 64, height: int = 48, file_format: str = "JPEG") -> bytes:
    """A photo as a file."""
    return encoded(photo(width, height), file_format)


def png_of_claimed_size(width: int, height: int) -> bytes:
    """A PNG whose header claims a size that its few bytes of zeros never fill."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(bytes(3 * min(width, 1000) + 1))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    )


def animation(file_format: str) -> bytes:
    """Two frames: the photo, then black."""
    black = Image.new("RGB", (64, 48))
    return encoded(photo(), file_format, save_all=True, append_images=[black], lossless=True)


def sixteen_bit_png() -> bytes:
    """A grey ramp of 16-bit values."""
    ramp = np.linspace(0, 65535, 64 * 48).reshape(48, 64).astype(np.uint16)
    return encoded(Image.fromarray(ramp))


def palette_with_alpha() -> bytes:
    """An indexed PNG, some of whose colours are transparent."""
    indexed = photo().quantize(16)
    return encoded(indexed, transparency=bytes([0, 128] + [255] * 14))


EPS = b"""%!PS-Adobe-3.0 EPSF-3.0
%%BoundingBox: 0 0 10 10
%%EndComments
0 0 10 10 rectfill
%%EOF
"""

SVG = b"""<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" width="10" height="10"><rect width="9" height="9"/></svg>
"""
