"""Segmentation by attention over a data set with masks (Naseer et al. 2021, §3.2, Table 4).

The last block's attention of the class or shape token, each head's fewest patches that hold a
share of the mass (0.9 in the paper), enlarged to pixels by nearest neighbour. For each object
class present the best head's Jaccard index counts, then the mean over the classes of an image and
over images. That head is chosen with the ground truth in hand, which no user has: beside it stands
the index of one head fixed beforehand. Images without any object are left out.

The image is squashed to 512x512 px, and position embeddings are interpolated bicubically. A model
whose input is not 224 px gets the same enlargement, 16/7, in whole patches: the pocket models see
72x72 px, 18x18 patches instead of 8x8 (the paper: 32x32 instead of 14x14). Scores are counted at
512x512 px for every model, the ground truth brought there by nearest neighbour.

Random weights are one draw of the architecture's own initialisation, the same everywhere.

Deviations: void pixels are ignored, as Table 4's protocol has it, where the original script counts
them as background; mean and standard deviation stay the model's own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import numpy.typing as npt
from PIL import Image
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
from ipvit.experiments.fixed_point import from_fixed_point, to_fixed_point
from ipvit.experiments.grid_choice import check_each_once
from ipvit.experiments.statistics import mean_row
from ipvit.models.model_spec import ModelSpec
from ipvit.preprocessing import SEGMENTATION_512, Preprocessing
from ipvit.segmentation.jaccard import BACKGROUND, VOID, best_and_fixed_head
from ipvit.segmentation.mass_threshold import mass_threshold
from ipvit.segmentation.upsampling import upsample_masks

if TYPE_CHECKING:
    from torch import Tensor

    from ipvit.experiments.subject import Subject

__all__ = ["SPEC", "SegmentationParams", "score_attention", "view"]

SCORE_PX = SEGMENTATION_512.crop_px
PAPER_INPUT_PX = 224
METRICS = ("jaccard_best", "jaccard_fixed")
PASS_IMAGES = 64
"""Images in a forward pass at a model's usual size; fewer where the input is larger."""

Share = Annotated[float, Field(ge=0, le=1)]
Weights = Literal["trained", "random"]


class SegmentationParams(ExperimentParams):
    """Whose attention, and how it is thresholded."""

    tokens: Annotated[tuple[Literal["cls", "shape"], ...], AfterValidator(check_each_once)] = Field(
        ("cls", "shape"),
        min_length=1,
        description="Tokens whose attention is taken; a model is tested with those it has.",
    )
    thresholds: Annotated[tuple[Share, ...], AfterValidator(check_each_once)] = Field(
        (0.9,),
        min_length=1,
        max_length=101,
        description="Shares (0 to 1) of the attention mass that make the foreground.",
    )
    weights: Annotated[tuple[Weights, ...], AfterValidator(check_each_once)] = Field(
        ("trained", "random"),
        min_length=1,
        description="The trained network, and the same one with random weights as a baseline.",
    )


@dataclass(frozen=True)
class _Source:
    """One row of attention for each head: a token's, of the trained or the random network."""

    weights: Weights
    token: str


def supports(spec: ModelSpec) -> str | None:
    """None for vision transformers."""
    return None if spec.has_attention else "it has no class token whose attention could be taken"


def view(spec: ModelSpec) -> Preprocessing:
    """The whole image as a square: 512 px for a model of 224 px, others in proportion."""
    exact = Fraction(spec.input_px * SCORE_PX, PAPER_INPUT_PX)
    patch_px = spec.patch_px or 1
    side_px = int(exact) if exact.denominator == 1 else round(exact / patch_px) * patch_px
    return replace(spec.preprocessing, resize_px=side_px, crop_px=side_px, squash=True)


def _sources(params: SegmentationParams, spec: ModelSpec) -> list[_Source]:
    tokens = [token for token in params.tokens if token in spec.tokens]
    if not tokens:
        raise InvalidInput(
            f"expected a token of {spec.name}, {', '.join(spec.tokens)}, got "
            f"{', '.join(params.tokens)}",
            field="params.tokens",
        )
    return [
        _Source(weights, token)
        for weights in dict.fromkeys(params.weights)
        for token in dict.fromkeys(tokens)
    ]


def conditions(params: SegmentationParams, spec: ModelSpec) -> list[Condition]:
    """Every threshold of every token of the trained and the random network."""
    return [
        Condition(
            f"{source.weights}/{source.token}/{threshold:g}",
            {"weights": source.weights, "token": source.token, "threshold": threshold},
        )
        for source in _sources(params, spec)
        for threshold in dict.fromkeys(params.thresholds)
    ]


def forwards(params: SegmentationParams, spec: ModelSpec) -> int:
    """Passes at the model's usual input that take about as long, by the number of patches."""
    enlarged = (view(spec).crop_px / spec.input_px) ** 2
    return round(enlarged * len(set(params.weights)))


def preprocessings(
    _params: SegmentationParams, spec: ModelSpec, _saliency: ModelSpec | None
) -> tuple[Preprocessing, ...]:
    """The whole image, squashed."""
    return (view(spec),)


def evaluate(batch: ImageBatch, params: SegmentationParams, evaluation: Evaluation) -> Partial:
    """Sums of scores and of their squares over images with objects, in fixed point."""
    spec = evaluation.spec
    truths = [_at_score_size(truth) for truth in batch.truths()]
    scored = [i for i, truth in enumerate(truths) if np.any(~np.isin(truth, (BACKGROUND, VOID)))]
    sources = _sources(params, spec)
    thresholds = list(dict.fromkeys(params.thresholds))
    scores = np.zeros((len(METRICS), len(sources), len(thresholds), len(scored)))
    if scored:
        pixels = batch.pixels(view(spec))[scored]
        for index, grids in enumerate(_attention(pixels, sources, evaluation)):
            for image, truth_index in enumerate(scored):
                for step, threshold in enumerate(thresholds):
                    scores[:, index, step, image] = score_attention(
                        grids[image], truths[truth_index], threshold, spec
                    )
    flat = scores.reshape(len(METRICS), len(sources) * len(thresholds), len(scored))
    return Partial(
        len(batch.paths),
        {
            "images": np.array(len(scored), dtype=np.int64),
            "scores": to_fixed_point(flat).sum(axis=-1),
            "squares": to_fixed_point(flat**2).sum(axis=-1),
        },
    )


def score_attention(
    attention: npt.NDArray[np.float64],
    truth: npt.NDArray[np.uint8],
    threshold: float,
    spec: ModelSpec,
) -> tuple[float, float]:
    """The best and the fixed head's Jaccard index, from 0 to 1.

    attention: (heads, rows, cols) of the patches, any scale.
    truth: (H, W), class indices, with at least one object; 0 background, 255 void.
    """
    masks = mass_threshold(attention.reshape(len(attention), -1), threshold)
    grids = masks.reshape(attention.shape)
    seen_px = attention.shape[-1] * (spec.patch_px or 1)
    enlarged = upsample_masks(grids, *truth.shape, seen_share=seen_px / view(spec).crop_px)
    found = best_and_fixed_head(enlarged, truth, spec.fixed_head)
    return found.best, found.fixed


def _at_score_size(truth: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    resized = Image.fromarray(truth).resize((SCORE_PX, SCORE_PX), Image.Resampling.NEAREST)
    return np.asarray(resized)


def _attention(
    pixels: npt.NDArray[np.uint8], sources: Sequence[_Source], evaluation: Evaluation
) -> Iterator[npt.NDArray[np.float64]]:
    """Attention to the patches (n, heads, rows, cols) of each source, one network at a time."""
    spec = evaluation.spec
    side = view(spec).crop_px // (spec.patch_px or 1)
    networks: dict[Weights, npt.NDArray[np.float32]] = {}
    for source in sources:
        if source.weights not in networks:
            subject = evaluation.subject
            if source.weights == "random":
                subject = subject.untrained()
            tokens = [one.token for one in sources if one.weights == source.weights]
            networks = {source.weights: _token_rows(subject, pixels, tokens)}
            order = {token: position for position, token in enumerate(tokens)}
        rows = networks[source.weights][:, :, order[source.token]]  # (n, heads, tokens)
        yield patch_grid(rows, prefix_tokens=spec.prefix_tokens, rows=side, cols=side)


def _token_rows(
    subject: "Subject", pixels: npt.NDArray[np.uint8], tokens: Sequence[str]
) -> npt.NDArray[np.float32]:
    """The last block's rows of attention, (n, heads, query tokens, tokens)."""
    from ipvit.attention.capture import AttentionCapture
    from ipvit.models.input_size import input_size

    module, spec = subject.module, subject.spec
    last = spec.depth - 1
    side_px = pixels.shape[-1]
    # The pace counts images of the usual size.
    per_pass = max(1, PASS_IMAGES * spec.input_px**2 // side_px**2)

    def attend(images: "Tensor") -> "Tensor":
        with AttentionCapture(module, layers=[last], queries=tokens) as seen:
            module(images)
        return seen.maps[last]

    with input_size(module, side_px):
        parts = [
            subject.run(subject.to_device(pixels[start : start + per_pass]), attend)
            for start in range(0, len(pixels), per_pass)
        ]
    return np.concatenate(parts)


def rows(sums: Arrays, _images: int, params: SegmentationParams, spec: ModelSpec) -> Sequence[Row]:
    """Both indices of each condition, in %, over the images that show an object."""
    images = int(sums["images"])
    if images == 0:
        return []
    return [
        mean_row(
            condition.values,
            metric,
            100 * from_fixed_point(sums["scores"][which, index]),
            100**2 * from_fixed_point(sums["squares"][which, index]),
            images,
        )
        for which, metric in enumerate(METRICS)
        for index, condition in enumerate(conditions(params, spec))
    ]


SPEC = Experiment(
    name="segmentation",
    title="Segmentation by attention",
    paper="Naseer et al. 2021, §3.2, Table 4",
    summary="The patches that hold most of a token's attention in the last block are taken for the "
    "foreground and compared with the true masks. No network here was ever shown a mask.",
    look_for="A shape token, or training on stylised images, draws attention to objects. Compare "
    "with random weights, and note how far the best head, chosen with the truth in hand, lies "
    "above the fixed one.",
    parameters=SegmentationParams,
    needs=frozenset({"masks"}),
    metrics={
        "jaccard_best": "Jaccard index of the best head for each object class (%), mean over "
        "classes, then over images. An upper bound: the head is chosen with the ground truth.",
        "jaccard_fixed": "Jaccard index of the model's fixed head (%), mean over object classes, "
        "then over images.",
    },
    plot=Plot(
        kind="line",
        x="threshold",
        x_label="share of attention mass",
        y_label="Jaccard index (%)",
        metric="jaccard_best",
        series=("weights", "token"),
    ),
    supports=supports,
    conditions=conditions,
    forwards=forwards,
    preprocessings=preprocessings,
    evaluate=evaluate,
    rows=rows,
)
