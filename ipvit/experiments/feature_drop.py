"""Accuracy when part of the features inside a network is lost (Naseer et al. 2021, App. C).

At the input of a vision transformer's block ⌊rate · tokens⌋ of the patch tokens are set to zero,
where the tokens count the class token, which itself is never dropped. In a convolutional network
it is ⌊rate · H · W⌋ positions, in all channels, of the map that enters a layer or, as the last
site, the pooling. The pocket CNN's three stages stand for ResNet50's four layers; its fourth site
is the map before the pooling, which takes the maximum where ResNet50's takes the mean. Blocks
count from 0 and layers from 1, as in the paper's tables.

Deviations: the original draws one mask for each batch; run r of ours draws for each image, from
seed + r, its path and the site, one order for all rates. In convolutional networks the original
keeps each position with probability 1 - rate; ours drops an exact count.
"""

from collections.abc import Sequence
from typing import Annotated

import numpy as np
import numpy.typing as npt
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
from ipvit.perturbations.feature_drop import Site
from ipvit.preprocessing import Preprocessing

__all__ = ["SPEC", "FeatureDropParams", "sites"]

RESNET_LAYERS, POCKET_CNN_LAYERS = 5, 4

Block = Annotated[int, Field(ge=0)]
Layer = Annotated[int, Field(ge=1)]
Share = Annotated[float, Field(ge=0, le=1)]


class FeatureDropParams(ExperimentParams):
    """Where, and how much."""

    blocks: Annotated[tuple[Block, ...], AfterValidator(check_each_once)] = Field(
        (1, 3, 5, 7, 9, 11),
        min_length=1,
        description="Vision transformers: blocks, counted from 0, at whose input patch tokens are "
        "dropped; a model is tested at those it has.",
    )
    layers: Annotated[tuple[Layer, ...], AfterValidator(check_each_once)] = Field(
        (1, 2, 3, 4, 5),
        min_length=1,
        description="Convolutional networks: layers, counted from 1, into which a map with dropped "
        "positions goes; the one after the last is the pooling.",
    )
    rates: Annotated[tuple[Share, ...], AfterValidator(check_each_once)] = Field(
        (0.0, 0.25, 0.5, 0.75),
        min_length=1,
        description="Shares of the tokens or positions that are dropped, from 0 to 1.",
    )
    runs: int = Field(1, ge=1, le=100, description="Draws of random features (runs).")


def supports(spec: ModelSpec) -> str | None:
    """None for vision transformers, ResNets and the pocket CNN with a classifier."""
    if not spec.has_attention and _layer_count(spec) == 0:
        return "it has neither a vision transformer's blocks nor a ResNet's layers"
    return needs_classifier(spec)


def _layer_count(spec: ModelSpec) -> int:
    """Sites of a convolutional network, the one before the pooling included; 0 for others."""
    library, _, name = spec.architecture.partition(":")
    if spec.architecture == "ipvit:pocket_cnn":
        return POCKET_CNN_LAYERS
    return RESNET_LAYERS if library in ("torchvision", "timm") and name.startswith("resnet") else 0


def sites(params: FeatureDropParams, spec: ModelSpec) -> list[Site]:
    """Where the model is tested, each site once.

    Raises InvalidInput (field "params.blocks" or "params.layers") if it has none of those asked.
    """
    if spec.has_attention:
        found = [Site("block", block) for block in params.blocks if block < spec.depth]
        field, expected = "params.blocks", f"a block from 0 to {spec.depth - 1}"
    else:
        last = _layer_count(spec)
        found = [Site("layer", layer) for layer in params.layers if layer <= last]
        field, expected = "params.layers", f"a layer from 1 to {last}"
    if not found:
        asked = params.blocks if spec.has_attention else params.layers
        raise InvalidInput(f"expected {expected} of {spec.name}, got {list(asked)}", field=field)
    return list(dict.fromkeys(found))


def _tested(params: FeatureDropParams, spec: ModelSpec) -> list[tuple[Condition, Site, float]]:
    """Every site with every rate; nothing is drawn where nothing is dropped."""
    return [
        (
            Condition(
                f"{site}/{rate}", {"site": str(site), "rate": rate}, params.runs if rate else 1
            ),
            site,
            rate,
        )
        for site in sites(params, spec)
        for rate in dict.fromkeys(params.rates)
    ]


def conditions(params: FeatureDropParams, spec: ModelSpec) -> list[Condition]:
    """Every site with every rate."""
    return [condition for condition, *_ in _tested(params, spec)]


def forwards(params: FeatureDropParams, spec: ModelSpec) -> int:
    """One for each draw; the clean pass is made once for all sites."""
    rates = set(params.rates)
    drawn = len(rates - {0.0}) * params.runs * len(sites(params, spec))
    return drawn + (0.0 in rates)


def preprocessings(
    _params: FeatureDropParams, spec: ModelSpec, _saliency: ModelSpec | None
) -> tuple[Preprocessing, ...]:
    """The model's own input."""
    return (spec.preprocessing,)


def evaluate(batch: ImageBatch, params: FeatureDropParams, evaluation: Evaluation) -> Partial:
    """Right answers under each condition."""
    from ipvit.perturbations.feature_hook import FeatureDrop

    subject = evaluation.subject
    images = subject.to_device(batch.pixels(evaluation.spec.preprocessing))
    tested = _tested(params, evaluation.spec)
    tally = Tally([condition for condition, *_ in tested], batch.labels)
    clean: npt.NDArray[np.float32] | None = None
    for index, (condition, site, rate) in enumerate(tested):
        if rate == 0:
            clean = subject.run(images, subject.module) if clean is None else clean
            tally.count(index, 0, clean)
            continue
        for run in range(condition.runs):
            seed = evaluation.seed + run
            with FeatureDrop(subject.module, site, rate, seed=seed, keys=batch.paths):
                tally.count(index, run, subject.run(images, subject.module))
    return Partial(len(batch.paths), tally.sums)


def rows(sums: Arrays, images: int, params: FeatureDropParams, spec: ModelSpec) -> Sequence[Row]:
    """The accuracies of each condition."""
    return accuracy_rows(conditions(params, spec), sums, images, spec)


SPEC = Experiment(
    name="feature-drop",
    title="Feature drop",
    paper="Naseer et al. 2021, App. C",
    summary="Part of the patch tokens that enter a block, or of the positions in a layer's feature "
    "map, is set to zero. The rest of the network has to do with what is left.",
    look_for="Vision transformers survive such a lesion at any depth, if not equally well. A "
    "convolutional network is ruined by one in its first layers and hardly notices one in its "
    "last.",
    parameters=FeatureDropParams,
    needs=frozenset({"labels"}),
    metrics=ACCURACY_METRICS,
    plot=Plot(
        kind="line",
        x="rate",
        x_label="share of features dropped",
        y_label="top-1 accuracy (%)",
        metric="top1",
        series=("site",),
    ),
    supports=supports,
    conditions=conditions,
    forwards=forwards,
    preprocessings=preprocessings,
    evaluate=evaluate,
    rows=rows,
)
