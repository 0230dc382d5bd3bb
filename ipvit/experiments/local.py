"""Evaluate models on a data set in this process, from the first image to the result.

What the command line and the benchmarks run. Jobs do the same with ranges on several machines,
and get the same numbers.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipvit.datasets.dataset import Dataset
from ipvit.datasets.label_mapping import map_labels
from ipvit.errors import InvalidInput, UnknownName
from ipvit.experiments.evaluation import PixelSource, evaluate_range
from ipvit.experiments.experiment import Evaluation, Experiment, ExperimentParams
from ipvit.experiments.pace import Pace, SteadyPace
from ipvit.experiments.result import DatasetRecord, ModelRecord, build_result
from ipvit.models.model_spec import ModelSpec
from ipvit.models.weights_files import model_digest

if TYPE_CHECKING:
    from ipvit.experiments.subject import Subject

__all__ = ["LocalRun", "check_fit"]

OnProgress = Callable[[str, int], None]


def check_fit(
    experiment: Experiment,
    params: ExperimentParams,
    spec: ModelSpec,
    saliency: ModelSpec | None,
    dataset: Dataset,
) -> None:
    """Raise InvalidInput, with its field, if model, parameters and data set do not fit."""
    if why := experiment.supports(spec):
        raise InvalidInput(
            f"expected a model that {experiment.name} can evaluate, got {spec.name!r}: {why}",
            field="models",
        )
    if len(dataset) == 0:
        raise InvalidInput(f"expected images, data set {dataset.name!r} has none", field="dataset")
    for need, is_there in (("labels", dataset.has_labels), ("masks", dataset.has_masks)):
        if need in experiment.needs and not is_there:
            raise InvalidInput(
                f"expected a data set whose images all have {need}, as {experiment.name} needs, "
                f"got {dataset.name!r}, which lacks some",
                field="dataset",
            )
    experiment.conditions(params, spec)
    experiment.preprocessings(params, spec, saliency)
    if "labels" in experiment.needs:
        map_labels(dataset, spec)


@dataclass(frozen=True)
class LocalRun:
    """How to evaluate here.

    known: every model by name. saliency_model: where the parameters name none.
    batch_images: read, perturbed and passed through a network at a time.
    data: the data set as the user named it, for the command in the result.
    pace: None is `batch_images` for every forward pass.
    """

    known: Mapping[str, ModelSpec]
    cache_dir: Path
    precision: str = "auto"
    device: str = "cpu"
    batch_images: int = 64
    saliency_model: str | None = None
    pace: Pace | None = None

    def evaluate(
        self,
        experiment: Experiment,
        params: ExperimentParams,
        models: Sequence[str],
        dataset: Dataset,
        pixels: PixelSource,
        *,
        seed: int = 0,
        data: str | None = None,
        on_progress: OnProgress | None = None,
    ) -> dict[str, Any]:
        """The result of one model after the other.

        on_progress: told the model and how many of the images it has done.
        Raises UnknownName, InvalidInput, WeightsUnavailable before anything is computed, and what
        the pace raises.
        """
        saliency = experiment.saliency_name(params, self.saliency_model)
        if saliency is not None and "saliency_model" in type(params).model_fields:
            # The record names the model, whatever the default is elsewhere.
            params = params.model_copy(update={"saliency_model": saliency})
        saliency_spec = None if saliency is None else self._spec(saliency, "params.saliency_model")
        specs = [self._spec(name, "models") for name in models]
        for spec in specs:
            check_fit(experiment, params, spec, saliency_spec, dataset)
        digests = {spec.name: model_digest(spec, self.cache_dir) for spec in specs}
        started_s = time.perf_counter()
        subjects = _Subjects(self)
        records, failed = [], []
        for spec in specs:
            record, left_out = self._evaluate_model(
                experiment,
                params,
                spec,
                dataset,
                pixels,
                subjects=subjects,
                digest=digests[spec.name],
                seed=seed,
                saliency=saliency,
                on_progress=on_progress,
            )
            records.append(record)
            failed += left_out
            subjects.release(spec.name, keep=saliency)
        return build_result(
            experiment,
            params,
            seed=seed,
            dataset=DatasetRecord.of(dataset),
            models=records,
            failed=failed,
            seconds=time.perf_counter() - started_s,
            data=data,
        )

    def _evaluate_model(
        self,
        experiment: Experiment,
        params: ExperimentParams,
        spec: ModelSpec,
        dataset: Dataset,
        pixels: PixelSource,
        *,
        subjects: "_Subjects",
        digest: str,
        seed: int,
        saliency: str | None,
        on_progress: OnProgress | None,
    ) -> tuple[ModelRecord, list[dict[str, str]]]:
        subject = subjects(spec.name)
        labels_map = map_labels(dataset, spec) if "labels" in experiment.needs else None
        if on_progress is not None:
            on_progress(spec.name, 0)
        started_s = time.perf_counter()
        outcome = evaluate_range(
            experiment,
            params,
            dataset,
            0,
            len(dataset),
            evaluation=Evaluation(spec, subject, subjects, saliency, seed),
            pixels=pixels,
            labels_map=labels_map,
            batch_images=self.batch_images,
            on_progress=None if on_progress is None else lambda done: on_progress(spec.name, done),
        )
        partial = outcome.partial

        record = ModelRecord(
            spec=spec,
            weights_sha256=digest,
            precision=subject.precision,
            device=self.device,
            images=partial.images,
            seconds=time.perf_counter() - started_s,
            sums=partial.sums,
        )
        return record, outcome.failed

    def _spec(self, name: str, field: str) -> ModelSpec:
        if name not in self.known:
            raise UnknownName("model", name, self.known, field=field)
        return self.known[name]


class _Subjects:
    """Models by name, loaded when first asked for."""

    def __init__(self, run: LocalRun) -> None:
        self._run = run
        self._loaded: dict[str, Subject] = {}

    def __call__(self, name: str) -> "Subject":
        from ipvit.experiments.subject import Subject

        if name not in self._loaded:
            run = self._run
            self._loaded[name] = Subject.load(
                run.known[name],
                run.cache_dir,
                precision=run.precision,
                device=run.device,
                pace=run.pace or SteadyPace(run.batch_images),
            )
        return self._loaded[name]

    def release(self, name: str, *, keep: str | None) -> None:
        """Let a model's memory go, unless others still need it."""
        if name != keep:
            self._loaded.pop(name, None)
