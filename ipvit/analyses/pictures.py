"""Pictures in answers: each as a PNG data URL, or all of them as one PNG."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from PIL import Image

from ipvit.png import data_url, encode_png
from ipvit.rendering import composite

__all__ = ["Picture", "composite_png", "png_url"]


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture and what it shows."""

    image: Image.Image
    caption: str


def png_url(image: Image.Image) -> str:
    """The picture as "data:image/png;base64,…"."""
    return data_url(encode_png(image))


def composite_png(pictures: Sequence[Sequence[Picture]]) -> bytes:
    """One PNG of all models' pictures with their captions."""
    shown = list(chain.from_iterable(pictures))
    return encode_png(
        composite([picture.image for picture in shown], [picture.caption for picture in shown])
    )
