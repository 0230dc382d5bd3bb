"""`GET /experiments`: what can be measured over a data set."""

from dataclasses import asdict

from fastapi import APIRouter

from app.catalogue import Catalogue
from app.deps import ServicesDep
from app.schemas.jobs import ExperimentFacts, ExperimentList, ModelFit
from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.experiment import Experiment
from ipvit.models.specs import ModelSpec

router = APIRouter(tags=["evaluations"])


@router.get("/experiments", summary="List the experiments")
def experiments(services: ServicesDep) -> ExperimentList:
    """List every experiment, the JSON schema of its parameters, and which models can take part."""
    catalogue = services.catalogue
    return ExperimentList(
        experiments=[_facts(experiment, catalogue) for experiment in EXPERIMENTS.values()]
    )


def _facts(experiment: Experiment, catalogue: Catalogue) -> ExperimentFacts:
    return ExperimentFacts(
        name=experiment.name,
        title=experiment.title,
        paper=experiment.paper,
        summary=experiment.summary,
        look_for=experiment.look_for,
        needs=sorted(experiment.needs),
        metrics=dict(experiment.metrics),
        plot=asdict(experiment.plot),
        incremental=experiment.incremental,
        parameters=experiment.parameters.model_json_schema(),
        models=[_fit(experiment, spec, catalogue) for spec in catalogue.specs.values()],
    )


def _fit(experiment: Experiment, spec: ModelSpec, catalogue: Catalogue) -> ModelFit:
    ready = catalogue.is_ready(spec.name)
    why = experiment.supports(spec)
    if why is None and not ready and spec.pull_command:
        why = f"its weights are not on this machine; fetch them with: {spec.pull_command}"
    supported = experiment.supports(spec) is None
    return ModelFit(name=spec.name, ready=ready, supported=supported, why=why)
