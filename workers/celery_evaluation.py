"""The evaluation queue: one shard of a job a message, one process a device.

Each child of the pool builds its own `EvaluationWorker` after the fork and says that it is ready
once its device has computed something. A message says only that there is work: the job store knows
which. So a message that is lost, or comes twice, does no harm.
"""

import logging
import mmap
import os
import time
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import TYPE_CHECKING

from billiard.process import current_process
from celery import Celery, signals

from wire.messages import Heartbeat
from wire.names import EVALUATION, WORK_TASK
from workers.celery_options import WorkerOptions
from workers.identity import worker_id

if TYPE_CHECKING:
    from workers.evaluation import EvaluationWorker
    from workers.presence import Presence

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.1
PAUSE_AFTER_FAILURE_S = 5.0
START_S = 600.0
LONGEST_TASK_S = 3600.0


class SharedFlag:
    """Set once in the parent, seen by all children, whatever dies: a byte of shared memory."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 1)

    def set(self) -> None:
        """From now on it is set."""
        self._memory[0] = 1

    def is_set(self) -> bool:
        """Whether it is."""
        return self._memory[0] == 1


@dataclass(eq=False)
class EvaluationProcess:
    """What one child works with; the parent holds an empty one.

    shutting_down: the shard in work is given back at the next forward pass.
    """

    options: WorkerOptions
    shutting_down: SharedFlag
    device: str = ""
    precision: str = ""
    _worker: "EvaluationWorker | None" = None
    _presence: "Presence | None" = None
    _ended: Event = field(default_factory=Event)
    _counting: Lock = field(default_factory=Lock)
    _busy: int = 0
    _shards: int = 0
    _shard_s: float = 0.0

    def begin(self, **_: object) -> None:
        """After the fork: build, warm up and say so; a child that cannot is replaced by another."""
        try:
            self._begin()
        except Exception:
            log.exception("an evaluation process cannot start; another one tries in a moment")
            # Celery would let it take messages.
            self._wait_for_the_end(PAUSE_AFTER_FAILURE_S)
            os._exit(1)

    def work(self) -> None:
        """Work on one shard, if there is one."""
        from ipvit.errors import StoreUnavailable

        assert self._worker is not None
        started_s = time.perf_counter()
        self._busy = 1
        try:
            if self._worker.work_one() and not self.shutting_down.is_set():
                with self._counting:
                    self._shards += 1
                    self._shard_s += time.perf_counter() - started_s
        except StoreUnavailable as error:
            # The service wakes us again once the database is back.
            log.warning("jobs wait: %s", error)
        finally:
            self._busy = 0

    def end(self, **_: object) -> None:
        """Before the child exits."""
        self._ended.set()
        if self._presence is not None:
            self._presence.end()
        if self._worker is not None:
            self._worker.close()

    def _begin(self) -> None:
        import torch

        from jobs.store import JobStore
        from workers.evaluation import EvaluationOptions, EvaluationWorker
        from workers.presence import Presence
        from workers.redis_client import connect

        options = self.options
        index = int(current_process().index)
        self.device = f"cuda:{index}" if options.device == "cuda" else options.device
        torch.set_num_threads(options.threads_a_process)
        self._warm_up()
        self._worker = EvaluationWorker(
            JobStore(options.database_url),
            EvaluationOptions(
                specs=options.specs,
                cache_dir=options.cache_dir,
                data_dir=options.data_dir,
                decode_cache_bytes=options.decode_cache_bytes,
                device=self.device,
                precision=options.precision,
                saliency_model=options.saliency_model,
                batch_images=options.evaluation_batch,
                lease_s=options.lease_s,
            ),
        )
        name = worker_id(EVALUATION)
        self._presence = Presence(connect(options.redis_url), name, self._heartbeat)
        self._presence.start()
        Thread(target=self._watch, name="shutting-down", daemon=True).start()
        log.info("%s works on jobs on %s", name, self.device)

    def _warm_up(self) -> None:
        """Do what is slow the first time before work arrives; a device that is broken shows."""
        import torch

        from ipvit.experiments.subject import Subject
        from ipvit.models.loading import is_ready

        options = self.options
        ready = (
            name for name in options.preload if is_ready(options.specs[name], options.cache_dir)
        )
        if (name := next(ready, None)) is None:
            torch.ones(1, device=self.device).cpu()
            return
        spec = options.specs[name]
        subject = Subject.load(
            spec, options.cache_dir, precision=options.precision, device=self.device
        )
        image = torch.zeros(1, 3, spec.input_px, spec.input_px, dtype=torch.uint8)
        subject.run(image.to(self.device))
        self.precision = subject.precision

    def _watch(self) -> None:
        """Give the shard back as soon as the parent is told to end."""
        while not self._ended.wait(LOOK_EVERY_S):
            if self.shutting_down.is_set():
                if self._presence is not None:
                    self._presence.leaving()
                if self._worker is not None:
                    self._worker.stop()
                return

    def _wait_for_the_end(self, seconds: float) -> None:
        end_s = time.monotonic() + seconds
        while time.monotonic() < end_s and not self.shutting_down.is_set():
            time.sleep(LOOK_EVERY_S)

    def _heartbeat(self) -> Heartbeat:
        with self._counting:
            return Heartbeat(
                worker="",
                queue=EVALUATION,
                device=self.device,
                precision=self.precision or self.options.precision,
                in_flight=self._busy,
                shards=self._shards,
                shard_seconds=self._shard_s,
            )


def prepare_evaluation(app: Celery, options: WorkerOptions) -> None:
    """Give `app` its task and its settings; nothing is loaded in this process."""
    process = EvaluationProcess(options, SharedFlag())

    def work_on_a_shard() -> None:
        process.work()

    def shutting_down(**_: object) -> None:
        process.shutting_down.set()

    app.task(
        work_on_a_shard,
        name=WORK_TASK,
        ignore_result=True,
        acks_late=True,
        reject_on_worker_lost=True,
        time_limit=LONGEST_TASK_S,
    )
    app.conf.update(worker_prefetch_multiplier=1, worker_proc_alive_timeout=START_S)
    signals.worker_process_init.connect(process.begin, weak=False)
    signals.worker_process_shutdown.connect(process.end, weak=False)
    signals.worker_shutting_down.connect(shutting_down, weak=False)
