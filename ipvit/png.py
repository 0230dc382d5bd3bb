"""Writing PNG fast: answers carry dozens of pictures, and each is looked at once.

Pillow tries five filters on each line; a photo gains a few percent from that and takes twice the
time. Here every line is filtered by its left neighbour ("Sub", PNG specification §9.2) and
deflated with run lengths only, which suits the flat areas of masks and dropped patches. Files
are about as large as Pillow's at level 1.
"""

import base64
import struct
import zlib

import numpy as np
from PIL import Image

__all__ = ["data_url", "encode_png"]

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SUB = 1
_COLOUR_TYPES = {"L": (0, 1), "RGB": (2, 3)}
"""Mode to PNG's colour type and bytes a pixel."""


def encode_png(image: Image.Image) -> bytes:
    """A PNG file of the image, without metadata.

    image: mode RGB or L. Raises ValueError for another mode.
    """
    if image.mode not in _COLOUR_TYPES:
        raise ValueError(f"expected an image of mode RGB or L, got {image.mode}")
    colour_type, pixel_bytes = _COLOUR_TYPES[image.mode]
    width, height = image.size
    pixels = np.asarray(image).reshape(height, width * pixel_bytes)
    lines = np.empty((height, 1 + width * pixel_bytes), dtype=np.uint8)
    lines[:, 0] = _SUB
    lines[:, 1 : 1 + pixel_bytes] = pixels[:, :pixel_bytes]
    np.subtract(pixels[:, pixel_bytes:], pixels[:, :-pixel_bytes], out=lines[:, 1 + pixel_bytes :])
    deflate = zlib.compressobj(1, zlib.DEFLATED, zlib.MAX_WBITS, 9, zlib.Z_RLE)
    body = deflate.compress(lines.data) + deflate.flush()
    header = struct.pack(">IIBBBBB", width, height, 8, colour_type, 0, 0, 0)
    return b"".join(
        (_SIGNATURE, _chunk(b"IHDR", header), _chunk(b"IDAT", body), _chunk(b"IEND", b""))
    )


def data_url(png: bytes) -> str:
    """A PNG file as a URL that holds it: "data:image/png;base64,…"."""
    return "data:image/png;base64," + base64.b64encode(png).decode("ascii")


def _chunk(name: bytes, data: bytes) -> bytes:
    length, checksum = len(data), zlib.crc32(data, zlib.crc32(name))
    return b"".join((struct.pack(">I", length), name, data, struct.pack(">I", checksum)))
