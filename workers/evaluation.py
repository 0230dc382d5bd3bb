"""Work on evaluation jobs, one shard at a time: claim, evaluate, write, and finalise the last.

Used by the embedded backend's thread and by Celery's task. Whatever goes wrong, the shard is
either written, given back, or left with a lease that runs out.
"""

import logging
import os
import platform
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Protocol

import numpy as np
import numpy.typing as npt

from ipvit.datasets.catalogue import DatasetCatalogue
from ipvit.datasets.dataset import Dataset
from ipvit.datasets.decode_cache import PixelStore
from ipvit.datasets.label_mapping import map_labels
from ipvit.errors import InvalidInput, IPViTError, StoreUnavailable
from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.evaluation import evaluate_range
from ipvit.experiments.experiment import Evaluation
from ipvit.experiments.parameters import read_params
from ipvit.experiments.partials import pack_partial
from ipvit.experiments.subject import Subject
from ipvit.models.model_spec import ModelSpec
from jobs.finaliser import error_of, finalise_next
from jobs.records import JobError, Shard, ShardOutcome
from jobs.store import JobStore
from workers.lease_keeper import JobGone, LeaseKeeper, LeaseLost, ShuttingDown

__all__ = ["EvaluationOptions", "EvaluationWorker", "Throttle"]

log = logging.getLogger(__name__)

RETRY_S = 0.5
LAST_TRIES_S = 20.0


@dataclass(frozen=True)
class EvaluationOptions:
    """Where things are, and how to compute.

    specs: every model known. batch_images: images read, perturbed and passed on at a time.
    lease_s: after this time without a sign of life somebody else gets the shard.
    """

    specs: Mapping[str, ModelSpec]
    cache_dir: Path
    data_dir: Path
    decode_cache_bytes: int
    device: str = "cpu"
    precision: str = "auto"
    saliency_model: str | None = None
    batch_images: int = 64
    lease_s: float = 30.0


class Throttle(Protocol):
    """Leaves room for other work."""

    def begin(self, model: str) -> None:
        """A shard of this model comes next."""
        ...

    def next_batch(self, images: int) -> int:
        """How many of `images` the next forward pass may have; may wait a little."""
        ...


class FullSpeed:
    """For a worker that has its device for itself."""

    def begin(self, model: str) -> None:
        """Nothing to do."""

    def next_batch(self, images: int) -> int:
        """All of them."""
        return images


@dataclass(frozen=True)
class _Opened:
    """A data set kept open between shards."""

    dataset: Dataset
    pixels: PixelStore


class EvaluationWorker:
    """Works on one shard a call; keeps the last models and data set between calls.

    throttle: says how many images a forward pass may have, and may wait a little.
    """

    def __init__(
        self,
        store: JobStore,
        options: EvaluationOptions,
        *,
        throttle: Throttle | None = None,
    ) -> None:
        self.store = store
        self.options = options
        self.name = f"{platform.node()}:{os.getpid()}"
        self.shards_done = 0
        self.shard_seconds = 0.0
        self._throttle = throttle or FullSpeed()
        self._catalogue = DatasetCatalogue(options.data_dir, options.cache_dir)
        self._stopping = Event()
        self._subjects: dict[str, Subject] = {}
        self._opened: dict[str, _Opened] = {}

    def stop(self) -> None:
        """From any thread or signal handler: give the shard back at the next forward pass."""
        self._stopping.set()

    def close(self) -> None:
        """Let the data set go; nothing may be in work."""
        for opened in self._opened.values():
            opened.pixels.close()
        self._opened = {}

    def work_one(self) -> bool:
        """Work on one shard; whether there was one.

        Raises StoreUnavailable if the job database is away, and nothing else.
        """
        if self._stopping.is_set():
            return False
        shard = self.store.claim_shard(self.name, self.options.lease_s)
        if shard is None:
            return self._finalise()
        try:
            outcome = self._evaluate(shard)
        except ShuttingDown:
            self.store.release(shard.lease)
        except (JobGone, LeaseLost) as stopped:
            log.info("shard %s of job %s: %s", *_place(shard), type(stopped).__name__)
        except StoreUnavailable:
            raise
        except Exception as error:
            self._report(shard, error)
        else:
            was_last = self._write(shard, outcome)
            self.shards_done += 1
            self.shard_seconds += outcome.seconds
            if was_last:
                self._finalise()
        return True

    def _evaluate(self, shard: Shard) -> ShardOutcome:
        """Raises what the experiment raises, and JobGone, LeaseLost, ShuttingDown."""
        request, options = shard.request, self.options
        with LeaseKeeper(
            self.store, shard.lease, lease_s=options.lease_s, stopping=self._stopping.is_set
        ) as keeper:
            started_s = time.perf_counter()
            experiment = EXPERIMENTS[request.experiment]
            params = read_params(experiment, request.params)
            opened = self._open(shard)
            self._throttle.begin(shard.model)
            pace = _ShardPace(keeper, self._throttle, options.batch_images)
            saliency = experiment.saliency_name(params, options.saliency_model)
            subject = self._subject(shard.model, pace, others=(saliency,))
            spec = subject.spec
            labels: npt.NDArray[np.int64] | None = None
            if "labels" in experiment.needs:
                labels = map_labels(opened.dataset, spec)

            def note_progress(images_done: int) -> None:
                keeper.images_done = images_done

            found = evaluate_range(
                experiment,
                params,
                opened.dataset,
                shard.start,
                shard.stop,
                evaluation=Evaluation(
                    spec=spec,
                    subject=subject,
                    subject_of=lambda name: self._subject(name, pace, others=(shard.model,)),
                    saliency_model=saliency,
                    seed=request.seed,
                ),
                pixels=opened.pixels,
                labels_map=labels,
                batch_images=options.batch_images,
                on_progress=note_progress,
            )
        return ShardOutcome(
            partial=pack_partial(found.partial),
            failed=tuple(found.failed),
            seconds=time.perf_counter() - started_s,
            precision=subject.precision,
            device=options.device,
        )

    def _write(self, shard: Shard, outcome: ShardOutcome) -> bool:
        """Write a shard that is computed, however long the database is away; was it the last?

        A worker that must end tries for some seconds more; then the shard is computed again.
        """
        give_up_at: float | None = None
        while True:
            try:
                return self.store.complete(shard.lease, outcome)
            except StoreUnavailable as error:
                if self._stopping.is_set():
                    give_up_at = give_up_at or time.monotonic() + LAST_TRIES_S
                    if time.monotonic() > give_up_at:
                        raise
                log.warning("shard %s of job %s waits to be written: %s", *_place(shard), error)
                self._stopping.wait(RETRY_S)

    def _report(self, shard: Shard, error: Exception) -> None:
        log.error("shard %s of job %s failed", *_place(shard), exc_info=error)
        reason = error_of(error)
        if not isinstance(error, IPViTError):
            where = f"model {shard.model!r}, images {shard.start} to {shard.stop - 1}"
            reason = JobError(reason.code, f"{where}: {reason.detail}")
        self.store.fail_attempt(shard.lease, reason, final=isinstance(error, InvalidInput))

    def _finalise(self) -> bool:
        return finalise_next(self.store, self.options.specs, self.options.cache_dir)

    def _open(self, shard: Shard) -> _Opened:
        """The job's data set, opened anew when another one was asked for in between."""
        facts = shard.request.dataset
        opened = self._opened.get(facts.fingerprint)
        if opened is None:
            dataset = self._catalogue.open(facts.name)
            if dataset.fingerprint != facts.fingerprint:
                raise InvalidInput(
                    f"expected data set {facts.name!r} as it was when the job was submitted "
                    f"(fingerprint {facts.fingerprint[:12]}…, {facts.images} images); it has "
                    f"changed: {dataset.fingerprint[:12]}…, {len(dataset)} images. Submit again",
                    field="dataset",
                )
            store = PixelStore(dataset, self.options.cache_dir, self.options.decode_cache_bytes)
            self.close()
            opened = _Opened(dataset, store)
            self._opened = {facts.fingerprint: opened}
        return opened

    def _subject(self, name: str, pace: "_ShardPace", others: tuple[str | None, ...]) -> Subject:
        """The model, loaded once for all shards; those that nobody needs now are let go."""
        subject = self._subjects.get(name)
        if subject is None:
            kept = {key: value for key, value in self._subjects.items() if key in others}
            subject = Subject.load(
                self.options.specs[name],
                self.options.cache_dir,
                precision=self.options.precision,
                device=self.options.device,
            )
            self._subjects = {**kept, name: subject}
        subject.pace = pace
        return subject


@dataclass(frozen=True)
class _ShardPace:
    """Stop when the lease says so; else as fast as the throttle lets us."""

    keeper: LeaseKeeper
    throttle: Throttle
    batch_images: int

    def next_batch(self, most: int) -> int:
        """How many images the next forward pass may have."""
        self.keeper.check()
        images = self.throttle.next_batch(min(self.batch_images, most))
        self.keeper.check()
        return images


def _place(shard: Shard) -> tuple[int, str]:
    return shard.lease.number, shard.lease.job_id
