"""Build results from what shards found: the final one, and what there is so far."""

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ipvit.errors import IPViTError, StoreUnavailable
from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.experiment import Arrays, Partial
from ipvit.experiments.parameters import read_params
from ipvit.experiments.partials import add_sums, unpack_partial
from ipvit.experiments.result import DatasetRecord, ModelRecord, build_result, model_rows
from ipvit.models.model_spec import ModelSpec
from ipvit.models.weights_files import model_digest
from jobs.records import Job, JobError, ShardPart
from jobs.store import JobStore

__all__ = ["Tally", "error_of", "finalise_next", "result_of", "rows_of"]

log = logging.getLogger(__name__)

FINALISE_LEASE_S = 300.0


@dataclass(eq=False)
class Tally:
    """The sum of some shards of one model; grows as more are done.

    numbers: the shards in it.
    """

    model: str
    numbers: set[int] = field(default_factory=set)
    images: int = 0
    seconds: float = 0.0
    sums: Arrays = field(default_factory=dict)
    failed: list[Mapping[str, str]] = field(default_factory=list)
    precisions: set[str] = field(default_factory=set)
    devices: set[str] = field(default_factory=set)

    def update(self, store: JobStore, job_id: str) -> None:
        """Add what has been done since."""
        for part in store.parts(job_id, self.model, known=self.numbers):
            self._add(part)

    def record(self, spec: ModelSpec, weights_sha256: str) -> ModelRecord:
        """What the model did, as results want it."""
        return ModelRecord(
            spec=spec,
            weights_sha256=weights_sha256,
            precision=", ".join(sorted(self.precisions)),
            device=", ".join(sorted(self.devices)),
            images=self.images,
            seconds=self.seconds,
            sums=self.sums,
        )

    def _add(self, part: ShardPart) -> None:
        partial: Partial = unpack_partial(part.outcome.partial)
        self.numbers.add(part.number)
        self.images += partial.images
        self.seconds += part.outcome.seconds
        if partial.images:
            self.sums = add_sums(self.sums, partial.sums)
        self.failed += part.outcome.failed
        self.precisions.add(part.outcome.precision)
        self.devices.add(part.outcome.device)


def finalise_next(store: JobStore, specs: Mapping[str, ModelSpec], cache_dir: Path) -> bool:
    """Build the result of one job whose shards are all done; whether there was one.

    A failure is kept with the job. Raises StoreUnavailable: the job is then left for later.
    """
    job = store.claim_finalising(FINALISE_LEASE_S)
    if job is None:
        return False
    try:
        store.succeed(job.id, result_of(store, job, specs, cache_dir))
    except StoreUnavailable:
        raise
    except Exception as error:
        log.exception("building the result of job %s failed", job.id)
        store.fail_finalising(job.id, error_of(error))
    return True


def result_of(
    store: JobStore, job: Job, specs: Mapping[str, ModelSpec], cache_dir: Path
) -> dict[str, Any]:
    """The result of all shards that are done."""
    experiment = EXPERIMENTS[job.request.experiment]
    params = read_params(experiment, job.request.params)
    tallies = [Tally(model) for model in job.request.models]
    for tally in tallies:
        tally.update(store, job.id)
    facts = job.request.dataset
    until = job.finished_at or time.time()
    return build_result(
        experiment,
        params,
        seed=job.request.seed,
        dataset=DatasetRecord(
            facts.name, facts.kind, facts.fingerprint, facts.images, facts.classes
        ),
        models=[
            tally.record(specs[tally.model], model_digest(specs[tally.model], cache_dir))
            for tally in tallies
        ],
        failed=[image for tally in tallies for image in tally.failed],
        seconds=max(0.0, until - (job.started_at or until)),
        created_at=datetime.fromtimestamp(job.created_at, UTC),
    )


def rows_of(job: Job, tallies: list[Tally], specs: Mapping[str, ModelSpec]) -> list[dict[str, Any]]:
    """Rows of what the tallies hold; none for an experiment that means nothing before its end."""
    experiment = EXPERIMENTS[job.request.experiment]
    if not experiment.incremental:
        return []
    params = read_params(experiment, job.request.params)
    return [
        row
        for tally in tallies
        for row in model_rows(experiment, params, tally.record(specs[tally.model], ""))
    ]


def error_of(error: Exception) -> JobError:
    """What to tell of an error: our own as they are, others by their kind and first line."""
    if isinstance(error, IPViTError):
        return JobError(error.code, str(error))
    first_line = str(error).strip().partition("\n")[0][:500]
    return JobError("error", f"{type(error).__name__}: {first_line}")
