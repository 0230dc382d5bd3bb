"""PatchDrop over a data set: counts by hand, and equality with the perturbation applied alone."""

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ipvit.errors import InvalidInput
from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.evaluation import evaluate_range
from ipvit.experiments.experiment import Partial
from ipvit.experiments.pace import SteadyPace
from ipvit.experiments.partials import merge, pack_partial, unpack_partial
from ipvit.experiments.patch_drop import PatchDropParams
from ipvit.experiments.subject import Subject
from ipvit.grid import Grid
from ipvit.models.loading import build_model
from ipvit.models.specs import MODELS
from ipvit.perturbations.patch_drop import drop_patches, random_drop_mask
from tests.experiments.toys import (
    TOY,
    ArraySet,
    CountsVisible,
    as_tensor,
    random_set,
    toy_evaluation,
)
from tests.tiny_model import TINY

SPEC = EXPERIMENTS["patch-drop"]


def counts(
    dataset: ArraySet, params: PatchDropParams, bounds: list[int], *, batch: int = 64, **how: object
) -> Partial:
    evaluation = toy_evaluation(CountsVisible(), **how)  # type: ignore[arg-type]
    return merge(
        unpack_partial(
            pack_partial(
                evaluate_range(
                    SPEC,
                    params,
                    dataset,
                    start,
                    stop,
                    evaluation=evaluation,
                    pixels=dataset,
                    labels_map=np.arange(8),
                    batch_images=batch,
                ).partial
            )
        )
        for start, stop in pairwise(bounds)
    )


def test_what_is_visible_by_hand() -> None:
    """Of 2 x 2 cells a ratio of 0.25 hides one, 0.49 one, 0.5 two, 0.75 three."""
    dataset = random_set(8)  # labels 0 … 7
    params = PatchDropParams(ratios=(0.0, 0.25, 0.49, 0.5, 0.75, 1.0), runs=3)
    partial = counts(dataset, params, [0, 8])
    # Exactly the one image is right whose label is the number of cells left.
    assert partial.sums["top1"].tolist() == [
        [1, 0, 0],
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
        [1, 1, 1],
        [1, 0, 0],
    ]
    assert partial.sums["dropped"].sum(axis=1).tolist() == [0, 24, 24, 48, 72, 32]
    rows = SPEC.rows(partial.sums, partial.images, params, TOY)
    top1 = [row for row in rows if row.metric == "top1"]
    assert [row.runs for row in top1] == [1, 3, 3, 3, 3, 1]
    assert [row.value for row in top1] == [12.5] * 6
    assert [row.standard_error for row in top1] == [None, 0, 0, 0, 0, None]
    lost = [row.value for row in rows if row.metric == "information_loss"]
    assert lost == [0, 0.25, 0.25, 0.5, 0.75, 1]


@given(
    cuts=st.lists(st.integers(0, 20), max_size=4).map(sorted),
    batch=st.integers(1, 9),
    pass_images=st.integers(1, 9),
    seed=st.integers(0, 3),
)
def test_counts_do_not_depend_on_shards_and_batches(
    cuts: list[int], batch: int, pass_images: int, seed: int
) -> None:
    dataset = random_set(20, broken=frozenset({3, 11}))
    params = PatchDropParams(ratios=(0.0, 0.3, 0.5), grids=("model", "4x2", "pixel"), runs=2)
    whole = counts(dataset, params, [0, 20], seed=seed)
    cut = counts(
        dataset, params, [0, *cuts, 20], batch=batch, seed=seed, pace=SteadyPace(pass_images)
    )
    assert whole.images == cut.images == 18
    for name, array in whole.sums.items():
        np.testing.assert_array_equal(array, cut.sums[name])


@pytest.mark.parametrize("offset_px", [0, 8])
@pytest.mark.parametrize("grid", ["8x8", "4x16", "pixel"])
def test_a_real_network_sees_what_drop_patches_makes(grid: str, offset_px: int) -> None:
    subject = Subject(TINY, build_model(TINY))
    images = np.random.default_rng(1).integers(0, 256, (6, 3, 32, 32), dtype=np.uint8)
    cells = Grid(32, 32) if grid == "pixel" else Grid.parse(grid)
    params = PatchDropParams(ratios=(0.3, 0.8), grids=(grid,), offset_px=offset_px, runs=2)

    expected = np.zeros((2, 2), np.int64)
    labels = []
    for run in range(2):
        for index, ratio in enumerate(params.ratios):
            masks = [
                random_drop_mask(cells, ratio, seed=5 + run, key=f"{at:03}.png") for at in range(6)
            ]
            dropped = drop_patches(images, np.stack(masks), offset_px)
            guesses = subject.logits(as_tensor(dropped)).argmax(1)
            labels = labels or guesses.tolist()  # the first condition's guesses are the labels
            expected[index, run] = np.sum(guesses == labels)

    dataset = ArraySet(images, labels)
    evaluation = toy_evaluation(subject.module, TINY, seed=5, pace=SteadyPace(4))
    outcome = evaluate_range(
        SPEC, params, dataset, 0, 6, evaluation=evaluation, pixels=dataset, labels_map=np.arange(10)
    )
    assert outcome.partial.sums["top1"][0, 0] == 6
    np.testing.assert_array_equal(outcome.partial.sums["top1"], expected)


def test_images_that_lose_nothing_pass_the_network_once() -> None:
    passed = []

    class Watched(CountsVisible):
        def forward(self, images: torch.Tensor) -> torch.Tensor:
            passed.append(len(images))
            return super().forward(images)

    params = PatchDropParams(ratios=(0.0, 0.1, 0.5), grids=("model", "1x2"), runs=2)
    dataset = random_set(4)
    evaluation = toy_evaluation(Watched(), pace=SteadyPace(64))
    evaluate_range(
        SPEC, params, dataset, 0, 4, evaluation=evaluation, pixels=dataset, labels_map=np.arange(8)
    )
    # 0 and 10 % of four or two cells are none; 50 % is two runs of each grid.
    assert sum(passed) == 5 * 4
    assert SPEC.forwards(params, TOY) == 5


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"grids": ("3x3",)}, "params.grids"),
        ({"offset_px": 4}, "params.offset_px"),
    ],
)
def test_parameters_that_do_not_fit_the_model(values: dict[str, object], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        SPEC.conditions(PatchDropParams.model_validate(values), TOY)
    assert caught.value.field == field


def test_a_model_with_a_rest_takes_its_own_grid_and_the_whole_input() -> None:
    """DeiT-T with 38 px patches sees 190 of 224 px."""
    params = PatchDropParams(grids=("model", "14x14"), ratios=(0.5,))
    names = [condition.name for condition in SPEC.conditions(params, MODELS["deit_t_patch38"])]
    assert names == ["random/5x5/0.5", "random/14x14/0.5"]


def test_the_same_grid_by_two_names_is_one_condition() -> None:
    params = PatchDropParams(grids=("model", "2x2"), ratios=(0.5,))
    assert len(SPEC.conditions(params, TOY)) == 1


def test_default_levels_are_the_papers() -> None:
    assert PatchDropParams().ratios == tuple(level / 10 for level in range(10))
    assert SPEC.forwards(PatchDropParams(runs=1), MODELS["deit_t"]) == 10


def test_a_model_without_a_head_cannot_take_part(tmp_path: Path) -> None:
    assert SPEC.supports(MODELS["dino_vit_s"]) is not None
    assert SPEC.supports(MODELS["deit_t"]) is None
