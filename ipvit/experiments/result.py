"""The record of an evaluation: numbers, and everything needed to get them again.

One JSON object, the same from the command line and from jobs on any number of workers.
"""

import math
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from ipvit import __version__
from ipvit.datasets.dataset import Dataset
from ipvit.experiments.experiment import Arrays, Experiment, ExperimentParams, Row
from ipvit.experiments.paper_values import paper_value
from ipvit.experiments.parameters import format_assignments
from ipvit.models.model_spec import ModelSpec

__all__ = ["FORMAT", "DatasetRecord", "ModelRecord", "build_result", "command_line", "model_rows"]

FORMAT = 1
"""Grows when a field changes its meaning or goes."""

PACKAGES = ("torch", "timm", "numpy", "pillow")

Json = dict[str, Any]


@dataclass(frozen=True)
class DatasetRecord:
    """Which images: the fingerprint is of their paths and contents."""

    name: str
    kind: str
    fingerprint: str
    images: int
    classes: int

    @classmethod
    def of(cls, dataset: Dataset) -> "DatasetRecord":
        """The record of a data set."""
        return cls(
            name=dataset.name,
            kind=dataset.kind,
            fingerprint=dataset.fingerprint,
            images=len(dataset),
            classes=len(dataset.classes),
        )


@dataclass(frozen=True, eq=False)
class ModelRecord:
    """What one model did.

    images: evaluated, those that could not be decoded left out. seconds: of computing, all
    workers together. sums: of all partials; see `Partial`.
    """

    spec: ModelSpec
    weights_sha256: str
    precision: str
    device: str
    images: int
    seconds: float
    sums: Arrays


def model_rows(experiment: Experiment, params: ExperimentParams, record: ModelRecord) -> list[Json]:
    """The rows of one model, JSON-able; none if it has evaluated no image."""
    if record.images == 0:
        return []
    rows = experiment.rows(record.sums, record.images, params, record.spec)
    return [_row(experiment, record.spec, row) for row in rows]


def _row(experiment: Experiment, spec: ModelSpec, row: Row) -> Json:
    paper = row.paper or paper_value(experiment.name, spec.name, row.condition, row.metric)
    return {
        "model": spec.name,
        "condition": dict(row.condition),
        "metric": row.metric,
        "value": _number(row.value),
        "standard_error": _number(row.standard_error),
        "low95": _number(row.low95),
        "high95": _number(row.high95),
        "images": row.images,
        "runs": row.runs,
        "paper": None if paper is None else asdict(paper),
    }


def _number(value: float | None) -> float | None:
    """None for what is no number: JSON knows no NaN, and browsers refuse to read it."""
    return None if value is None or not math.isfinite(value) else value


def build_result(
    experiment: Experiment,
    params: ExperimentParams,
    *,
    seed: int,
    dataset: DatasetRecord,
    models: Sequence[ModelRecord],
    failed: Sequence[Mapping[str, str]],
    seconds: float,
    created_at: datetime | None = None,
    versions: Mapping[str, str] | None = None,
    data: str | None = None,
) -> Json:
    """The result, JSON-able.

    failed: images that could not be decoded, {"path", "error"}, each once. seconds: wall time.
    created_at: None is now. versions: of the packages that computed; None is this process's.
    data: the data set as the command names it; None is its name.
    """
    created = created_at or datetime.now(UTC)
    return {
        "format": FORMAT,
        "experiment": experiment.name,
        "title": experiment.title,
        "paper": experiment.paper,
        "params": params.model_dump(mode="json"),
        "seed": seed,
        "dataset": asdict(dataset),
        "models": [_model(experiment, params, record) for record in models],
        "versions": dict(versions or package_versions()),
        "rows": [row for record in models for row in model_rows(experiment, params, record)],
        "failed": _distinct(failed),
        "plot": asdict(experiment.plot),
        "metrics": dict(experiment.metrics),
        "command": command_line(
            experiment,
            params,
            models=[record.spec.name for record in models],
            dataset=data or dataset.name,
            seed=seed,
            precision=models[0].precision if models else "auto",
        ),
        "created_at": created.astimezone(UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
    }


def _model(experiment: Experiment, params: ExperimentParams, record: ModelRecord) -> Json:
    # What the experiment reads, which is not always the model's usual input.
    views = experiment.preprocessings(params, record.spec, None)
    return {
        "name": record.spec.name,
        "title": record.spec.title,
        "weights_sha256": record.weights_sha256,
        "preprocessing": "; ".join(view.describe() for view in views),
        "precision": record.precision,
        "device": record.device,
        "images": record.images,
        "seconds": round(record.seconds, 3),
    }


def _distinct(failed: Sequence[Mapping[str, str]]) -> list[Json]:
    """Every model fails at the same images: each path once, in order of paths."""
    by_path = {entry["path"]: dict(entry) for entry in reversed(failed)}
    return [by_path[path] for path in sorted(by_path)]


def package_versions() -> dict[str, str]:
    """Versions that numbers may depend on."""
    return {
        "python": platform.python_version(),
        **{name: version(name) for name in PACKAGES},
        "ipvit": __version__,
    }


def command_line(
    experiment: Experiment,
    params: ExperimentParams,
    *,
    models: Sequence[str],
    dataset: str,
    seed: int,
    precision: str,
) -> str:
    """The command that computes the same numbers."""
    words = ["ipvit", "evaluate", experiment.name]
    for model in models:
        words += ["--model", model]
    words += ["--data", dataset]
    for assignment in format_assignments(params):
        words += ["--param", assignment]
    return shlex.join([*words, "--seed", str(seed), "--precision", precision])
