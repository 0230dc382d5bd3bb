from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import ipvit.models.torchvision_import  # noqa: F401  must come before torchvision
from ipvit.preprocessing import (
    EXACT_ASPECT,
    IMAGENET_224,
    INCEPTION_224,
    POCKET_32,
    SEGMENTATION_512,
    Preprocessing,
    crop_box,
    matched,
    prepare,
)
from tests.pictures import photo

SAMPLES = sorted((Path(__file__).parents[1] / "static" / "samples").glob("*.jpg"))
SMALL = Preprocessing(36, 32, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
PROTOCOLS = [IMAGENET_224, INCEPTION_224, POCKET_32, SEGMENTATION_512, SMALL]


def by_torchvision(image: Image.Image, preprocessing: Preprocessing) -> npt.NDArray[np.uint8]:
    from torchvision.transforms import CenterCrop, InterpolationMode, Resize

    side = preprocessing.resize_px
    resize = Resize((side, side) if preprocessing.squash else side, InterpolationMode.BILINEAR)
    return np.asarray(CenterCrop(preprocessing.crop_px)(resize(image))).transpose(2, 0, 1)


@pytest.mark.parametrize("preprocessing", PROTOCOLS)
@pytest.mark.parametrize(
    "size",
    [(500, 375), (375, 500), (257, 255), (256, 256), (255, 1023), (333, 999), (1, 1), (3, 2),
     (40, 320), (320, 40), (225, 224), (32, 33)],
)  # fmt: skip
def test_pixels_are_torchvisions_on_any_size(
    preprocessing: Preprocessing, size: tuple[int, int]
) -> None:
    image = photo(*size)
    prepared = prepare(image, preprocessing)
    assert prepared.dtype == np.uint8
    assert prepared.flags.c_contiguous
    assert prepared.shape == (3, preprocessing.crop_px, preprocessing.crop_px)
    assert np.array_equal(prepared, by_torchvision(image, preprocessing))


@settings(max_examples=60)
@given(st.integers(1, 300), st.integers(1, 300))
def test_pixels_are_torchvisions_on_all_sizes(width: int, height: int) -> None:
    if max(width, height) >= EXACT_ASPECT * min(width, height):
        height = width
    image = photo(width, height)
    assert np.array_equal(prepare(image, SMALL), by_torchvision(image, SMALL))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize("preprocessing", [IMAGENET_224, POCKET_32])
def test_pixels_are_torchvisions_on_real_photos(path: Path, preprocessing: Preprocessing) -> None:
    image = Image.open(path).convert("RGB")
    assert np.array_equal(prepare(image, preprocessing), by_torchvision(image, preprocessing))


def test_the_image_is_not_changed() -> None:
    image = photo()
    prepare(image, SMALL)
    assert image == photo()


@pytest.mark.parametrize("mode", ["L", "RGBA", "P", "CMYK"])
def test_other_modes_are_refused(mode: str) -> None:
    with pytest.raises(ValueError, match=f"expected an RGB image, got mode {mode}"):
        prepare(Image.new(mode, (8, 8)), SMALL)


@pytest.mark.parametrize("size", [(40_000, 7), (7, 40_000), (200_000, 1), (1, 200_000)])
@pytest.mark.parametrize("preprocessing", [IMAGENET_224, POCKET_32])
def test_very_long_images_show_their_middle(
    size: tuple[int, int], preprocessing: Preprocessing
) -> None:
    width, height = size
    image = Image.new("RGB", size, (255, 0, 0))
    left, top, right, bottom = crop_box(width, height, preprocessing)
    inside = (int(left), int(top), int(right) + 1, int(bottom) + 1)
    image.paste((0, 0, 255), inside)
    assert np.all(prepare(image, preprocessing) == np.array([0, 0, 255])[:, None, None])


def test_long_images_beyond_exactness_differ_by_rounding_only() -> None:
    image = photo(900, 100)
    exact = by_torchvision(image, SMALL)
    difference = np.abs(prepare(image, SMALL).astype(int) - exact.astype(int))
    assert difference[:, :, 2:-2].max() <= 1
    assert difference.max() <= 12


@pytest.mark.parametrize(
    ("width", "height", "preprocessing", "box"),
    [
        (256, 256, IMAGENET_224, (16, 16, 240, 240)),
        (512, 256, IMAGENET_224, (144, 16, 368, 240)),
        (256, 512, IMAGENET_224, (16, 144, 240, 368)),
        (512, 512, IMAGENET_224, (32, 32, 480, 480)),
        (128, 128, IMAGENET_224, (8, 8, 120, 120)),
        # To 32 px: 42 x 32, of which 5 columns are cut off at the left and 5 at the right.
        (640, 480, POCKET_32, (5 * 640 / 42, 0, 37 * 640 / 42, 480)),
        (640, 480, SEGMENTATION_512, (0, 0, 640, 480)),
        (1, 1, SEGMENTATION_512, (0, 0, 1, 1)),
    ],
)
def test_the_crop_box_by_hand(
    width: int, height: int, preprocessing: Preprocessing, box: tuple[float, ...]
) -> None:
    assert crop_box(width, height, preprocessing) == pytest.approx(box)


@settings(max_examples=60)
@given(st.integers(1, 4000), st.integers(1, 4000), st.sampled_from(PROTOCOLS))
def test_the_crop_box_lies_in_the_image(
    width: int, height: int, preprocessing: Preprocessing
) -> None:
    left, top, right, bottom = crop_box(width, height, preprocessing)
    assert 0 <= left < right <= width * (1 + 1e-12)
    assert 0 <= top < bottom <= height * (1 + 1e-12)


@pytest.mark.parametrize("preprocessing", PROTOCOLS)
@pytest.mark.parametrize("size", [(250, 120), (120, 250), (199, 201), (83, 240)])
def test_the_crop_box_holds_what_prepare_shows(
    preprocessing: Preprocessing, size: tuple[int, int]
) -> None:
    width, height = size
    # Red counts columns and green rows, so each prepared pixel says where it comes from.
    cols, rows = np.meshgrid(np.arange(width), np.arange(height))
    image = Image.fromarray(np.stack((cols, rows, 0 * rows), axis=-1).astype(np.uint8))
    red, green, _ = prepare(image, preprocessing).astype(float)
    left, top, right, bottom = crop_box(width, height, preprocessing)
    place = (np.arange(preprocessing.crop_px) + 0.5) / preprocessing.crop_px
    inside = slice(2, -2)  # the filter is cut off at the image's edges
    expected_red = left + place * (right - left) - 0.5
    expected_green = top + place * (bottom - top) - 0.5
    assert red.mean(axis=0)[inside] == pytest.approx(expected_red[inside], abs=1.01)
    assert green.mean(axis=1)[inside] == pytest.approx(expected_green[inside], abs=1.01)


@pytest.mark.parametrize("preprocessing", PROTOCOLS)
def test_a_model_is_matched_to_itself_unchanged(preprocessing: Preprocessing) -> None:
    assert matched(preprocessing, preprocessing) == preprocessing


def test_a_saliency_model_sees_what_its_target_sees() -> None:
    for_pocket = matched(IMAGENET_224, POCKET_32)
    assert (for_pocket.resize_px, for_pocket.crop_px, for_pocket.squash) == (224, 224, False)
    for_imagenet = matched(POCKET_32, IMAGENET_224)
    assert (for_imagenet.resize_px, for_imagenet.crop_px) == (37, 32)
    assert (for_imagenet.mean, for_imagenet.std) == (POCKET_32.mean, POCKET_32.std)
    squashed = matched(IMAGENET_224, SEGMENTATION_512)
    assert (squashed.resize_px, squashed.crop_px, squashed.squash) == (224, 224, True)
    # Normalised otherwise, but the same region: the same pixels.
    assert matched(INCEPTION_224, IMAGENET_224) == INCEPTION_224


@given(
    st.sampled_from(PROTOCOLS),
    st.sampled_from(PROTOCOLS),
    st.integers(100, 1000),
    st.integers(100, 1000),
)
def test_matched_regions_agree_to_a_pixel_of_the_smaller_input(
    saliency: Preprocessing, target: Preprocessing, width: int, height: int
) -> None:
    seen = crop_box(width, height, matched(saliency, target))
    wanted = crop_box(width, height, target)
    px = min(width, height) / min(saliency.crop_px, target.crop_px)
    assert seen == pytest.approx(wanted, abs=2 * px)


def test_the_protocol_in_words() -> None:
    assert IMAGENET_224.describe() == (
        "resize shorter side to 256 px (bilinear, antialiased), centre crop 224 px, "
        "mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
    )
    assert SEGMENTATION_512.describe() == (
        "resize to 512x512 px (bilinear, antialiased), no crop, "
        "mean 0.485 0.456 0.406, std 0.229 0.224 0.225"
    )
    assert len({preprocessing.describe() for preprocessing in PROTOCOLS}) == len(PROTOCOLS)


@pytest.mark.parametrize(("resize_px", "crop_px"), [(224, 225), (224, 0), (0, 0), (-1, -1)])
def test_a_crop_larger_than_the_image_is_refused(resize_px: int, crop_px: int) -> None:
    with pytest.raises(ValueError, match=f"expected a crop from 1 to {resize_px} px"):
        Preprocessing(resize_px, crop_px, (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
