import hashlib
from decimal import Decimal
from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.errors import InvalidGrid, InvalidInput
from ipvit.grid import Grid
from ipvit.perturbations.patch_drop import (
    drop_count,
    drop_patches,
    pixel_mask,
    random_drop_mask,
)
from tests.perturbations import paper
from tests.perturbations.drawing import drawing

Image = npt.NDArray[np.uint8]

small_grids = st.builds(Grid, st.integers(1, 20), st.integers(1, 20))
shares = st.decimals(0, 1, places=6)
"""What people write: 0, 0.29, 0.333333, 1."""
PAPER_GRIDS = ["4x4", "4x8", "7x7", "8x8", "14x14", "16x16"]
TENTHS = [tenth / 10 for tenth in range(11)]


class TestDropCount:
    @given(shares, st.integers(1, 50_176))
    def test_it_is_the_floor_of_the_number_that_was_written(
        self, share: Decimal, patches: int
    ) -> None:
        assert drop_count(float(share), patches) == int(Fraction(share) * patches)

    @pytest.mark.parametrize(
        ("ratio", "patches", "count"),
        [
            (0.29, 100, 29),  # in binary 28.999999999999996
            (0.57, 100, 57),  # in binary 56.99999999999999
            (0.7, 10, 7),
            (0.1, 196, 19),
            (0.9, 196, 176),
            (0.999999, 196, 195),
            (0, 196, 0),
            (1, 196, 196),
            (0.5, 1, 0),
            (1e-05, 100_000, 1),
            (-0.0, 9, 0),
        ],
    )
    def test_by_hand(self, ratio: float, patches: int, count: int) -> None:
        assert drop_count(ratio, patches) == count

    @pytest.mark.parametrize("ratio", [-0.1, 1.1, 1.0000000001, float("nan"), float("inf")])
    def test_other_ratios_are_refused(self, ratio: float) -> None:
        with pytest.raises(InvalidInput, match="expected a ratio from 0 to 1, got") as refused:
            drop_count(ratio, 196)
        assert refused.value.field == "ratio"


class TestRandom:
    @given(small_grids, shares, st.integers())
    def test_the_count_is_exact_on_any_grid(self, grid: Grid, share: Decimal, seed: int) -> None:
        mask = random_drop_mask(grid, float(share), seed=seed)
        assert mask.shape == (grid.rows, grid.cols)
        assert mask.dtype == np.bool_
        assert np.count_nonzero(mask) == int(Fraction(share) * grid.cells)

    @given(small_grids, shares, shares, st.integers(), st.text(max_size=10))
    def test_a_larger_ratio_drops_the_same_and_more(
        self, grid: Grid, one: Decimal, other: Decimal, seed: int, key: str
    ) -> None:
        fewer, more = (
            random_drop_mask(grid, float(share), seed=seed, key=key)
            for share in sorted((one, other))
        )
        assert not np.any(fewer & ~more)

    @pytest.mark.parametrize("written", PAPER_GRIDS)
    def test_images_seeds_and_grids_have_their_own_masks(self, written: str) -> None:
        grid = Grid.parse(written)
        masks = {
            random_drop_mask(grid, 0.5, seed=seed, key=f"class/{image}.jpg").tobytes()
            for seed in range(5)
            for image in range(10)
        }
        assert len(masks) == 50

    def test_an_image_has_its_mask_in_every_order(self) -> None:
        grid, keys = Grid(14, 14), [f"class/{image}.jpg" for image in range(20)]
        forwards = {key: random_drop_mask(grid, 0.3, seed=1, key=key) for key in keys}
        backwards = {key: random_drop_mask(grid, 0.3, seed=1, key=key) for key in keys[::-1]}
        assert all(np.array_equal(forwards[key], backwards[key]) for key in keys)

    @pytest.mark.parametrize(
        ("grid", "ratio", "key", "rows"),
        [
            ("4x8", 0.5, "request", ["##..#.#.", ".###...#", "#####..#", ".#.#...."]),
            ("4x8", 0.5, "n01494475/a.JPEG", [".##.#.#.", "..####..", "#..###..", "..###..#"]),
            (
                "7x7",
                0.25,
                "request",
                ["...##..", "...#...", ".....#.", "..##.##", "..###..", "....#..", "......."],
            ),
        ],
    )
    def test_masks_never_change(self, grid: str, ratio: float, key: str, rows: list[str]) -> None:
        assert drawing(random_drop_mask(Grid.parse(grid), ratio, seed=0, key=key)) == rows

    def test_pixel_masks_never_change(self) -> None:
        mask = random_drop_mask(Grid(224, 224), 0.5, seed=3)
        assert np.count_nonzero(mask) == 25_088
        assert hashlib.sha256(mask.tobytes()).hexdigest() == (
            "8105dcc64c6475304daed5f11293cf9b5824b8437326855a0f081012febed1f1"
        )

    def test_every_cell_is_dropped_about_equally_often(self) -> None:
        grid = Grid(4, 4)
        often = sum(random_drop_mask(grid, 0.25, seed=seed).astype(int) for seed in range(2000))
        assert often.sum() == 2000 * 4
        assert np.abs(often - 500).max() < 5 * np.sqrt(2000 * 0.25 * 0.75)


class TestPixels:
    def test_the_offset_moves_right_and_down_by_hand(self) -> None:
        mask = np.array([[True, False], [False, True]])
        assert drawing(pixel_mask(mask, 4, 4)) == ["##..", "##..", "..##", "..##"]
        assert drawing(pixel_mask(mask, 4, 4, 1)) == ["....", ".##.", ".##.", "...#"]
        assert drawing(pixel_mask(mask, 4, 4, 3)) == ["....", "....", "....", "...#"]
        assert drawing(pixel_mask(mask, 2, 4)) == ["##..", "..##"]

    @given(small_grids, st.integers(0, 15), shares, st.integers(0, 5))
    def test_what_the_offset_uncovers_stays(
        self, grid: Grid, offset_px: int, share: Decimal, seed: int
    ) -> None:
        height, width = grid.rows * 16, grid.cols * 16
        mask = random_drop_mask(grid, float(share), seed=seed)
        still, moved = (pixel_mask(mask, height, width, offset) for offset in (0, offset_px))
        assert not moved[:offset_px].any()
        assert not moved[:, :offset_px].any()
        kept = still[: height - offset_px, : width - offset_px]
        assert np.array_equal(moved[offset_px:, offset_px:], kept)

    @pytest.mark.parametrize("offset_px", [-1, 4, 1000])
    def test_an_offset_out_of_the_image_is_refused(self, offset_px: int) -> None:
        with pytest.raises(InvalidInput, match=f"from 0 to 3 px, got {offset_px}") as refused:
            pixel_mask(np.ones((2, 2), dtype=np.bool_), 4, 8, offset_px)
        assert refused.value.field == "offset_px"

    def test_a_grid_that_does_not_divide_is_refused(self) -> None:
        with pytest.raises(InvalidGrid, match="got 13x13"):
            pixel_mask(np.ones((13, 13), dtype=np.bool_), 224, 224)


class TestDroppedImages:
    @pytest.mark.parametrize(("grid", "offset_px"), [("14x14", 0), ("4x8", 0), ("14x14", 8)])
    def test_real_photos_agree_with_the_paper_pixel_for_pixel(
        self, photo: Image, grid: str, offset_px: int
    ) -> None:
        mask = random_drop_mask(Grid.parse(grid), 0.5, seed=0, key="photo.jpg")
        dropped = drop_patches(photo, mask, offset_px)
        assert np.array_equal(dropped, paper.drop(photo, mask.tolist(), offset_px))

    def test_dropped_pixels_are_0_before_normalisation(self, photo: Image) -> None:
        bright = np.maximum(photo, 1)
        masks = np.stack([random_drop_mask(Grid(14, 14), ratio, seed=0) for ratio in TENTHS])
        dropped = drop_patches(bright, masks)
        assert dropped.dtype == np.uint8
        assert dropped.shape == (len(TENTHS), 3, 224, 224)
        pixels = pixel_mask(masks, 224, 224)[:, None]
        assert np.array_equal(dropped == 0, np.broadcast_to(pixels, dropped.shape))
        assert np.array_equal(dropped, np.where(pixels, 0, bright))

    def test_the_images_are_not_changed(self) -> None:
        image = np.full((3, 4, 4), 7, dtype=np.uint8)
        drop_patches(image, np.ones((2, 2), dtype=np.bool_))
        assert np.all(image == 7)

    def test_pixel_drop_is_the_grid_of_pixels(self) -> None:
        image = np.full((3, 32, 32), 255, dtype=np.uint8)
        mask = random_drop_mask(Grid(32, 32), 0.3, seed=0)
        assert np.count_nonzero(drop_patches(image, mask)[0] == 0) == 307

    def test_each_image_of_a_batch_can_have_its_own_mask(self) -> None:
        images = np.random.default_rng(0).random((5, 3, 8, 8)).astype(np.float32) + 0.5
        masks = np.stack([random_drop_mask(Grid(4, 4), 0.5, seed=seed) for seed in range(5)])
        dropped = drop_patches(images, masks)
        assert dropped.dtype == np.float32
        for image, mask, alone in zip(images, masks, dropped, strict=True):
            assert np.array_equal(alone, drop_patches(image, mask))
