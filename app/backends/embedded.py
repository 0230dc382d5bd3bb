"""Tasks on a thread pool in this process, in front of one `workers.runtime.Runtime`.

A task holds its thread while its images wait for a network, so the pool has as many threads as a
batch has images; what they compute besides forward passes is bounded by `workers.intake`. What
`workers.lane_tasks` can do needs no thread.
"""

import asyncio
import gc
import logging
import sys
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.backends import BackendStats, Readiness
from app.settings import Settings
from ipvit.errors import DeadlineExceeded, IPViTError, Overloaded, UnknownName
from ipvit.images import ImageLimits
from ipvit.models.specs import ModelSpec
from jobs.store import JobStore

if TYPE_CHECKING:
    from workers.evaluation_thread import EvaluationThread
    from workers.intake import Intake
    from workers.runtime import Runtime
    from workers.tasks import Task

log = logging.getLogger(__name__)

MIN_POOL_THREADS = 32
SWITCH_INTERVAL_S = 0.0005
"""How long a thread may keep the interpreter from one that waits. The event loop answers a whole
batch at a stretch; with Python's 5 ms, lanes would stand idle meanwhile."""


@dataclass(frozen=True)
class _Engine:
    runtime: "Runtime"
    intake: "Intake"
    tasks: "Mapping[str, Task]"
    evaluations: "EvaluationThread"


class EmbeddedBackend:
    """The default backend.

    specs: every model known, those of a user's file included.
    """

    def __init__(self, settings: Settings, specs: Mapping[str, ModelSpec]) -> None:
        self._settings = settings
        self._specs = specs
        self._in_flight = 0
        self._work_waits = threading.Event()
        self._starting: asyncio.Task[_Engine] | None = None
        self._pool = ThreadPoolExecutor(
            max_workers=max(MIN_POOL_THREADS, settings.max_batch), thread_name_prefix="task"
        )

    async def start(self) -> None:
        """Begin to load the models on a thread."""
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._starting = asyncio.create_task(self._load())

    async def close(self) -> None:
        """Wait for what runs, then end the threads."""
        if self._starting is not None:
            await asyncio.wait([self._starting])
        await asyncio.to_thread(self._pool.shutdown)
        if (engine := self._engine()) is not None:
            await asyncio.to_thread(engine.evaluations.close)
            await asyncio.to_thread(engine.runtime.close)

    async def run(
        self,
        task_name: str,
        params: Mapping[str, Any],
        blobs: Mapping[str, bytes],
        *,
        deadline_s: float,
    ) -> dict[str, Any]:
        """The task's answer; raises Overloaded at once when too many are in flight."""
        if self._in_flight >= self._settings.max_queue:
            raise self._overloaded()
        self._in_flight += 1
        try:
            async with asyncio.timeout(deadline_s) as timeout:
                return await self._run(task_name, params, blobs, deadline_s)
        except TimeoutError:
            if not timeout.expired():
                raise
            raise DeadlineExceeded(f"expected an answer within {deadline_s} s; got none") from None
        finally:
            self._in_flight -= 1

    def wake(self, count: int) -> None:
        """Let the evaluation thread look for work."""
        self._work_waits.set()

    def readiness(self) -> Readiness:
        """Ready once every model of the settings is loaded and warm."""
        starting = self._starting
        if starting is None or not starting.done():
            return Readiness(False, "loading models")
        if (error := starting.exception()) is not None:
            why = error if isinstance(error, IPViTError) else "the log tells why"
            return Readiness(False, f"loading models failed: {why}")
        loaded = starting.result().runtime.loaded()
        return Readiness(True, f"loaded: {', '.join(loaded) or 'no models'}")

    def loaded(self) -> tuple[str, ...]:
        """The models in memory."""
        engine = self._engine()
        return engine.runtime.loaded() if engine else ()

    def stats(self) -> BackendStats:
        """Counts of the engine; zeros until it has started."""
        if (engine := self._engine()) is None:
            return BackendStats(in_flight=self._in_flight)
        stats = engine.runtime.stats()
        return BackendStats(
            in_flight=self._in_flight,
            waiting_images=stats.waiting_images,
            busy_lanes=stats.busy_lanes,
            batches=stats.batches,
            images=stats.images,
            rejected=stats.rejected,
            expired=stats.expired,
            busy_seconds=stats.lane_seconds,
            images_per_s=stats.images_per_s,
            shards=engine.evaluations.shards_done,
            shard_seconds=engine.evaluations.shard_seconds,
        )

    async def _run(
        self,
        task_name: str,
        params: Mapping[str, Any],
        blobs: Mapping[str, bytes],
        deadline_s: float,
    ) -> dict[str, Any]:
        from workers.calls import Call
        from workers.lane_tasks import predict_on_lanes

        engine = await self._started()
        if task_name not in engine.tasks:
            raise UnknownName("task", task_name, engine.tasks)
        call = Call(
            engine.runtime,
            engine.intake,
            deadline_s=deadline_s,
            saliency_model=self._settings.saliency_model,
        )
        try:
            if task_name == "predict" and engine.runtime.decodes_for(params["models"]):
                work = predict_on_lanes(params, blobs, call)
            else:
                work = self._pool.submit(engine.tasks[task_name], params, blobs, call)
            return await asyncio.wrap_future(work)
        finally:
            call.cancel()

    async def _load(self) -> _Engine:
        try:
            return await asyncio.to_thread(self._build)
        except Exception:
            log.exception("loading models failed")
            raise

    async def _started(self) -> _Engine:
        if self._starting is None:
            raise RuntimeError("expected start() before run()")
        return await asyncio.shield(self._starting)

    def _engine(self) -> _Engine | None:
        starting = self._starting
        if starting is None or not starting.done() or starting.exception() is not None:
            return None
        return starting.result()

    def _build(self) -> _Engine:
        from workers.intake import Intake
        from workers.runtime import Runtime
        from workers.tasks import TASKS

        settings = self._settings
        runtime = Runtime(
            self._specs,
            cache_dir=settings.cache,
            device=settings.device,
            precision=settings.precision,
            max_batch=settings.max_batch,
            max_wait_ms=settings.max_wait_ms,
            max_queue=settings.max_queue,
            preload=settings.models,
            threads=settings.threads,
        )
        runtime.start()
        # What is loaded stays: the collector need not walk it again and again.
        gc.collect()
        gc.freeze()
        limits = ImageLimits(max_bytes=settings.max_image_bytes, max_pixels=settings.max_pixels)
        intake = Intake(limits, slots=runtime.stats().lanes)
        return _Engine(runtime, intake, TASKS, self._start_evaluations())

    def _start_evaluations(self) -> "EvaluationThread":
        from workers.evaluation import EvaluationOptions
        from workers.evaluation_thread import EvaluationThread

        settings = self._settings
        options = EvaluationOptions(
            specs=self._specs,
            cache_dir=settings.cache,
            data_dir=settings.data_dir,
            decode_cache_bytes=settings.decode_cache_bytes,
            device=settings.device,
            precision=settings.precision,
            saliency_model=settings.saliency_model,
            batch_images=settings.evaluation_batch,
            lease_s=settings.lease_s,
        )
        thread = EvaluationThread(
            JobStore(settings.database_url),
            options,
            self._work_waits,
            busy=lambda: self._in_flight > 0,
            threads=settings.threads,
        )
        thread.start()
        return thread

    def _overloaded(self) -> Overloaded:
        engine = self._engine()
        rate = engine.runtime.stats().images_per_s if engine else 0.0
        return Overloaded(
            f"expected at most {self._settings.max_queue} requests in flight; "
            f"got {self._in_flight + 1}",
            retry_after_s=self._in_flight / rate if rate else 1.0,
        )
