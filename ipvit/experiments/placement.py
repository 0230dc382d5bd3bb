"""Accuracy where the object is small and in a corner (Naseer et al. 2021, App. F, Table 8).

The image is scaled to 128x128 px and put in a corner of a black 224x224 px image; models with
another input get the same share of it. Added here: the middle, and the whole image for comparison.

The paper does not say what of a photo the 128 px show; here it is the region that the model sees
of the whole photo (shorter side resized to 146 px, then the central 128 px).
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ipvit.errors import InvalidInput
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
from ipvit.experiments.grid_choice import check_each_once
from ipvit.models.model_spec import ModelSpec
from ipvit.perturbations.placement import place_images
from ipvit.preprocessing import Preprocessing

__all__ = ["SPEC", "PlacementParams"]

WHOLE = "whole"
PAPER_SIZE_PX, PAPER_INPUT_PX = 128, 224

Corner = Literal["top-right", "top-left", "bottom-right", "bottom-left", "centre", "whole"]


class PlacementParams(ExperimentParams):
    """Where the scaled image is put."""

    corners: Annotated[tuple[Corner, ...], AfterValidator(check_each_once)] = Field(
        ("top-right", "top-left", "bottom-right", "bottom-left", "whole"),
        min_length=1,
        description="Where the scaled image is put; `whole` is the image as the model usually "
        "sees it, not scaled down.",
    )
    size_px: int | None = Field(
        None,
        ge=1,
        description="Side of the scaled image (px of the model's input); unset: 4/7 of the input, "
        "which is the paper's 128 of 224 px.",
    )


def _size_px(params: PlacementParams, spec: ModelSpec) -> int:
    if params.size_px is None:
        return max(1, round(spec.input_px * PAPER_SIZE_PX / PAPER_INPUT_PX))
    if params.size_px > spec.input_px:
        raise InvalidInput(
            f"expected a size from 1 to {spec.input_px} px, the input of {spec.name}, "
            f"got {params.size_px}",
            field="params.size_px",
        )
    return params.size_px


def _scaled(params: PlacementParams, spec: ModelSpec) -> Preprocessing:
    """The region that the model sees, smaller."""
    size_px, whole = _size_px(params, spec), spec.preprocessing
    resize_px = round(size_px * whole.resize_px / whole.crop_px)
    return replace(whole, resize_px=resize_px, crop_px=size_px)


def conditions(params: PlacementParams, spec: ModelSpec) -> Sequence[Condition]:
    """Every corner; raises InvalidInput for a size larger than the model's input."""
    size_px = _size_px(params, spec)
    return [
        Condition(
            name=corner,
            values={"corner": corner, "size_px": spec.input_px if corner == WHOLE else size_px},
        )
        for corner in params.corners
    ]


def forwards(params: PlacementParams, _spec: ModelSpec) -> int:
    """One pass a corner."""
    return len(params.corners)


def preprocessings(
    params: PlacementParams, spec: ModelSpec, _saliency: ModelSpec | None
) -> Sequence[Preprocessing]:
    """The scaled image, and the whole one where it is asked for."""
    views = [spec.preprocessing] if WHOLE in params.corners else []
    if set(params.corners) != {WHOLE}:
        views.append(_scaled(params, spec))
    return tuple(dict.fromkeys(views))


def evaluate(batch: ImageBatch, params: PlacementParams, evaluation: Evaluation) -> Partial:
    """Right answers of a batch, by corner."""
    subject, spec = evaluation.subject, evaluation.spec
    tally = Tally(conditions(params, spec), batch.labels)
    for index, corner in enumerate(params.corners):
        if corner == WHOLE:
            images = batch.pixels(spec.preprocessing)
        else:
            images = place_images(batch.pixels(_scaled(params, spec)), spec.input_px, corner)
        tally.count(index, 0, subject.logits(subject.to_device(images)))
    return Partial(images=len(batch.paths), sums=tally.sums)


def rows(sums: Arrays, images: int, params: PlacementParams, spec: ModelSpec) -> Sequence[Row]:
    """Accuracy for every corner."""
    return accuracy_rows(conditions(params, spec), sums, images, spec)


SPEC = Experiment(
    name="placement",
    title="Small objects in corners",
    paper="Naseer et al. 2021, App. F, Table 8",
    summary="Scales every image down, puts it in a corner of a black one and counts how many are "
    "still recognised. Nothing is hidden, but the object is small and far from the middle.",
    look_for="Transformers keep most of their accuracy, ResNet50 next to none. Which corner it is "
    "hardly matters to any of them.",
    parameters=PlacementParams,
    needs=frozenset({"labels"}),
    metrics=ACCURACY_METRICS,
    plot=Plot(
        kind="bar",
        x="corner",
        x_label="where the image is",
        y_label="top-1 accuracy (%)",
        metric="top1",
    ),
    supports=needs_classifier,
    conditions=conditions,
    forwards=forwards,
    preprocessings=preprocessings,
    evaluate=evaluate,
    rows=rows,
)
