"""What is applied on the device equals the numpy functions, pixel by pixel."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ipvit.errors import InvalidGrid, InvalidInput
from ipvit.grid import Grid
from ipvit.perturbations.on_tensors import drop_pixels, shuffle_cells, spread_cells
from ipvit.perturbations.patch_drop import (
    drop_count,
    drop_patches,
    random_drop_mask,
    random_drop_ranks,
)
from ipvit.perturbations.patch_shuffle import shuffle_patches, shuffle_permutation

SIDE_PX = 12

grids = st.tuples(*[st.sampled_from([1, 2, 3, 4, 6, 12])] * 2).map(lambda sides: Grid(*sides))
ratios = st.floats(0, 1)
seeds = st.integers(0, 2**40)


def photos(count: int, seed: int, side_px: int = SIDE_PX) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (count, 3, side_px, side_px), dtype=np.uint8)


@given(grid=grids, ratio=ratios, seed=seeds, offset_px=st.integers(0, SIDE_PX - 1))
def test_dropping_by_rank_equals_drop_patches(
    grid: Grid, ratio: float, seed: int, offset_px: int
) -> None:
    images, keys = photos(3, seed % 1000), ["a.png", "b.png", "c/d.png"]
    masks = np.stack([random_drop_mask(grid, ratio, seed=seed, key=key) for key in keys])
    expected = drop_patches(images, masks, offset_px)

    ranks = np.stack([random_drop_ranks(grid, seed=seed, key=key) for key in keys])
    spread = spread_cells(
        torch.from_numpy(ranks), SIDE_PX, area_px=SIDE_PX, offset_px=offset_px, rest=grid.cells
    )
    dropped = drop_pixels(torch.from_numpy(images), spread >= drop_count(ratio, grid.cells))
    np.testing.assert_array_equal(dropped.numpy(), expected)


@given(grid=grids, seed=seeds, offset_px=st.integers(0, SIDE_PX - 1))
def test_dropping_by_mask_in_part_of_the_image(grid: Grid, seed: int, offset_px: int) -> None:
    """A patch size that does not divide the input leaves a rest that is kept."""
    side_px = SIDE_PX + 2
    images = photos(2, seed % 1000, side_px)
    masks = np.random.default_rng(seed).random((2, grid.rows, grid.cols)) < 0.5
    expected = images.copy()
    area = (..., slice(SIDE_PX), slice(SIDE_PX))
    expected[area] = drop_patches(images[area], masks, offset_px)

    kept = spread_cells(
        torch.from_numpy(~masks), side_px, area_px=SIDE_PX, offset_px=offset_px, rest=True
    )
    dropped = drop_pixels(torch.from_numpy(images), kept)
    np.testing.assert_array_equal(dropped.numpy(), expected)


@given(grid=grids, seed=seeds, rest_px=st.sampled_from([0, 2]))
def test_shuffling_equals_shuffle_patches(grid: Grid, seed: int, rest_px: int) -> None:
    images = photos(3, seed % 1000, SIDE_PX + rest_px)
    orders = [shuffle_permutation(grid, seed=seed, key=key) for key in ("a", "b", "c")]
    expected = images.copy()
    for image, order in zip(expected, orders, strict=True):
        image[:, :SIDE_PX, :SIDE_PX] = shuffle_patches(image[:, :SIDE_PX, :SIDE_PX], order, grid)

    permutations = torch.from_numpy(np.stack(orders))
    shuffled = shuffle_cells(torch.from_numpy(images), permutations, grid, area_px=SIDE_PX)
    np.testing.assert_array_equal(shuffled.numpy(), expected)


def test_the_images_given_are_not_changed() -> None:
    images = photos(1, 0)
    before = images.copy()
    tensor = torch.from_numpy(images)
    drop_pixels(tensor, torch.zeros(1, SIDE_PX, SIDE_PX, dtype=torch.bool))
    shuffle_cells(tensor, torch.tensor([[3, 2, 1, 0]]), Grid(2, 2), area_px=SIDE_PX)
    np.testing.assert_array_equal(images, before)


def test_a_grid_that_does_not_divide_is_refused() -> None:
    with pytest.raises(InvalidGrid):
        spread_cells(torch.zeros(1, 5, 5), SIDE_PX, area_px=SIDE_PX, offset_px=0, rest=0)
    with pytest.raises(InvalidGrid):
        shuffle_cells(
            torch.from_numpy(photos(1, 0)), torch.arange(25)[None], Grid(5, 5), area_px=SIDE_PX
        )


def test_an_offset_out_of_the_image_is_refused() -> None:
    with pytest.raises(InvalidInput):
        spread_cells(torch.zeros(1, 2, 2), SIDE_PX, area_px=SIDE_PX, offset_px=SIDE_PX, rest=0)
