import hashlib

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.errors import InvalidGrid
from ipvit.grid import Grid
from ipvit.perturbations.patch_drop import random_drop_mask
from ipvit.perturbations.patch_shuffle import (
    shuffle_patches,
    shuffle_permutation,
    unshuffle_patches,
)
from tests.perturbations import paper

Image = npt.NDArray[np.uint8]

small_grids = st.builds(Grid, st.integers(1, 10), st.integers(1, 10))
PAPER_GRIDS = ["2x2", "2x4", "4x4", "4x8", "8x8", "14x14", "16x16"]


def noise(grid: Grid, seed: int, *leading: int) -> Image:
    shape = (*leading, 3, 2 * grid.rows, 3 * grid.cols)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


class TestPermutation:
    @given(small_grids, st.integers(), st.text(max_size=10))
    def test_every_cell_comes_once(self, grid: Grid, seed: int, key: str) -> None:
        permutation = shuffle_permutation(grid, seed=seed, key=key)
        assert permutation.dtype == np.int64
        assert sorted(permutation) == list(range(grid.cells))

    def test_permutations_never_change(self) -> None:
        order = shuffle_permutation(Grid(4, 4), seed=0).tolist()
        assert order == [1, 15, 3, 5, 13, 7, 4, 8, 12, 11, 10, 0, 9, 14, 6, 2]
        order = shuffle_permutation(Grid(2, 4), seed=7, key="a/b.jpg").tolist()
        assert order == [4, 1, 6, 2, 0, 3, 7, 5]
        finest = shuffle_permutation(Grid(16, 16), seed=3).astype("<i8")
        assert hashlib.sha256(finest.tobytes()).hexdigest() == (
            "f529372d1e846060db24cfb358472300d8b0b5863b73d9a2542d4d10e633a035"
        )

    @pytest.mark.parametrize("written", PAPER_GRIDS[1:])
    def test_images_and_seeds_have_their_own(self, written: str) -> None:
        grid = Grid.parse(written)
        drawn = {
            tuple(shuffle_permutation(grid, seed=seed, key=f"{image}.jpg"))
            for seed in range(5)
            for image in range(5)
        }
        assert len(drawn) == 25

    def test_a_shuffle_tells_nothing_about_the_drop_of_the_same_seed(self) -> None:
        grid = Grid(14, 14)
        first_half = shuffle_permutation(grid, seed=0)[:98]
        dropped = np.flatnonzero(random_drop_mask(grid, 0.5, seed=0))
        assert 30 < len(np.intersect1d(first_half, dropped)) < 68


class TestShuffledImages:
    @given(small_grids, st.integers(0, 1000))
    def test_unshuffling_undoes_it(self, grid: Grid, seed: int) -> None:
        images = noise(grid, seed, 2)
        permutation = shuffle_permutation(grid, seed=seed)
        shuffled = shuffle_patches(images, permutation, grid)
        assert shuffled.shape == images.shape
        assert shuffled.dtype == images.dtype
        assert shuffled.flags.c_contiguous
        assert np.array_equal(unshuffle_patches(shuffled, permutation, grid), images)
        assert np.array_equal(
            shuffle_patches(unshuffle_patches(images, permutation, grid), permutation, grid),
            images,
        )

    @given(small_grids, st.integers(0, 1000))
    def test_every_pixel_stays_in_the_picture(self, grid: Grid, seed: int) -> None:
        image = noise(grid, seed)
        shuffled = shuffle_patches(image, shuffle_permutation(grid, seed=seed), grid)
        assert np.array_equal(np.sort(shuffled.reshape(3, -1)), np.sort(image.reshape(3, -1)))

    def test_by_hand(self) -> None:
        image = np.array([[[0, 0, 1, 1, 2, 2], [3, 3, 4, 4, 5, 5]]])
        shuffled = shuffle_patches(image, np.array([5, 0, 1, 2, 4, 3]), Grid(2, 3))
        assert shuffled.tolist() == [[[5, 5, 0, 0, 1, 1], [2, 2, 4, 4, 3, 3]]]
        restored = unshuffle_patches(shuffled, np.array([5, 0, 1, 2, 4, 3]), Grid(2, 3))
        assert restored.tolist() == image.tolist()

    @pytest.mark.parametrize("written", ["2x4", "14x14"])
    def test_real_photos_agree_with_the_paper_pixel_for_pixel(
        self, photo: Image, written: str
    ) -> None:
        grid = Grid.parse(written)
        permutation = shuffle_permutation(grid, seed=0, key="photo.jpg")
        expected = paper.shuffle(photo, permutation.tolist(), grid.rows, grid.cols)
        assert np.array_equal(shuffle_patches(photo, permutation, grid), expected)

    def test_a_batch_is_shuffled_as_each_image_alone(self) -> None:
        grid = Grid(4, 8)
        images = noise(grid, 0, 2, 3)
        permutation = shuffle_permutation(grid, seed=0)
        together = shuffle_patches(images, permutation, grid)
        for place in np.ndindex(2, 3):
            assert np.array_equal(
                together[place], shuffle_patches(images[place], permutation, grid)
            )

    @given(small_grids)
    def test_the_order_0_1_2_changes_nothing(self, grid: Grid) -> None:
        image = noise(grid, 0)
        untouched = image.copy()
        assert np.array_equal(shuffle_patches(image, np.arange(grid.cells), grid), image)
        assert np.array_equal(image, untouched)

    @pytest.mark.parametrize("order", [[0, 1, 2], [0, 1, 2, 2], [1, 2, 3, 4], [0, 1, 2, 3, 4]])
    def test_what_is_no_permutation_is_refused(self, order: list[int]) -> None:
        with pytest.raises(ValueError, match="expected a permutation of 4 cells"):
            shuffle_patches(np.zeros((3, 4, 4)), np.array(order), Grid(2, 2))

    def test_a_grid_that_does_not_divide_is_refused(self) -> None:
        with pytest.raises(InvalidGrid, match="got 13x13"):
            shuffle_patches(np.zeros((3, 224, 224)), np.arange(169), Grid(13, 13))
