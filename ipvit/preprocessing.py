"""From a photo to a model's input: resize, centre crop, nothing else.

The protocol of Naseer et al. 2021 (their appendix and code): resize the shorter side to 256 with
an antialiased bilinear filter, cut the central 224 x 224, scale to [0, 1], perturb, and only
then normalise. timm's own default for DeiT (crop 0.9, bicubic) is another protocol with other
accuracies, so results carry `Preprocessing.describe()`.

`prepare` stays in uint8: scaling and normalising belong to the network's side, after the
perturbation, so that a dropped pixel is 0 here. Its pixels equal those of torchvision's
`Resize` and `CenterCrop` on Pillow images, rounding included. Images more than `EXACT_ASPECT`
times as long as wide are the exception: resized whole they would take memory without bound, so
only the crop is, and pixels may differ slightly.
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
    crop_px = preprocessing.crop_px
    if max(resized_width, resized_height) > EXACT_ASPECT * preprocessing.resize_px:
        cropped = _resize_crop(image, preprocessing)
    else:
        # Resizing the crop alone would save a third of the time, but Pillow then may filter
        # columns before rows, and one pixel in five differs by rounding.
        left, top = _crop_offset(resized_width, crop_px), _crop_offset(resized_height, crop_px)
        resized = image.resize((resized_width, resized_height), Image.Resampling.BILINEAR)
        cropped = resized.crop((left, top, left + crop_px, top + crop_px))
    return np.ascontiguousarray(np.asarray(cropped).transpose(2, 0, 1))


def _resize_crop(image: Image.Image, preprocessing: Preprocessing) -> Image.Image:
    """Resize only what the crop shows; its outermost pixels lack their neighbours outside."""
    left, top, right, bottom = crop_box(*image.size, preprocessing)
    first_col, first_row = math.floor(left), math.floor(top)
    # Pillow keeps box edges in float32, too coarse to count the pixels of a very long side.
    seen = image.crop((first_col, first_row, math.ceil(right), math.ceil(bottom)))
    return seen.resize(
        (preprocessing.crop_px, preprocessing.crop_px),
        Image.Resampling.BILINEAR,
        box=(left - first_col, top - first_row, right - first_col, bottom - first_row),
    )


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
