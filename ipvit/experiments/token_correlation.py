"""Do the final features survive occlusion? (Naseer et al. 2021, §3.1, Table 1 and Fig. 5).

u is the final class token of an image (convolutional networks: the features before the logits), v
that of the image under random PatchDrop. Each feature is standardised with its mean and standard
deviation over the data set, u's by the clean images and v's by those of its condition, and the
correlation of an image is the mean over features of the product: corr(u, v) = Σ û v̂ / n. The mean
over images is also the mean over features of Pearson's correlation over the data set.

The paper does not say over what its ± goes: "deviation" is over images, as its caption ("averaged
across the validation set") suggests; "feature_deviation" over features, which are Pearson's
coefficients. Features that never vary are left out.

Superclasses: a network of ImageNet's classes is reported for twelve of them
(`ipvit.experiments.superclasses`), one of at most 50 classes for each of its classes. As in Fig. 5
the figure is the mean over the images of a class, then over the classes.

Masks are drawn for each image; of one seed they are nested (`ipvit.perturbations.patch_drop`).
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
from pydantic import AfterValidator, Field

from ipvit.errors import InvalidInput
from ipvit.experiments.correlation import Correlation, Pair, correlate
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
    Stacks,
)
from ipvit.experiments.grid_choice import MODEL_GRID, check_each_once, check_grids, choose_grids
from ipvit.experiments.statistics import mean_row
from ipvit.experiments.superclasses import IMAGENET_SUPERCLASSES
from ipvit.grid import Grid
from ipvit.models.model_spec import ModelSpec
from ipvit.models.specs import labels_of
from ipvit.perturbations.patch_drop import drop_patches, random_drop_mask
from ipvit.preprocessing import Preprocessing

__all__ = ["SPEC", "TokenCorrelationParams"]

MAX_CLASSES = 50
"""A network of more classes, unless ImageNet's, is not reported by class."""
CLEAN, LABELS = "clean", "labels"

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
        Condition(f"{grid}/{ratio:g}", {"ratio": ratio, "grid": str(grid)}, params.runs)
        for ratio in dict.fromkeys(params.ratios)
    ]


def forwards(params: TokenCorrelationParams, _spec: ModelSpec) -> int:
    """The clean image, and one for each ratio and run."""
    return 1 + len(set(params.ratios)) * params.runs


def preprocessings(
    _params: TokenCorrelationParams, spec: ModelSpec, _saliency: ModelSpec | None
) -> tuple[Preprocessing, ...]:
    """The model's own input."""
    return (spec.preprocessing,)


def evaluate(batch: ImageBatch, params: TokenCorrelationParams, evaluation: Evaluation) -> Partial:
    """Each image's features, clean and under each condition and run: (n, features) float32."""
    pixels = batch.pixels(evaluation.spec.preprocessing)
    grid, area_px = _grid(params, evaluation.spec)
    stacks: dict[str, npt.NDArray[Any]] = {
        LABELS: batch.labels,
        CLEAN: _features(pixels, evaluation),
    }
    for condition in conditions(params, evaluation.spec):
        ratio = float(condition.values["ratio"])
        for run in range(params.runs):
            seed = evaluation.seed + run
            masks = np.stack(
                [random_drop_mask(grid, ratio, seed=seed, key=path) for path in batch.paths]
            )
            occluded = pixels.copy()
            seen = occluded[..., :area_px, :area_px]
            seen[...] = drop_patches(seen, masks)
            stacks[f"{condition.name}/{run}"] = _features(occluded, evaluation)
    return Partial(len(batch.paths), {}, stacks)


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
    _sums: Arrays, stacks: Stacks, _images: int, params: TokenCorrelationParams, spec: ModelSpec
) -> Sequence[Row]:
    """Mean, deviations and classes of each condition; none where no feature varies."""
    labels = np.concatenate([arrays[LABELS] for arrays in stacks()])
    groups = _groups(spec) if params.by_class else {}
    overall: list[Row] = []
    by_class: list[Row] = []
    for condition in conditions(params, spec):
        found = [_correlation(stacks, f"{condition.name}/{run}") for run in range(params.runs)]
        runs = [one for one in found if one is not None]
        if len(runs) < params.runs:
            continue
        overall += _overall(condition, runs)
        # (images,), the mean over runs
        per_image = np.mean([one.per_image for one in runs], axis=0)
        by_class += _by_class(condition, per_image, labels, groups)
    return [*overall, *by_class]


def _correlation(stacks: Stacks, name: str) -> Correlation | None:
    def pairs() -> Iterator[Pair]:
        for arrays in stacks():
            yield arrays[CLEAN], arrays[name]

    return correlate(pairs)


def _overall(condition: Condition, runs: Sequence[Correlation]) -> list[Row]:
    per_image = np.mean([one.per_image for one in runs], axis=0)
    images = len(per_image)
    means = np.array([one.per_image.mean() for one in runs])
    row = mean_row(
        condition.values,
        "correlation",
        float(per_image.sum()),
        float((per_image**2).sum()),
        images,
        runs=len(runs),
    )
    error = float(means.std(ddof=1)) / math.sqrt(len(runs)) if len(runs) > 1 else None
    deviations = {
        "deviation": np.mean([one.per_image.std() for one in runs]),
        "feature_deviation": np.mean([one.per_feature.std() for one in runs]),
    }
    return [
        replace(row, standard_error=error),
        *(
            Row(condition.values, metric, float(value), images, runs=len(runs))
            for metric, value in deviations.items()
        ),
    ]


def _groups(spec: ModelSpec) -> Mapping[str, tuple[int, ...]]:
    """The class indices of each group that is reported, by its name."""
    if spec.labels == "imagenet":
        return {one.name: one.classes for one in IMAGENET_SUPERCLASSES}
    if spec.num_classes <= MAX_CLASSES:
        return {name: (index,) for index, name in enumerate(labels_of(spec))}
    return {}


def _by_class(
    condition: Condition,
    per_image: npt.NDArray[np.float64],
    labels: npt.NDArray[np.int64],
    groups: Mapping[str, tuple[int, ...]],
) -> Iterator[Row]:
    """The mean over images of a class, then over the classes of a group that have images."""
    for name, classes in groups.items():
        members = [per_image[labels == index] for index in classes]
        present = [values for values in members if len(values)]
        if present:
            yield Row(
                {**condition.values, "class": name},
                "class_correlation",
                float(np.mean([values.mean() for values in present])),
                sum(len(values) for values in present),
                runs=condition.runs,
            )


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
        "correlation": "Correlation of clean and occluded features, mean over images (1 is equal, "
        "0 unrelated).",
        "deviation": "Standard deviation of the correlation over images.",
        "feature_deviation": "Standard deviation over features of Pearson's correlation over the "
        "data set.",
        "class_correlation": "The correlation for one (super)class: mean over the images of each "
        "of its classes, then over classes.",
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
    incremental=False,
)
