"""Pictures in answers: each as a PNG data URL, or all of them as one PNG."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain

from PIL.Image import Image

from ipvit.analyses.answers import Answer
from ipvit.png import data_url, encode_png
from ipvit.rendering import composite

__all__ = ["Image", "Picture", "composite_png", "likeliest", "png_url"]


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture and what it shows."""

    image: Image
    caption: str


def png_url(image: Image) -> str:
    """The picture as "data:image/png;base64,…"."""
    return data_url(encode_png(image))


def composite_png(pictures: Iterable[Iterable[Picture]]) -> bytes:
    """One PNG of all models' pictures with their captions."""
    shown = list(chain.from_iterable(pictures))
    return encode_png(
        composite([picture.image for picture in shown], [picture.caption for picture in shown])
    )


def likeliest(result: Answer) -> str:
    """The first class of a prediction, for a caption: "dog 93%"."""
    first = result["top"][0]
    return f"{first['label']} {first['probability']:.0%}"
