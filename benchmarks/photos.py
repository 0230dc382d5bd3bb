"""JPEG photos of about 500x400 px, as people upload them, made from the shipped samples."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

SAMPLES = Path(__file__).parent.parent / "static" / "samples"
WIDTH_PX, HEIGHT_PX, QUALITY = 500, 400, 90


def photos() -> list[bytes]:
    """The sample photos at 500x400 px, quality 90; smooth noise where none are shipped."""
    paths = sorted(path for path in SAMPLES.glob("*.jpg") if "thumb" not in path.name)
    images = [Image.open(path).convert("RGB") for path in paths] or [_noise()]
    return [_jpeg(image.resize((WIDTH_PX, HEIGHT_PX))) for image in images]


def _noise() -> Image.Image:
    values = np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)
    return Image.fromarray(values)


def _jpeg(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()
