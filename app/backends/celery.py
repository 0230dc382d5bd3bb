"""Tasks on workers elsewhere (`ipvit worker`), reached by Celery over Redis.

The producer has no result backend, which would open a subscription for each message; answers come
through `app.backends.mailbox`. Celery's publishing blocks, so it has a few threads of its own.
"""

import asyncio
import contextlib
import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from typing import Any

from celery import Celery
from kombu.exceptions import OperationalError
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from app.backends import BackendStats, Readiness
from app.backends.mailbox import Mailbox
from app.backends.roster import Roster
from app.problems import NoWorker, QueueUnavailable
from app.settings import Settings
from ipvit.errors import DeadlineExceeded, IPViTError, Overloaded
from wire.celery_settings import celery_settings, redis_options
from wire.messages import Heartbeat, RequestMessage
from wire.names import ANALYSE_TASK, EVALUATION, INTERACTIVE, QUEUES, WORK_TASK

log = logging.getLogger(__name__)

PUBLISHING_THREADS = 4
RETRY_ONCE = {"max_retries": 1, "interval_start": 0}
"""A connection that has lain idle may turn out to be broken."""

MAX_WAKE_UPS = 256
"""That wait in the queue at most: more than workers that could take one before the next call."""


class CeleryBackend:
    """The backend for workers on this machine or others."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._in_flight = 0
        self._celery = Celery("ipvit", set_as_current=False)
        self._celery.conf.update(celery_settings(settings.redis_url))
        self._threads = ThreadPoolExecutor(PUBLISHING_THREADS, thread_name_prefix="publish")
        self._client = Redis.from_url(
            settings.redis_url, **redis_options(), retry=Retry(NoBackoff(), 1)
        )
        self.roster = Roster(self._client, self._on_loss)
        self._mailbox = Mailbox(self._client, self._send, settings.max_queue, self.roster.living)

    async def start(self) -> None:
        """Begin to listen for answers and for workers."""
        self._mailbox.start()
        self.roster.start()

    async def close(self) -> None:
        """Stop listening and let the connections go."""
        await self.roster.close()
        await self._mailbox.close()
        await asyncio.to_thread(self._threads.shutdown)
        await asyncio.to_thread(self._celery.close)
        await self._client.aclose()

    async def run(
        self,
        task_name: str,
        params: Mapping[str, Any],
        blobs: Mapping[str, bytes],
        *,
        deadline_s: float,
    ) -> dict[str, Any]:
        """The task's answer; raises Overloaded, NoWorker or QueueUnavailable at once."""
        if self._in_flight >= self._settings.max_queue:
            raise self._overloaded()
        self._in_flight += 1
        try:
            async with asyncio.timeout(deadline_s) as timeout:
                await self._require_a_worker()
                result = await self._mailbox.ask(task_name, params, blobs, deadline_s)
        except TimeoutError:
            if not timeout.expired():
                raise
            raise self._late(deadline_s) from None
        finally:
            self._in_flight -= 1
        if result.error is not None:
            raise result.error
        return dict(result.answer or {})

    def wake(self, count: int) -> None:
        """See to it that `count` wake-ups, or `MAX_WAKE_UPS`, wait for evaluation workers."""
        # The pool is closed when the service ends; whoever starts next wakes again.
        with contextlib.suppress(RuntimeError):
            self._threads.submit(self._wake, count)

    def _wake(self, count: int) -> None:
        waiting = self.roster.state.queue_messages.get(EVALUATION, 0)
        try:
            for _ in range(min(count, MAX_WAKE_UPS) - waiting):
                self._publish(WORK_TASK, EVALUATION, {})
        except QueueUnavailable as error:
            log.debug("woke nobody: %s", error)

    def readiness(self) -> Readiness:
        """Ready while an interactive worker is there, loaded and warm."""
        state = self.roster.state
        if state.trouble is not None:
            why = f"Redis cannot be reached: {state.trouble}"
            return Readiness(False, why, QueueUnavailable)
        there = "; ".join(_describe(queue, state.of(queue)) for queue in QUEUES)
        return Readiness(bool(state.of(INTERACTIVE)), there, NoWorker)

    def loaded(self) -> tuple[str, ...]:
        """The models in the memory of any interactive worker."""
        workers = self.roster.state.of(INTERACTIVE)
        return tuple(dict.fromkeys(name for worker in workers for name in worker.models))

    def stats(self) -> BackendStats:
        """What the workers do now, and have done since this process first heard of them."""
        state = self.roster.state
        workers = state.of(INTERACTIVE)
        totals = state.totals
        return BackendStats(
            in_flight=self._in_flight,
            waiting_images=sum(worker.waiting_images for worker in workers),
            busy_lanes=sum(worker.busy_lanes for worker in workers),
            batches=int(totals.get("batches", 0)),
            images=int(totals.get("images", 0)),
            rejected=int(totals.get("rejected", 0)),
            expired=int(totals.get("expired", 0)),
            busy_seconds=totals.get("busy_seconds", 0.0),
            images_per_s=sum(worker.images_per_s for worker in workers),
            workers={queue: len(state.of(queue)) for queue in QUEUES},
            queue_messages=state.queue_messages,
            waits=int(totals.get("waits", 0)),
            wait_seconds=totals.get("wait_seconds", 0.0),
            shards=int(totals.get("shards", 0)),
            shard_seconds=totals.get("shard_seconds", 0.0),
        )

    async def _require_a_worker(self) -> None:
        try:
            workers = await self.roster.interactive_workers()
        except (RedisError, OSError) as error:
            raise QueueUnavailable(f"Redis cannot be reached: {error}") from error
        if self.roster.state.trouble is not None:
            raise QueueUnavailable(f"Redis cannot be reached: {self.roster.state.trouble}")
        if not workers:
            raise NoWorker(
                "expected a worker of the interactive queue; got none. "
                "Start one with: ipvit worker --queue interactive"
            )

    async def _send(self, message: RequestMessage) -> None:
        await asyncio.get_running_loop().run_in_executor(
            self._threads, self._publish, ANALYSE_TASK, INTERACTIVE, asdict(message)
        )

    def _publish(self, task: str, queue: str, message: Mapping[str, Any]) -> None:
        try:
            self._celery.send_task(task, kwargs=message, queue=queue, retry_policy=RETRY_ONCE)
        except (OperationalError, RedisError, OSError) as error:
            raise QueueUnavailable(f"Redis does not answer: {error}") from error

    async def _on_loss(self) -> None:
        await self._mailbox.recover()

    def _late(self, deadline_s: float) -> IPViTError:
        if self.roster.state.trouble is None and not self.roster.state.of(INTERACTIVE):
            return NoWorker("the workers that could answer have died or left meanwhile")
        return DeadlineExceeded(f"expected an answer within {deadline_s:g} s; got none")

    def _overloaded(self) -> Overloaded:
        rate = sum(worker.images_per_s for worker in self.roster.state.of(INTERACTIVE))
        return Overloaded(
            f"expected at most {self._settings.max_queue} requests in flight; "
            f"got {self._in_flight + 1}",
            retry_after_s=self._in_flight / rate if rate else 1.0,
        )


def _describe(queue: str, workers: tuple[Heartbeat, ...]) -> str:
    if not workers:
        return f"no {queue} worker"
    names = ", ".join(worker.worker.removeprefix(f"{queue}:") for worker in workers)
    return f"{len(workers)} {queue} worker{'s' if len(workers) > 1 else ''} ({names})"
