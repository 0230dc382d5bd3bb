"""What every experiment owes the form, the command line and the documentation."""

import json

import pytest

from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.experiment import Experiment
from ipvit.models.specs import MODELS

every_experiment = pytest.mark.parametrize("experiment", EXPERIMENTS.values(), ids=EXPERIMENTS)


def test_all_the_experiments_of_the_product_are_there() -> None:
    assert set(EXPERIMENTS) == {
        "patch-drop",
        "patch-shuffle",
        "feature-drop",
        "placement",
        "segmentation",
        "block-accuracy",
        "token-correlation",
        "attention-average",
    }


@every_experiment
def test_every_parameter_has_a_default_and_says_what_it_is(experiment: Experiment) -> None:
    schema = experiment.parameters.model_json_schema()
    for name, field in schema["properties"].items():
        assert len(field.get("description", "")) > 10, name
        assert "default" in field, name
    assert not schema.get("required")
    json.dumps(schema)


@every_experiment
def test_the_defaults_survive_a_message(experiment: Experiment) -> None:
    params = experiment.parameters()
    assert experiment.parameters.model_validate(params.model_dump(mode="json")) == params


@every_experiment
def test_the_texts_are_there(experiment: Experiment) -> None:
    for text in (experiment.summary, experiment.look_for):
        assert text.count(". ") + 1 >= 2
        assert text.endswith(".")
    assert "2021" in experiment.paper
    assert experiment.plot.metric in experiment.metrics


@every_experiment
def test_the_defaults_fit_every_model_that_takes_part(experiment: Experiment) -> None:
    params = experiment.parameters()
    taking_part = [spec for spec in MODELS.values() if experiment.supports(spec) is None]
    assert any(spec.name.startswith("pocket_") for spec in taking_part)
    for spec in taking_part:
        conditions = experiment.conditions(params, spec)
        names = [condition.name for condition in conditions]
        assert names
        assert len(set(names)) == len(names)
        assert experiment.forwards(params, spec) >= 1
        assert experiment.preprocessings(params, spec, None)
        columns = {name for condition in conditions for name in condition.values}
        assert set(experiment.plot.series) <= columns
        assert experiment.plot.x in columns


@every_experiment
def test_who_cannot_take_part_is_told_why(experiment: Experiment) -> None:
    for spec in MODELS.values():
        assert experiment.supports(spec) is None or len(str(experiment.supports(spec))) > 5
