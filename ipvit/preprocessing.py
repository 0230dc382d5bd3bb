"""From a photo to a model's input: resize, centre crop, nothing else.

The protocol of Naseer et al. 2021 (their appendix and code): resize the shorter side to 256 with
an antialiased bilinear filter, cut the central 224 x 224, scale to [0, 1], perturb, and only
then normalise. timm's own default for DeiT (crop 0.9, bicubic) is another protocol with other
accuracies, so results carry `Preprocessing.describe()`.

`prepare` stays in uint8: scaling and normalising belong to the network's side, after the
perturbation, so that a dropped pixel is 0 here. Its pixels equal those of torchvision's
`Resize` and `CenterCrop` on Pillow images, rounding included; only for images more than
`EXACT_ASPECT` times as long as wide may a pixel differ by rounding, because resizing such an
image whole would take memory without bound.
"""

import math
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image

__all__ = [
    "IMAGENET_224",
    "INCEPTION_224",
    "POCKET_32",
    "SEGMENTATION_512",
    "Preprocessing",
    "crop_box",
    "matched",
    "prepare",
]

EXACT_ASPECT = 8
"""Up to this ratio of the sides, `prepare` equals torchvision bit for bit."""

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


@dataclass(frozen=True)
class Preprocessing:
    """How a model wants its input.

    resize_px: the shorter side's length; with `squash` both sides'.
    crop_px: side of the square cut from the middle, at most `resize_px`.
    mean, std: of the three channels, for values in [0, 1]; applied after perturbation.
    squash: resize to a square without keeping the ratio of the sides.
    """

    resize_px: int
    crop_px: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bilinear"] = "bilinear"
    squash: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.crop_px <= self.resize_px:
            raise ValueError(
                f"expected a crop from 1 to {self.resize_px} px, got {self.crop_px} px"
            )

    def describe(self) -> str:
        """The protocol in words, as results name it."""
        resize = (
            f"resize to {self.resize_px}x{self.resize_px} px"
            if self.squash
            else f"resize shorter side to {self.resize_px} px"
        )
        crop = "no crop" if self._crops_nothing else f"centre crop {self.crop_px} px"
        mean, std = (" ".join(f"{v:g}" for v in values) for values in (self.mean, self.std))
        return f"{resize} ({self.interpolation}, antialiased), {crop}, mean {mean}, std {std}"

    @property
    def _crops_nothing(self) -> bool:
        return self.squash and self.crop_px == self.resize_px


IMAGENET_224 = Preprocessing(256, 224, IMAGENET_MEAN, IMAGENET_STD)
"""The paper's protocol for DeiT, SIN, DINO, T2T and the CNNs."""

INCEPTION_224 = Preprocessing(256, 224, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
"""The paper's protocol for ViT and TNT."""

SEGMENTATION_512 = Preprocessing(512, 512, IMAGENET_MEAN, IMAGENET_STD, squash=True)
"""The paper's protocol for segmentation (Table 4)."""

POCKET_32 = Preprocessing(32, 32, (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
"""The pocket models' protocol: CIFAR-10's size and statistics."""


def prepare(image: Image.Image, preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
    """Resize and crop a photo to a model's input.

    image: RGB, any size.
    Returns (3, crop_px, crop_px) uint8, 0 to 255, not normalised, C-contiguous.
    Raises ValueError if the image is not RGB.
    """
    if image.mode != "RGB":
        raise ValueError(f"expected an RGB image, got mode {image.mode}")
    width, height = image.size
    resized_width, resized_height = _resized(width, height, preprocessing)
    across = _span(width, resized_width, preprocessing.crop_px)
    down = _span(height, resized_height, preprocessing.crop_px)
    resized = image.resize(
        (across.made_px, down.made_px),
        Image.Resampling.BILINEAR,
        box=(across.start, down.start, across.stop, down.stop),
    )
    pixels = np.asarray(resized)[
        down.skipped_px : down.skipped_px + preprocessing.crop_px,
        across.skipped_px : across.skipped_px + preprocessing.crop_px,
    ]  # (crop_px, crop_px, 3)
    return np.ascontiguousarray(pixels.transpose(2, 0, 1))


def crop_box(
    width: int, height: int, preprocessing: Preprocessing
) -> tuple[float, float, float, float]:
    """The region of a width x height px image that the model sees.

    Returns (left, top, right, bottom) in px of that image, not rounded.
    """
    resized_width, resized_height = _resized(width, height, preprocessing)
    left, top = (
        _crop_offset(side, preprocessing.crop_px) for side in (resized_width, resized_height)
    )
    return (
        left * width / resized_width,
        top * height / resized_height,
        (left + preprocessing.crop_px) * width / resized_width,
        (top + preprocessing.crop_px) * height / resized_height,
    )


def matched(saliency: Preprocessing, target: Preprocessing) -> Preprocessing:
    """The saliency model's preprocessing, changed so that it sees the region `target` sees.

    Keeps its input size, mean and std, and takes the target's ratio of crop to resize (rounded
    to whole px) and its squashing.
    """
    resize_px = round(saliency.crop_px * target.resize_px / target.crop_px)
    return replace(saliency, resize_px=resize_px, squash=target.squash)


def _resized(width: int, height: int, preprocessing: Preprocessing) -> tuple[int, int]:
    """Width and height after resizing; the longer side is rounded as torchvision does."""
    if preprocessing.squash:
        return preprocessing.resize_px, preprocessing.resize_px
    short_px, long_px = min(width, height), max(width, height)
    other_px = int(preprocessing.resize_px * long_px / short_px)
    if width <= height:
        return preprocessing.resize_px, other_px
    return other_px, preprocessing.resize_px


def _crop_offset(side_px: int, crop_px: int) -> int:
    """Where the central crop starts; rounds half to even, as torchvision does."""
    return round((side_px - crop_px) / 2.0)


@dataclass(frozen=True)
class _Span:
    """What of one side is resized: source px start to stop become `made_px`, the first
    `skipped_px` of which lie before the crop."""

    start: float
    stop: float
    made_px: int
    skipped_px: int


def _span(source_px: int, resized_px: int, crop_px: int) -> _Span:
    """Resize only the crop where Pillow then computes the very same weights, else all.

    Pillow takes the box in float32. The weights are the same if source px per resized px is a
    binary fraction, as it is along the shorter side when `resize_px` is 256.
    """
    offset_px = _crop_offset(resized_px, crop_px)
    per_resized_px = source_px / resized_px
    denominator = resized_px // math.gcd(source_px, resized_px)
    is_binary = denominator & (denominator - 1) == 0 and source_px * denominator < 2**23
    if is_binary or resized_px > EXACT_ASPECT * crop_px:
        start, stop = offset_px * per_resized_px, (offset_px + crop_px) * per_resized_px
        return _Span(start, min(stop, source_px), crop_px, 0)
    return _Span(0, source_px, resized_px, offset_px)
