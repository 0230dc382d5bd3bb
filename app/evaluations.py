"""Evaluation jobs of one app: the store, the planner and the backend behind one service.

Methods wait for the job database, so routes call them on threads.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from app.backends import Backend
from app.catalogue import Catalogue
from app.job_check import CheckedJob, check_submission
from app.schemas.jobs import JobSubmission
from app.settings import Settings
from ipvit.datasets.catalogue import DatasetCatalogue
from ipvit.errors import InvalidInput, JobNotFinished
from ipvit.experiments import EXPERIMENTS
from jobs.finaliser import Tally, finalise_next, result_of, rows_of
from jobs.planner import Estimate, estimate, plan_shards
from jobs.reconciler import Reconciler
from jobs.records import Job
from jobs.store import JobStore

__all__ = ["Evaluations"]

WATCHED_JOBS = 16
WATCHERS = 4


@dataclass(eq=False)
class _Growing:
    """The rows of a job that runs, added to as shards are done."""

    tallies: list[Tally]
    rows: list[dict[str, Any]] = field(default_factory=list)
    shards_done: int = 0
    lock: Lock = field(default_factory=Lock)


class Evaluations:
    """Takes jobs, tells of them, and sees to it that they are worked on."""

    def __init__(
        self,
        settings: Settings,
        catalogue: Catalogue,
        backend: Backend,
        datasets: DatasetCatalogue,
        store: JobStore,
    ) -> None:
        self.store = store
        self._settings, self._catalogue = settings, catalogue
        self._backend, self._datasets = backend, datasets
        self._growing: OrderedDict[str, _Growing] = OrderedDict()
        self._growing_lock = Lock()
        # Those who watch must not take the threads of those who ask when the database is slow.
        self._watchers = ThreadPoolExecutor(WATCHERS, thread_name_prefix="watch")
        self._reconciler = Reconciler(
            store,
            wake=backend.wake,
            finalise=lambda: finalise_next(store, catalogue.specs, settings.cache),
            period_s=settings.reconcile_s,
            keep_days=settings.keep_jobs_days,
        )

    def start(self) -> None:
        """Begin to look after the jobs."""
        self._reconciler.start()

    def close(self) -> None:
        """Stop looking after them; they stay in the store."""
        self._reconciler.close()
        self._watchers.shutdown()
        self.store.close()

    def submit(self, submission: JobSubmission) -> Job:
        """Check and queue a job; raises what `check_submission` raises."""
        checked = self._check(submission)
        shards = plan_shards(checked.loads, checked.request.dataset.images, self._settings.shard_s)
        job = self.store.create_job(checked.request, shards)
        self._backend.wake(len(shards))
        return job

    def estimate(self, submission: JobSubmission) -> Estimate:
        """How much a job would be; raises what `submit` raises."""
        checked = self._check(submission)
        images = checked.request.dataset.images
        return estimate(checked.loads, images, self._settings.shard_s)

    def result(self, job_id: str, *, partial: bool = False) -> Mapping[str, Any]:
        """The result of a job that succeeded, or with `partial` of what is done of any job.

        Raises UnknownJob and JobNotFinished.
        """
        job = self.store.job(job_id)
        if job.state == "succeeded" or not partial:
            return self.store.result(job_id)
        if not EXPERIMENTS[job.request.experiment].incremental:
            raise JobNotFinished(
                f"{job.request.experiment} has a result only when all images are done; "
                f"job {job_id} is {job.state}"
            )
        return result_of(self.store, job, self._catalogue.specs, self._settings.cache)

    def rows(self, job: Job) -> Sequence[Mapping[str, Any]]:
        """Rows of what is done so far; empty where a part of the images means nothing.

        Computed once for all who watch, and only from the shards that are new.
        """
        if job.state == "succeeded":
            rows: list[dict[str, Any]] = self.store.result(job.id)["rows"]
            return rows
        growing = self._growing_of(job)
        with growing.lock:
            if growing.shards_done < job.progress.shards_done:
                for tally in growing.tallies:
                    tally.update(self.store, job.id)
                growing.rows = rows_of(job, growing.tallies, self._catalogue.specs)
                growing.shards_done = sum(len(tally.numbers) for tally in growing.tallies)
            return growing.rows

    async def look(self, job_id: str) -> tuple[Job, Sequence[Mapping[str, Any]]]:
        """A job and its rows so far; raises UnknownJob and StoreUnavailable."""

        def read() -> tuple[Job, Sequence[Mapping[str, Any]]]:
            job = self.store.job(job_id)
            return job, self.rows(job)

        return await asyncio.get_running_loop().run_in_executor(self._watchers, read)

    def delete(self, job_id: str) -> None:
        """Forget a finished job; raises InvalidInput if it has not finished."""
        job = self.store.job(job_id)
        if not job.finished:
            raise InvalidInput(
                f"expected a job that has finished, job {job_id} is {job.state}: cancel it first",
                field="purge",
            )
        self.store.delete_job(job_id)

    def _check(self, submission: JobSubmission) -> CheckedJob:
        return check_submission(
            submission,
            settings=self._settings,
            catalogue=self._catalogue,
            datasets=self._datasets,
            store=self.store,
        )

    def _growing_of(self, job: Job) -> _Growing:
        with self._growing_lock:
            growing = self._growing.pop(job.id, None)
            if growing is None:
                growing = _Growing([Tally(model) for model in job.request.models])
            self._growing[job.id] = growing
            if len(self._growing) > WATCHED_JOBS:
                self._growing.popitem(last=False)
            return growing
