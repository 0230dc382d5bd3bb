import pytest

from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.paper_values import PAPER_ENTRIES, PaperEntry, paper_value
from ipvit.experiments.parameters import read_params
from ipvit.models.specs import MODELS

NOT_IN_REGISTRY = {"tnt_s", "t2t_24"}
ASKED = {
    "patch-drop": {"modes": ["random", "salient", "non_salient"]},
    "token-correlation": {"grid": "14x14"},
}
"""Parameters under which an experiment meets the paper's conditions, where not the default ones."""
DERIVED = {"cells"}
"""Columns that follow from others, which an entry need not name."""


@pytest.mark.parametrize("entry", PAPER_ENTRIES, ids=lambda e: f"{e.experiment}-{e.model}")
def test_an_entry_meets_one_condition_of_its_experiment(entry: PaperEntry) -> None:
    experiment = EXPERIMENTS[entry.experiment]
    assert entry.metric in experiment.metrics
    if entry.model in NOT_IN_REGISTRY:
        return
    spec = MODELS[entry.model]
    assert experiment.supports(spec) is None
    params = read_params(experiment, ASKED.get(entry.experiment, {}))
    met = [
        condition.values
        for condition in experiment.conditions(params, spec)
        if paper_value(entry.experiment, entry.model, condition.values, entry.metric)
        and all(condition.values[name] == value for name, value in entry.condition.items())
    ]
    assert len(met) == 1
    assert met[0].keys() - DERIVED == entry.condition.keys()


def test_no_row_has_two_values() -> None:
    keys = [
        (entry.experiment, entry.model, entry.metric, tuple(sorted(entry.condition.items())))
        for entry in PAPER_ENTRIES
    ]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize(
    ("experiment", "model", "condition", "metric", "value"),
    [
        ("feature-drop", "vit_l", {"site": "block 7", "rate": 0.75}, "top1", 53.42),
        ("feature-drop", "resnet50", {"site": "layer 3", "rate": 0.5}, "top1", 28.35),
        ("placement", "deit_s", {"corner": "bottom-left", "size_px": 128}, "top1", 62.79),
        (
            "segmentation",
            "deit_s_sin_dist",
            {"weights": "trained", "token": "shape", "threshold": 0.9},
            "jaccard_best",
            42.4,
        ),
        ("token-correlation", "deit_b", {"ratio": 0.5, "grid": "14x14"}, "deviation", 0.1),
        ("patch-shuffle", "deit_t_patch38", {"grid": "1x1", "cells": 1}, "top5", 78.8),
        ("block-accuracy", "deit_t_sin_dist", {"block": 11, "token": "shape"}, "top1", 63.4),
        (
            "patch-drop",
            "deit_b",
            {"mode": "random", "grid": "14x14", "offset_px": 0, "ratio": 0.9},
            "top1",
            37,
        ),
    ],
)
def test_values_are_the_papers(
    experiment: str, model: str, condition: dict[str, str | int | float], metric: str, value: float
) -> None:
    found = paper_value(experiment, model, condition, metric)
    assert found is not None
    assert found.value == value
    assert found.source.startswith("Naseer et al. 2021, ")


def test_another_condition_model_or_metric_has_none() -> None:
    condition = {"mode": "random", "grid": "14x14", "offset_px": 0, "ratio": 0.5}
    assert paper_value("patch-drop", "deit_s", condition, "top1") is not None
    for changed in ({"ratio": 0.51}, {"offset_px": 8}, {"grid": "7x7"}, {"mode": "salient"}):
        assert paper_value("patch-drop", "deit_s", condition | changed, "top1") is None
    assert paper_value("patch-drop", "deit_s", condition, "top5") is None
    assert paper_value("patch-drop", "pocket_deit", condition, "top1") is None
    assert paper_value("patch-drop", "deit_s", {"ratio": 0.5}, "top1") is None


def test_a_rate_that_rounding_moved_is_the_same() -> None:
    condition = {"site": "block 1", "rate": 0.25 + 1e-12}
    assert paper_value("feature-drop", "deit_b", condition, "top1") is not None
