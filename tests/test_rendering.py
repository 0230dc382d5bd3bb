"""Pictures show exactly the cells that the numbers speak of."""

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from ipvit.grid import Grid
from ipvit.images import DecodedImage
from ipvit.perturbations.patch_drop import drop_patches, random_drop_mask
from ipvit.perturbations.patch_shuffle import shuffle_patches, shuffle_permutation
from ipvit.preprocessing import IMAGENET_224, POCKET_32, SEGMENTATION_512, prepare
from ipvit.rendering import (
    HALO,
    OUTLINE,
    Display,
    heatmap_overlay,
    mask_image,
    render_dropped,
    render_segmentation,
    render_shuffled,
)
from tests.pictures import photo

Pixels = npt.NDArray[np.uint8]
WHITE = Image.new("RGB", (256, 256), "white")
DIAGONAL = np.array([[True, False], [False, True]])


def decoded(image: Image.Image) -> DecodedImage:
    return DecodedImage(image=image, format="PNG")


def whole(image: Image.Image, input_px: int | None = None) -> Display:
    """A display whose box is all of a square image."""
    return Display(image, (0, 0, *image.size), input_px or image.width)


def pixels(image: Image.Image) -> Pixels:
    return np.asarray(image)


@pytest.mark.parametrize(
    ("size", "preprocessing", "seen_px", "box"),
    [
        ((256, 256), IMAGENET_224, None, (16, 16, 240, 240)),
        ((512, 256), IMAGENET_224, None, (144, 16, 368, 240)),
        ((512, 256), POCKET_32, None, (128, 0, 384, 256)),
        ((300, 500), SEGMENTATION_512, None, (0, 0, 300, 500)),
        ((3072, 1536), IMAGENET_224, None, (216, 24, 552, 360)),
        ((32, 32), POCKET_32, None, (0, 0, 256, 256)),
        ((256, 256), IMAGENET_224, 220, (16, 16, 236, 236)),
        ((1, 1000), IMAGENET_224, None, (0, 384, 1, 385)),
        ((1000, 1), POCKET_32, None, (384, 0, 385, 1)),
    ],
)
def test_the_box_is_what_the_model_sees(
    size: tuple[int, int],
    preprocessing: type[IMAGENET_224],
    seen_px: int | None,
    box: tuple[int, int, int, int],
) -> None:
    display = Display.of(decoded(Image.new("RGB", size)), preprocessing, seen_px)
    assert display.box == box
    assert display.input_px == (seen_px or preprocessing.crop_px)
    assert display.box_size == (box[3] - box[1], box[2] - box[0])


def test_dropped_cells_are_black_with_sharp_edges_and_the_rest_is_untouched() -> None:
    picture = pixels(render_dropped(whole(WHITE), DIAGONAL))
    assert np.array_equal(picture[..., 0] == 0, np.kron(DIAGONAL, np.ones((128, 128))) == 1)
    assert set(np.unique(picture)) == {0, 255}


def test_an_offset_moves_the_mask_by_px_of_the_models_input() -> None:
    """256 px show 32 px of input: 3 px of offset are 24 on the picture."""
    picture = pixels(render_dropped(whole(WHITE, input_px=32), DIAGONAL, offset_px=3))[..., 0]
    expected = np.zeros((256, 256), dtype=bool)
    expected[24:152, 24:152] = True
    expected[152:, 152:] = True
    assert np.array_equal(picture == 0, expected)


@pytest.mark.parametrize("offset_px", [0, 5])
def test_at_the_models_own_size_the_picture_is_the_models_input(offset_px: int) -> None:
    image = photo(256, 256)
    mask = random_drop_mask(Grid(7, 14), 0.4, seed=3)
    display = Display.of(decoded(image), IMAGENET_224)
    seen = pixels(render_dropped(display, mask, offset_px).crop(display.box))
    model_input = drop_patches(prepare(image, IMAGENET_224), mask, offset_px)
    assert np.array_equal(seen, model_input.transpose(1, 2, 0))


@pytest.mark.parametrize("grid", [Grid(1, 1), Grid(4, 8), Grid(14, 14), Grid(224, 224)])
def test_shuffled_at_the_models_own_size_is_the_models_input(grid: Grid) -> None:
    image = photo(256, 256)
    permutation = shuffle_permutation(grid, seed=5)
    display = Display.of(decoded(image), IMAGENET_224)
    seen = pixels(render_shuffled(display, permutation, grid).crop(display.box))
    model_input = shuffle_patches(prepare(image, IMAGENET_224), permutation, grid)
    assert np.array_equal(seen, model_input.transpose(1, 2, 0))


def test_shuffling_by_the_identity_changes_nothing_at_any_size() -> None:
    display = Display.of(decoded(photo(301, 400)), IMAGENET_224)
    picture = render_shuffled(display, np.arange(14 * 14), Grid(14, 14))
    assert np.array_equal(pixels(picture.crop(display.box)), pixels(display.seen))


def test_what_the_model_does_not_see_is_faded_towards_one_grey() -> None:
    image = Image.fromarray(np.array([[0, 255] * 256], dtype=np.uint8).repeat(300, 0))
    display = Display.of(decoded(image.convert("RGB")), IMAGENET_224)
    picture = pixels(render_dropped(display, np.zeros((2, 2), dtype=bool)))
    left, top, right, bottom = display.box
    assert np.array_equal(picture[top:bottom, left:right], pixels(display.seen))
    outside = picture[:, :left].reshape(-1, 3)
    assert 90 < outside.min() < outside.max() < 200


def test_a_heatmap_is_brightest_where_the_weight_is() -> None:
    weights = np.zeros((8, 8))
    weights[1, 6] = 1.0
    picture = pixels(heatmap_overlay(whole(WHITE), weights).convert("L")).astype(int)
    warm = pixels(heatmap_overlay(whole(Image.new("RGB", (256, 256))), weights).convert("L"))
    assert np.unravel_index(warm.argmax(), warm.shape)[0] // 32 == 1
    assert np.unravel_index(warm.argmax(), warm.shape)[1] // 32 == 6
    assert picture.shape == (256, 256)


def test_a_heatmap_reads_in_order_of_weight() -> None:
    """Flat regions of growing weight get brighter on the same photo."""
    weights = np.repeat([[0.0, 1.0, 2.0, 3.0]], 4, axis=0)
    shown = pixels(heatmap_overlay(whole(Image.new("RGB", (256, 256), (90, 90, 90))), weights))
    brightness = shown @ np.array([0.2126, 0.7152, 0.0722])
    columns = brightness[:, [8, 96, 160, 248]].mean(axis=0)
    assert (np.diff(columns) > 5).all()


@pytest.mark.parametrize("scale", [1e-9, 1.0, 1e9])
def test_a_heatmap_does_not_depend_on_the_scale(scale: float) -> None:
    weights = np.random.default_rng(0).random((14, 14))
    reference = pixels(heatmap_overlay(whole(WHITE), weights)).astype(int)
    scaled = pixels(heatmap_overlay(whole(WHITE), weights * scale))
    assert np.abs(scaled - reference).max() <= 1


def test_an_empty_heatmap_is_a_picture_too() -> None:
    picture = pixels(heatmap_overlay(whole(WHITE), np.zeros((3, 3))))
    assert len(np.unique(picture.reshape(-1, 3), axis=0)) == 1


def test_the_photo_shows_through_a_heatmap() -> None:
    halves = np.zeros((256, 256, 3), dtype=np.uint8)
    halves[:, 128:] = 255
    picture = pixels(heatmap_overlay(whole(Image.fromarray(halves)), np.ones((2, 2))).convert("L"))
    assert int(picture[128, 200]) - int(picture[128, 50]) > 25


def test_a_contour_runs_along_the_cells_and_nowhere_else() -> None:
    mask = np.zeros((4, 4), dtype=bool)
    mask[1:3, 1:3] = True
    picture = pixels(render_segmentation(whole(Image.new("RGB", (256, 256), "navy")), mask))
    line = np.zeros((256, 256), dtype=bool)
    line[64:192, 64:192] = True
    line[65:191, 65:191] = False
    assert np.array_equal((picture == OUTLINE).all(-1), line)
    halo = np.zeros((256, 256), dtype=bool)
    halo[63:193, 63:193] = True
    halo[64:192, 64:192] = False
    assert np.array_equal((picture == HALO).all(-1), halo)


def test_the_foreground_keeps_its_colours_and_the_rest_is_grey_and_darker() -> None:
    picture = pixels(render_segmentation(whole(Image.new("RGB", (256, 256), "red")), DIAGONAL))
    inside, outside = picture[64, 64].astype(int), picture[64, 192].astype(int)
    assert inside[0] > 200
    assert inside[1:].max() < 100
    assert outside[0] == outside[1] == outside[2] < 60


@pytest.mark.parametrize("value", [True, False])
def test_a_mask_of_one_kind_has_no_contour(value: bool) -> None:
    picture = render_segmentation(whole(WHITE.point(lambda v: v // 2)), np.full((3, 5), value))
    assert len(np.unique(pixels(picture).reshape(-1, 3), axis=0)) == 1


def test_a_mask_picture_is_black_and_white_at_display_size() -> None:
    display = Display.of(decoded(Image.new("RGB", (512, 256))), POCKET_32)
    picture = mask_image(display, DIAGONAL)
    assert (picture.mode, picture.size) == ("L", (512, 256))
    expected = np.zeros((256, 512), dtype=np.uint8)
    expected[:128, 128:256] = 255
    expected[128:, 256:384] = 255
    assert np.array_equal(pixels(picture), expected)


@pytest.mark.parametrize("size", [(1, 1), (1, 900), (900, 1), (3, 2), (768, 767)])
def test_every_picture_has_the_displays_size(size: tuple[int, int]) -> None:
    display = Display.of(decoded(Image.new("RGB", size)), IMAGENET_224, 220)
    mask = random_drop_mask(Grid(10, 10), 0.5, seed=0)
    permutation = shuffle_permutation(Grid(10, 10), seed=0)
    for picture in (
        render_dropped(display, mask, 8),
        render_shuffled(display, permutation, Grid(10, 10)),
        heatmap_overlay(display, mask.astype(float)),
        render_segmentation(display, mask),
        mask_image(display, mask),
    ):
        assert picture.size == display.image.size


def test_drawing_leaves_the_photo_alone() -> None:
    image = photo(300, 260)
    display = Display.of(decoded(image), IMAGENET_224)
    render_dropped(display, np.ones((2, 2), dtype=bool))
    render_segmentation(display, DIAGONAL)
    heatmap_overlay(display, np.eye(2))
    assert np.array_equal(pixels(image), pixels(photo(300, 260)))
