"""Accuracy of shuffled images: how much a model needs the whole shape (Naseer et al. 2021, §3.3).

The image is cut into a grid and its cells are permuted; the finer the grid, the less is left of
the global structure. A model without positional encoding does not notice when whole patches of
its own are permuted.

Deviation: run r draws each image's permutation from seed + r and the image's path. The grid 1x1
permutes nothing and is one run.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from ipvit.experiments.accuracy import ACCURACY_METRICS, Tally, accuracy_rows, needs_classifier
from ipvit.experiments.experiment import (
    Arrays,
    Condition,
    Evaluation,
    Experiment,
    ExperimentParams,
    ImageBatch,
    Partial,
    Plot,
    Row,
)
from ipvit.experiments.grid_choice import check_each_once, check_grids, choose_grids
from ipvit.grid import Grid
from ipvit.models.model_spec import ModelSpec
from ipvit.perturbations.patch_shuffle import shuffle_permutation
from ipvit.preprocessing import Preprocessing

__all__ = ["SPEC", "PatchShuffleParams"]

Grids = Annotated[tuple[str, ...], AfterValidator(check_each_once), AfterValidator(check_grids)]


class PatchShuffleParams(ExperimentParams):
    """How finely images are cut, and how often they are shuffled."""

    grids: Grids = Field(
        ("1x1", "2x2", "2x4", "4x4", "4x8", "8x8", "model", "16x16"),
        min_length=1,
        max_length=32,
        description="Grids of cells, rows x columns such as 4x8; 1x1 leaves the image whole, "
        "`model` is each model's own patches, `pixel` shuffles single pixels.",
    )
    runs: int = Field(5, ge=1, le=100, description="Draws of permutations (runs).")


@dataclass(frozen=True)
class _Shuffle:
    """One condition: `grid` laid over the first `area_px` px of the input."""

    grid: Grid
    area_px: int
    asked_runs: int

    @property
    def condition(self) -> Condition:
        """As results name it."""
        return Condition(
            name=str(self.grid),
            values={"grid": str(self.grid), "cells": self.grid.cells},
            runs=self.asked_runs if self.grid.cells > 1 else 1,
        )


def _shuffles(params: PatchShuffleParams, spec: ModelSpec) -> list[_Shuffle]:
    grids = choose_grids(params.grids, spec)
    return [_Shuffle(grid, area_px, params.runs) for grid, area_px in grids.items()]


def conditions(params: PatchShuffleParams, spec: ModelSpec) -> Sequence[Condition]:
    """Every grid; raises InvalidGrid."""
    return [shuffle.condition for shuffle in _shuffles(params, spec)]


def forwards(params: PatchShuffleParams, spec: ModelSpec) -> int:
    """One pass a grid and run."""
    return sum(condition.runs for condition in conditions(params, spec))


def preprocessings(
    _params: PatchShuffleParams, spec: ModelSpec, _saliency: ModelSpec | None
) -> Sequence[Preprocessing]:
    """The model's own input."""
    return (spec.preprocessing,)


def evaluate(batch: ImageBatch, params: PatchShuffleParams, evaluation: Evaluation) -> Partial:
    """Right answers of a batch, by grid and run."""
    import torch

    from ipvit.perturbations.on_tensors import shuffle_cells

    subject = evaluation.subject
    images = subject.to_device(batch.pixels(evaluation.spec.preprocessing))
    shuffles = _shuffles(params, evaluation.spec)
    tally = Tally([shuffle.condition for shuffle in shuffles], batch.labels)
    for index, shuffle in enumerate(shuffles):
        grid = shuffle.grid
        for run in range(shuffle.condition.runs):
            shuffled = images
            if grid.cells > 1:
                seed = evaluation.seed + run
                orders = [shuffle_permutation(grid, seed=seed, key=path) for path in batch.paths]
                permutations = torch.from_numpy(np.stack(orders)).to(images.device)
                shuffled = shuffle_cells(images, permutations, grid, area_px=shuffle.area_px)
            tally.count(index, run, subject.logits(shuffled))
    return Partial(images=len(batch.paths), sums=tally.sums)


def rows(sums: Arrays, images: int, params: PatchShuffleParams, spec: ModelSpec) -> Sequence[Row]:
    """Accuracy for every grid."""
    return accuracy_rows(conditions(params, spec), sums, images, spec)


SPEC = Experiment(
    name="patch-shuffle",
    title="Shuffled patches",
    paper="Naseer et al. 2021, §3.3, Fig. 9 and 10",
    summary="Cuts every image into a grid, permutes the cells and counts how many images are "
    "still recognised. Local texture stays; the finer the grid, the less is left of any shape.",
    look_for="Models that know where a patch stood suffer most when many small cells move. A "
    "model without positional encoding sees a set of patches: its accuracy is lower on whole "
    "images and the same when its own patches are permuted.",
    parameters=PatchShuffleParams,
    needs=frozenset({"labels"}),
    metrics=ACCURACY_METRICS,
    plot=Plot(
        kind="line",
        x="cells",
        x_label="cells the image is cut into",
        y_label="top-1 accuracy (%)",
        metric="top1",
        x_scale="log",
    ),
    supports=needs_classifier,
    conditions=conditions,
    forwards=forwards,
    preprocessings=preprocessings,
    evaluate=evaluate,
    rows=rows,
)
