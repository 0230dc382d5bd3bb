"""Check a submission before it becomes a job, so that what is accepted can run."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.catalogue import Catalogue
from app.schemas.jobs import JobSubmission
from app.settings import Settings
from ipvit.datasets.catalogue import DatasetCatalogue
from ipvit.errors import InvalidInput, UnknownName
from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.experiment import Experiment, ExperimentParams
from ipvit.experiments.local import check_fit
from ipvit.experiments.parameters import read_params
from ipvit.models.specs import ModelSpec
from jobs.planner import ModelLoad, guess_forwards_per_s
from jobs.records import DatasetFacts, JobRequest
from jobs.store import JobStore

__all__ = ["CheckedJob", "check_submission"]


@dataclass(frozen=True)
class CheckedJob:
    """A submission that can run, and how much each model has to do."""

    request: JobRequest
    loads: tuple[ModelLoad, ...]


def check_submission(
    submission: JobSubmission,
    *,
    settings: Settings,
    catalogue: Catalogue,
    datasets: DatasetCatalogue,
    store: JobStore,
) -> CheckedJob:
    """What to run.

    A saliency model that is not named becomes part of the parameters, so that all workers take
    the same. Raises UnknownName, InvalidInput and WeightsUnavailable, each with its field.
    """
    experiment = EXPERIMENTS[submission.experiment]
    specs = _specs(submission.models, catalogue)
    params, saliency = _params(submission.params, experiment, catalogue)
    dataset = datasets.open(submission.dataset)
    for spec in specs:
        check_fit(experiment, params, spec, saliency, dataset)
    request = JobRequest(
        experiment=experiment.name,
        models=tuple(submission.models),
        dataset=DatasetFacts(
            name=dataset.name,
            kind=dataset.kind,
            fingerprint=dataset.fingerprint,
            images=len(dataset),
            classes=len(dataset.classes),
        ),
        params=params.model_dump(mode="json"),
        seed=submission.seed,
    )
    loads = tuple(
        _load(spec, experiment.forwards(params, spec), settings.device, store) for spec in specs
    )
    return CheckedJob(request, loads)


def _specs(names: Sequence[str], catalogue: Catalogue) -> list[ModelSpec]:
    for name in names:
        if name not in catalogue.specs:
            raise UnknownName("model", name, catalogue.specs, field="models")
        if names.count(name) > 1:
            raise InvalidInput(f"expected each model once, got {name!r} again", field="models")
    catalogue.require_ready(names)
    return [catalogue.specs[name] for name in names]


def _params(
    values: dict[str, Any], experiment: Experiment, catalogue: Catalogue
) -> tuple[ExperimentParams, ModelSpec | None]:
    """The parameters, and the saliency model they need."""
    params = read_params(experiment, values)
    name = experiment.saliency_name(params, catalogue.default_saliency_model())
    if name is None:
        return params, None
    field = "params.saliency_model"
    if name not in catalogue.specs:
        raise UnknownName("model", name, catalogue.specs, field=field)
    spec = catalogue.specs[name]
    if not spec.has_attention:
        raise InvalidInput(f"expected a model with attention, got {name!r}", field=field)
    catalogue.require_ready([name])
    return params.model_copy(update={"saliency_model": name}), spec


def _load(spec: ModelSpec, forwards: int, device: str, store: JobStore) -> ModelLoad:
    measured = store.forwards_per_s(spec.name)
    speed = measured or guess_forwards_per_s(spec, device=device, cores=os.cpu_count() or 1)
    return ModelLoad(spec.name, max(1, forwards), speed, measured is not None)
