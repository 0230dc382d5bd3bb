"""Do the final features survive occlusion? (Naseer et al. 2021, §3.1, Table 1 and Fig. 5).

u is the final class token of an image (convolutional networks: the features before the logits), v
that of the image under random PatchDrop. Each feature is standardised with its mean and standard
deviation over the data set, u by those of the clean images and v by those of its condition, and
corr(u, v) = Σ û v̂ / n over the images: a coefficient for each feature, whose mean is reported.

The paper does not say over what the ± of its Table 1 goes; here "deviation" is over features. Its
values for DeiT-B grow with the ratio (0.06, 0.10, 0.15) and ResNet50's shrink, as this does with
the pocket models; over images both are several times as large. Features that never vary are left
out.

Superclasses: a network of ImageNet's classes is reported for twelve of them
(`ipvit.experiments.superclasses`), one of at most 50 classes for each of its classes: the mean
over a group's images of û v̂, standardised by the whole data set. The paper's Fig. 5 averages over
the classes of a superclass, which is the same where classes have equally many images.

Deviation: masks are drawn for each image; of one seed they are nested
(`ipvit.perturbations.patch_drop`).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field

from ipvit.errors import InvalidInput
from ipvit.experiments.correlation import Correlation, FeatureSums, PairSums, correlate
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
from ipvit.experiments.superclasses import IMAGENET_SUPERCLASSES
from ipvit.grid import Grid
from ipvit.models.model_spec import ModelSpec
from ipvit.models.specs import labels_of
from ipvit.perturbations.patch_drop import drop_count, drop_patches, random_drop_mask
from ipvit.preprocessing import Preprocessing

__all__ = ["SPEC", "TokenCorrelationParams"]

MAX_CLASSES = 50
"""A network of more classes, unless ImageNet's, is not reported by class."""

Share = Annotated[float, Field(ge=0, le=1)]


def _check_grid(grid: str) -> str:
    return check_grids((grid,))[0]


class TokenCorrelationParams(ExperimentParams):
    """How images are occluded."""

    ratios: Annotated[tuple[Share, ...], AfterValidator(check_each_once)] = Field(
        (0.25, 0.5, 0.75),
        min_length=1,
        max_length=20,
        description="Shares (0 to 1) of the patches that are dropped.",
    )
    grid: Annotated[str, AfterValidator(_check_grid)] = Field(
        MODEL_GRID,
        description="Grid of cells, rows x columns such as 14x14; `model` is each model's own "
        "patches.",
    )
    runs: int = Field(1, ge=1, le=10, description="Draws of random masks (runs).")
    by_class: bool = Field(
        True,
        description="Whether ImageNet's superclasses, or the classes of a model of few, are "
        "reported too.",
    )


def supports(spec: ModelSpec) -> str | None:
    """None for transformers with a class token and networks with a linear classifier."""
    if spec.num_classes == 0:
        return "it has no classes to report by"
    if "squeezenet" in spec.architecture:
        return "its classifier is a convolution: there are no features before the logits"
    return None


def _grid(params: TokenCorrelationParams, spec: ModelSpec) -> tuple[Grid, int]:
    """The grid, and the side (px) at the top left of the input that it is laid over."""
    try:
        (chosen,) = choose_grids((params.grid,), spec).items()
    except InvalidInput as error:
        error.field = "params.grid"
        raise
    return chosen


def conditions(params: TokenCorrelationParams, spec: ModelSpec) -> list[Condition]:
    """Every ratio; raises InvalidGrid (field "params.grid") if the grid does not fit the model."""
    grid, _ = _grid(params, spec)
    return [
        Condition(
            f"{grid}/{ratio:g}",
            {"ratio": ratio, "grid": str(grid)},
            params.runs if 0 < drop_count(ratio, grid.cells) < grid.cells else 1,
        )
        for ratio in params.ratios
    ]


def forwards(params: TokenCorrelationParams, spec: ModelSpec) -> int:
    """The clean image, and one for each ratio and run."""
    return 1 + sum(condition.runs for condition in conditions(params, spec))


def preprocessings(
    _params: TokenCorrelationParams, spec: ModelSpec, _saliency: ModelSpec | None
) -> tuple[Preprocessing, ...]:
    """The model's own input."""
    return (spec.preprocessing,)


def evaluate(batch: ImageBatch, params: TokenCorrelationParams, evaluation: Evaluation) -> Partial:
    """Sums of features and of their products, by group of classes."""
    spec = evaluation.spec
    pixels = batch.pixels(spec.preprocessing)
    grid, area_px = _grid(params, spec)
    groups, count = _group_of_images(batch.labels, params, spec), len(_groups(params, spec)) + 1
    clean = _features(pixels, evaluation)
    first = FeatureSums.of(clean, groups, count)
    sums: dict[str, npt.NDArray[Any]] = {
        "images": np.bincount(groups, minlength=count).astype(np.int64),
        "clean": first.total,
        "clean_squares": first.squares,
    }
    for condition in conditions(params, spec):
        ratio = float(condition.values["ratio"])
        for run in range(condition.runs):
            seed = evaluation.seed + run
            masks = np.stack(
                [random_drop_mask(grid, ratio, seed=seed, key=path) for path in batch.paths]
            )
            occluded = pixels.copy()
            seen = occluded[..., :area_px, :area_px]
            seen[...] = drop_patches(seen, masks)
            pair = PairSums.of(clean, _features(occluded, evaluation), groups, count)
            key = f"{condition.name}/{run}"
            sums[key] = pair.second.total
            sums[f"{key}/squares"] = pair.second.squares
            sums[f"{key}/products"] = pair.products
    return Partial(len(batch.paths), sums)


def _groups(params: TokenCorrelationParams, spec: ModelSpec) -> Mapping[str, tuple[int, ...]]:
    """The class indices of each group that is reported, by its name."""
    if not params.by_class:
        return {}
    if spec.labels == "imagenet":
        return {one.name: one.classes for one in IMAGENET_SUPERCLASSES}
    if spec.num_classes <= MAX_CLASSES:
        return {name: (index,) for index, name in enumerate(labels_of(spec))}
    return {}


def _group_of_images(
    labels: npt.NDArray[np.int64], params: TokenCorrelationParams, spec: ModelSpec
) -> npt.NDArray[np.int64]:
    """Each image's group; those of none share the one after the last."""
    groups = _groups(params, spec)
    # One more class, for images without a label: index -1 is the last.
    of_class = np.full(spec.num_classes + 1, len(groups), dtype=np.int64)
    for group, classes in enumerate(groups.values()):
        of_class[list(classes)] = group
    return of_class[labels]


def _features(pixels: npt.NDArray[np.uint8], evaluation: Evaluation) -> npt.NDArray[np.float32]:
    from torch import Tensor

    from ipvit.models.final_features import FinalFeatures

    subject = evaluation.subject
    token = 0 if evaluation.spec.has_attention else None

    def forward(images: Tensor) -> Tensor:
        with FinalFeatures(subject.module, token=token) as seen:
            subject.module(images)
        return seen.features

    return subject.run(subject.to_device(pixels), forward)


def rows(
    sums: Arrays, _images: int, params: TokenCorrelationParams, spec: ModelSpec
) -> Sequence[Row]:
    """Mean, deviation and groups of each condition; none where no feature varies."""
    groups = tuple(_groups(params, spec))
    overall: list[Row] = []
    by_group: list[Row] = []
    for condition in conditions(params, spec):
        found = [_correlation(sums, f"{condition.name}/{run}") for run in range(condition.runs)]
        runs = [one for one in found if one is not None]
        if len(runs) == condition.runs:
            overall += _overall(condition, runs, int(sums["images"].sum()))
            by_group += _by_group(condition, runs, sums["images"], groups)
    return [*overall, *by_group]


def _correlation(sums: Arrays, key: str) -> Correlation | None:
    second = FeatureSums(sums[key], sums[f"{key}/squares"])
    return correlate(
        sums["images"],
        FeatureSums(sums["clean"], sums["clean_squares"]),
        PairSums(second, sums[f"{key}/products"]),
    )


def _overall(condition: Condition, runs: Sequence[Correlation], images: int) -> list[Row]:
    means = np.array([one.per_feature.mean() for one in runs])
    deviation = float(np.mean([one.per_feature.std() for one in runs]))
    error = float(means.std(ddof=1)) / math.sqrt(len(runs)) if len(runs) > 1 else None
    return [
        Row(
            condition.values,
            "correlation",
            float(means.mean()),
            images,
            runs=len(runs),
            standard_error=error,
        ),
        Row(condition.values, "deviation", deviation, images, runs=len(runs)),
    ]


def _by_group(
    condition: Condition,
    runs: Sequence[Correlation],
    images: npt.NDArray[np.int64],
    groups: Sequence[str],
) -> list[Row]:
    values = np.mean([one.per_group for one in runs], axis=0)
    return [
        Row(
            {**condition.values, "class": name},
            "class_correlation",
            float(values[group]),
            int(images[group]),
            runs=len(runs),
        )
        for group, name in enumerate(groups)
        if images[group]
    ]


SPEC = Experiment(
    name="token-correlation",
    title="Features under occlusion",
    paper="Naseer et al. 2021, §3.1, Table 1 and Fig. 5",
    summary="The final class token of an image is compared with that of the same image under "
    "random PatchDrop, feature by feature. A convolutional network is judged by the features "
    "before its logits.",
    look_for="A transformer's token hardly changes when half the image is gone, a ResNet's "
    "features become others. See whether that holds for all kinds of objects alike.",
    parameters=TokenCorrelationParams,
    needs=frozenset({"labels"}),
    metrics={
        "correlation": "Correlation of clean and occluded features over the data set, mean over "
        "features (1 is equal, 0 unrelated).",
        "deviation": "Standard deviation of the correlation over features.",
        "class_correlation": "What the images of one (super)class contribute to the correlation, "
        "mean over images and features; it may exceed 1.",
    },
    plot=Plot(
        kind="line",
        x="ratio",
        x_label="share of patches dropped",
        y_label="correlation",
        metric="correlation",
        series=("grid",),
    ),
    supports=supports,
    conditions=conditions,
    forwards=forwards,
    preprocessings=preprocessings,
    evaluate=evaluate,
    rows=rows,
)
