from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipvit.errors import InvalidGrid
from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.evaluation import evaluate_range
from ipvit.experiments.experiment import Partial
from ipvit.experiments.pace import SteadyPace
from ipvit.experiments.partials import merge
from ipvit.experiments.patch_shuffle import PatchShuffleParams
from ipvit.experiments.subject import Subject
from ipvit.grid import Grid
from ipvit.models.loading import build_model, load_model
from ipvit.models.specs import MODELS
from ipvit.perturbations.patch_shuffle import shuffle_patches, shuffle_permutation
from tests.experiments.toys import TOY, ArraySet, ReadsCorner, as_tensor, toy_evaluation
from tests.tiny_model import TINY

SPEC = EXPERIMENTS["patch-shuffle"]


def cells_of_their_index(count: int) -> ArraySet:
    """2 x 2 cells that hold 0, 1, 2, 3; labels 0 … 3 in turns."""
    cells = np.arange(4, dtype=np.uint8).reshape(2, 2).repeat(2, 0).repeat(2, 1)
    return ArraySet(
        np.broadcast_to(cells, (count, 3, 4, 4)).copy(), [at % 4 for at in range(count)]
    )


def counts(dataset: ArraySet, params: PatchShuffleParams, bounds: list[int], **how: int) -> Partial:
    evaluation = toy_evaluation(
        ReadsCorner(), seed=how.get("seed", 0), pace=SteadyPace(how.get("pass_images", 64))
    )
    return merge(
        evaluate_range(
            SPEC,
            params,
            dataset,
            start,
            stop,
            evaluation=evaluation,
            pixels=dataset,
            labels_map=np.arange(8),
            batch_images=how.get("batch", 64),
        ).partial
        for start, stop in pairwise(bounds)
    )


def test_the_first_cell_shows_what_the_permutation_says() -> None:
    dataset = cells_of_their_index(12)
    partial = counts(dataset, PatchShuffleParams(grids=("1x1", "2x2"), runs=3), [0, 12], seed=7)
    for run in range(3):
        first = [
            shuffle_permutation(Grid(2, 2), seed=7 + run, key=f"{at:03}.png")[0] for at in range(12)
        ]
        right = sum(cell == at % 4 for at, cell in enumerate(first))
        assert partial.sums["top1"][1, run] == right
    # Not shuffled, the first cell is 0: three of the twelve labels, in one run.
    assert partial.sums["top1"][0].tolist() == [3, 0, 0]


@given(
    cuts=st.lists(st.integers(0, 13), max_size=3).map(sorted),
    batch=st.integers(1, 6),
    pass_images=st.integers(1, 6),
)
def test_counts_do_not_depend_on_shards_and_batches(
    cuts: list[int], batch: int, pass_images: int
) -> None:
    dataset, params = cells_of_their_index(13), PatchShuffleParams(grids=("2x2", "4x4"), runs=2)
    whole = counts(dataset, params, [0, 13])
    cut = counts(dataset, params, [0, *cuts, 13], batch=batch, pass_images=pass_images)
    np.testing.assert_array_equal(whole.sums["top1"], cut.sums["top1"])
    np.testing.assert_array_equal(whole.sums["top5"], cut.sums["top5"])


def test_a_real_network_sees_what_shuffle_patches_makes() -> None:
    subject = Subject(TINY, build_model(TINY))
    images = np.random.default_rng(3).integers(0, 256, (5, 3, 32, 32), dtype=np.uint8)
    grid = Grid(4, 8)
    shuffled = [
        shuffle_patches(image, shuffle_permutation(grid, seed=1, key=f"{at:03}.png"), grid)
        for at, image in enumerate(images)
    ]
    guesses = subject.logits(as_tensor(np.stack(shuffled))).argmax(1)
    dataset = ArraySet(images, guesses.tolist())
    outcome = evaluate_range(
        SPEC,
        PatchShuffleParams(grids=("4x8",), runs=1),
        dataset,
        0,
        5,
        evaluation=toy_evaluation(subject.module, TINY, seed=1),
        pixels=dataset,
        labels_map=np.arange(10),
    )
    assert outcome.partial.sums["top1"].tolist() == [[5]]


def test_without_positions_whole_patches_may_move(tmp_path: Path) -> None:
    """§3.3: a set of patches has no order."""
    spec = MODELS["pocket_deit_nopos"]
    subject = Subject(spec, load_model(spec, cache_dir=tmp_path))
    images = np.random.default_rng(4).integers(0, 256, (4, 3, 32, 32), dtype=np.uint8)
    dataset = ArraySet(images, subject.logits(as_tensor(images)).argmax(1).tolist())
    outcome = evaluate_range(
        SPEC,
        PatchShuffleParams(grids=("1x1", "model"), runs=2),
        dataset,
        0,
        4,
        evaluation=toy_evaluation(subject.module, spec),
        pixels=dataset,
        labels_map=np.arange(10),
    )
    assert outcome.partial.sums["top1"].tolist() == [[4, 0], [4, 4]]


def test_rows_and_forwards() -> None:
    params = PatchShuffleParams(grids=("1x1", "2x2"), runs=3)
    assert SPEC.forwards(params, TOY) == 4
    partial = counts(cells_of_their_index(8), params, [0, 8])
    rows = SPEC.rows(partial.sums, partial.images, params, TOY)
    assert [(row.metric, row.condition["cells"], row.runs) for row in rows] == [
        ("top1", 1, 1),
        ("top1", 4, 3),
        ("top5", 1, 1),
        ("top5", 4, 3),
    ]


def test_default_grids_fit_every_model_of_the_registry() -> None:
    for spec in MODELS.values():
        assert SPEC.conditions(PatchShuffleParams(), spec)


def test_a_grid_that_does_not_divide_is_refused() -> None:
    with pytest.raises(InvalidGrid) as caught:
        SPEC.conditions(PatchShuffleParams(grids=("3x3",)), TOY)
    assert caught.value.field == "params.grids"
