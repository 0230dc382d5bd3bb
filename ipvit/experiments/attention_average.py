"""Where heads look under one fixed mask, averaged over a data set (Naseer et al. 2021, Fig. 4).

All images are occluded by the same random PatchDrop mask, drawn from the seed alone. The attention
of a token to the patches, normalised over the patches in each image, is averaged for every head of
every block. What each average is summed up by: how much of it falls on patches that were left, and
how much an occluded patch gets compared with one that was left (1: the head looks everywhere alike;
0: only at what is left). `map_layers` asks for the averaged maps themselves.

Blocks and heads count from 0. Sums are kept in fixed point, so they depend on no order.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field

from ipvit.attention.patches import patch_grid
from ipvit.errors import InvalidInput
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
from ipvit.experiments.fixed_point import ONE, to_fixed_point
from ipvit.experiments.grid_choice import check_each_once
from ipvit.models.model_spec import ModelSpec
from ipvit.perturbations.patch_drop import drop_patches, random_drop_mask
from ipvit.preprocessing import Preprocessing

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["SPEC", "AttentionAverageParams", "fixed_mask"]

MASK_KEY = "attention-average"
"""The mask is drawn under this key instead of an image's path."""


class AttentionAverageParams(ExperimentParams):
    """The mask, and what is reported."""

    ratio: float = Field(0.5, ge=0, le=1, description="Share (0 to 1) of the patches dropped.")
    token: Literal["cls", "shape"] = Field("cls", description="Token whose attention is averaged.")
    map_layers: Annotated[
        tuple[Annotated[int, Field(ge=0)], ...], AfterValidator(check_each_once)
    ] = Field(
        (),
        description="Blocks, counted from 0, whose averaged maps are listed patch by patch.",
    )


def supports(spec: ModelSpec) -> str | None:
    """None for vision transformers."""
    return None if spec.has_attention else "it has no class token whose attention could be taken"


def _check(params: AttentionAverageParams, spec: ModelSpec) -> None:
    if params.token not in spec.tokens:
        raise InvalidInput(
            f"expected a token of {spec.name}, {', '.join(spec.tokens)}, got {params.token}",
            field="params.token",
        )
    beyond = [layer for layer in params.map_layers if layer >= spec.depth]
    if beyond:
        raise InvalidInput(
            f"expected blocks from 0 to {spec.depth - 1} of {spec.name}, got {beyond}",
            field="params.map_layers",
        )


def conditions(params: AttentionAverageParams, spec: ModelSpec) -> list[Condition]:
    """Every head of every block; raises InvalidInput for a token or block the model lacks."""
    _check(params, spec)
    return [
        Condition(
            f"{layer}/{head}",
            {"token": params.token, "ratio": params.ratio, "layer": layer, "head": head},
        )
        for layer in range(spec.depth)
        for head in range(spec.heads)
    ]


def forwards(_params: AttentionAverageParams, _spec: ModelSpec) -> int:
    """One for all heads."""
    return 1


def preprocessings(
    _params: AttentionAverageParams, spec: ModelSpec, _saliency: ModelSpec | None
) -> tuple[Preprocessing, ...]:
    """The model's own input."""
    return (spec.preprocessing,)


def fixed_mask(spec: ModelSpec, ratio: float, seed: int) -> npt.NDArray[np.bool_]:
    """The one mask of all images: (rows, cols) of the model's grid, True is dropped."""
    return random_drop_mask(spec.grid, ratio, seed=seed, key=MASK_KEY)


def evaluate(batch: ImageBatch, params: AttentionAverageParams, evaluation: Evaluation) -> Partial:
    """Sums over images of each head's attention to the patches, and the mask, for reference."""
    from ipvit.attention.capture import AttentionCapture

    subject, spec = evaluation.subject, evaluation.spec
    _check(params, spec)
    layers = range(spec.depth)

    def attend(images: "Tensor") -> "Tensor":
        import torch

        with AttentionCapture(subject.module, layers=layers, queries=(params.token,)) as seen:
            subject.module(images)
        return torch.stack([seen.maps[layer][:, :, 0] for layer in layers], dim=1)

    mask = fixed_mask(spec, params.ratio, evaluation.seed)
    pixels = batch.pixels(spec.preprocessing).copy()
    seen_px = spec.grid.rows * (spec.patch_px or 1)
    seen = pixels[..., :seen_px, :seen_px]
    seen[...] = drop_patches(seen, mask)
    rows = subject.run(subject.to_device(pixels), attend)  # (n, layers, heads, tokens)
    maps = patch_grid(
        rows, prefix_tokens=spec.prefix_tokens, rows=spec.grid.rows, cols=spec.grid.cols
    )
    return Partial(
        len(batch.paths),
        {
            "attention": to_fixed_point(maps).sum(axis=0),
            # Rows are made from sums alone, which do not know the seed.
            "dropped": len(batch.paths) * mask.astype(np.int64),
        },
    )


def rows(
    sums: Arrays, images: int, params: AttentionAverageParams, spec: ModelSpec
) -> Sequence[Row]:
    """Two figures for each head, and the maps asked for."""
    average = sums["attention"].astype(np.float64) / (images * ONE)  # (layers, heads, rows, cols)
    dropped = sums["dropped"] > 0
    summaries, maps = [], []
    for condition in conditions(params, spec):
        layer, head = int(condition.values["layer"]), int(condition.values["head"])
        weights = average[layer, head]
        share = float(weights[~dropped].sum() / weights.sum())
        summaries.append(Row(condition.values, "kept_share", 100 * share, images))
        if dropped.any() and not dropped.all():
            relative = float(weights[dropped].mean() / weights[~dropped].mean())
            summaries.append(Row(condition.values, "dropped_to_kept", relative, images))
        if layer in params.map_layers:
            maps += [
                Row(
                    {**condition.values, "row": row, "col": col, "dropped": int(dropped[row, col])},
                    "attention",
                    float(weight),
                    images,
                )
                for (row, col), weight in np.ndenumerate(weights)
            ]
    return [*summaries, *maps]


SPEC = Experiment(
    name="attention-average",
    title="Attention under occlusion",
    paper="Naseer et al. 2021, §3.1, Fig. 4",
    summary="Every image is hidden behind the same random mask, and the attention of each head in "
    "each layer is averaged over the data set. What remains is where a head looks whatever the "
    "image shows.",
    look_for="Heads of the first layers attend to all of the image, black patches too. In later "
    "layers they turn to what was left visible.",
    parameters=AttentionAverageParams,
    needs=frozenset(),
    metrics={
        "kept_share": "Share of the attention to patches that falls on those left visible (%); "
        "a head that looks everywhere alike has 100 · (1 - ratio).",
        "dropped_to_kept": "Mean attention to a dropped patch divided by that to a visible one "
        "(1: alike, 0: dropped ones are ignored).",
        "attention": "Mean attention to one patch (0 to 1; the patches of a map sum to 1).",
    },
    plot=Plot(
        kind="heatmap",
        x="head",
        x_label="head",
        y_label="layer",
        metric="kept_share",
        series=("token", "ratio"),
        y="layer",
    ),
    supports=supports,
    conditions=conditions,
    forwards=forwards,
    preprocessings=preprocessings,
    evaluate=evaluate,
    rows=rows,
)
