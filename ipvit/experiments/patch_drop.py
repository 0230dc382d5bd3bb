"""Accuracy under occlusion: PatchDrop (Naseer et al. 2021, §3.1, App. A and B).

Random: ⌊ratio · N⌋ of the N cells of a grid, drawn for each image and run. Salient and
non-salient: the cells that hold the top, or the lowest, share of a saliency model's attention
mass, which draws nothing: one run.

Deviations: the original draws one mask for each batch; run r of ours draws for each image, from
seed + r and the image's path, one order for all ratios (`ipvit.perturbations.patch_drop`). A
ratio that drops no cell, or every cell, is one run whatever was asked for; all conditions that
drop nothing share one forward pass.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from ipvit.errors import InvalidInput
from ipvit.experiments.accuracy import (
    ACCURACY_METRICS,
    Tally,
    accuracy_rows,
    needs_classifier,
)
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
from ipvit.experiments.grid_choice import MODEL_GRID, check_each_once, check_grids, choose_grids
from ipvit.experiments.patch_dropping import Drop, Dropping, Mode
from ipvit.experiments.saliency import saliency_view
from ipvit.models.model_spec import ModelSpec
from ipvit.preprocessing import Preprocessing

__all__ = ["SPEC", "PatchDropParams"]

Ratio = Annotated[float, Field(ge=0, le=1)]
Grids = Annotated[tuple[str, ...], AfterValidator(check_each_once), AfterValidator(check_grids)]


class PatchDropParams(ExperimentParams):
    """What is dropped, and how often."""

    modes: Annotated[tuple[Mode, ...], AfterValidator(check_each_once)] = Field(
        ("random",),
        min_length=1,
        description="Which patches go: random ones, or by another model's attention the salient "
        "or the non_salient ones.",
    )
    ratios: Annotated[tuple[Ratio, ...], AfterValidator(check_each_once)] = Field(
        (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9),
        min_length=1,
        max_length=101,
        description="Share dropped (0 to 1): of the patches in mode random, of the attention mass "
        "in the salient modes.",
    )
    grids: Grids = Field(
        (MODEL_GRID,),
        min_length=1,
        max_length=32,
        description="Grids of cells, rows x columns such as 14x14; `model` is each model's own "
        "patches, `pixel` drops single pixels.",
    )
    offset_px: int = Field(
        0,
        ge=0,
        le=1024,
        description="How far the mask is moved right and down (px of the model's input); 8 in the "
        "paper, so that it aligns with no patch.",
    )
    runs: int = Field(
        5, ge=1, le=100, description="Draws of random masks (runs); the others draw nothing."
    )
    saliency_model: str | None = Field(
        None,
        description="Model whose attention says what is salient; unset: dino_vit_s, the paper's, "
        "when its weights are here, else pocket_deit_shape.",
    )
    saliency_head: int | None = Field(
        None, ge=0, description="Attention head of the saliency model; unset: 1 for DINO."
    )


def _drops(params: PatchDropParams, spec: ModelSpec) -> list[Drop]:
    """Every condition; those of a mode and grid stand together."""
    grids = choose_grids(params.grids, spec)
    for area_px in grids.values():
        if params.offset_px >= area_px:
            raise InvalidInput(
                f"expected an offset from 0 to {area_px - 1} px for {spec.name}, "
                f"got {params.offset_px}",
                field="params.offset_px",
            )
    return [
        Drop(mode, grid, area_px, params.offset_px, ratio, params.runs)
        for mode in params.modes
        for grid, area_px in grids.items()
        for ratio in params.ratios
    ]


def conditions(params: PatchDropParams, spec: ModelSpec) -> Sequence[Condition]:
    """Every mode, grid and ratio; raises InvalidGrid and InvalidInput (offset)."""
    return [drop.condition for drop in _drops(params, spec)]


def forwards(params: PatchDropParams, spec: ModelSpec) -> int:
    """One pass a condition and run; one for all that drop nothing; one of the saliency model."""
    drops = _drops(params, spec)
    passes = sum(drop.condition.runs for drop in drops if not drop.drops_nothing)
    return passes + any(drop.drops_nothing for drop in drops) + uses_saliency(params)


def uses_saliency(params: PatchDropParams) -> bool:
    """Whether any mode asks where another model looks."""
    return any(mode != "random" for mode in params.modes)


def preprocessings(
    params: PatchDropParams, spec: ModelSpec, saliency: ModelSpec | None
) -> Sequence[Preprocessing]:
    """The model's own input, and the saliency model's view of the same region."""
    if saliency is None:
        return (spec.preprocessing,)
    view = saliency_view(saliency, params.saliency_head, spec)
    return tuple(dict.fromkeys((spec.preprocessing, view)))


def evaluate(batch: ImageBatch, params: PatchDropParams, evaluation: Evaluation) -> Partial:
    """Right answers and dropped cells of a batch, by condition and run."""
    dropping = Dropping(batch, params.saliency_head, evaluation)
    drops = _drops(params, evaluation.spec)
    tally = Tally([drop.condition for drop in drops], batch.labels)
    dropped = np.zeros(tally.sums["top1"].shape, np.int64)
    first = 0
    for _, group in groupby(drops, key=lambda drop: (drop.mode, drop.grid)):
        members = list(group)
        for answer in dropping.answers(members):
            tally.count(first + answer.index, answer.run, answer.logits)
            dropped[first + answer.index, answer.run] += answer.cells
        first += len(members)
    return Partial(images=len(batch.paths), sums={**tally.sums, "dropped": dropped})


def rows(sums: Arrays, images: int, params: PatchDropParams, spec: ModelSpec) -> Sequence[Row]:
    """Accuracy and information loss of every condition."""
    drops = _drops(params, spec)
    lost = [
        Row(
            condition=drop.condition.values,
            metric="information_loss",
            value=int(sums["dropped"][index].sum())
            / (images * drop.condition.runs * drop.grid.cells),
            images=images,
            runs=drop.condition.runs,
        )
        for index, drop in enumerate(drops)
    ]
    return [*accuracy_rows([drop.condition for drop in drops], sums, images, spec), *lost]


SPEC = Experiment(
    name="patch-drop",
    title="Occlusion: PatchDrop",
    paper="Naseer et al. 2021, §3.1, Fig. 3, App. A and B",
    summary="Hides more and more of every image behind black patches and counts how many are "
    "still recognised. The patches are random, or those that another model attends to most or "
    "least.",
    look_for="Transformers lose accuracy far later than convolutional networks: DeiT-S still "
    "recognises 70 % of ImageNet with half of each image gone, ResNet50 next to nothing. Look at "
    "how little it matters whether the patches are salient.",
    parameters=PatchDropParams,
    needs=frozenset({"labels"}),
    metrics={
        **ACCURACY_METRICS,
        "information_loss": "Information loss: share of cells dropped, mean over images (0 to 1).",
    },
    plot=Plot(
        kind="line",
        x="ratio",
        x_label="share dropped",
        y_label="top-1 accuracy (%)",
        metric="top1",
        series=("mode", "grid", "offset_px"),
    ),
    supports=needs_classifier,
    conditions=conditions,
    forwards=forwards,
    preprocessings=preprocessings,
    evaluate=evaluate,
    rows=rows,
    uses_saliency=uses_saliency,
)
