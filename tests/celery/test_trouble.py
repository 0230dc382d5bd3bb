"""Deadlines, leaving clients, full queues, dying workers and a Redis that comes and goes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from app.backends import BackendStats
from app.backends.celery import CeleryBackend
from app.problems import NoWorker, QueueUnavailable
from ipvit.errors import DeadlineExceeded, Overloaded, UnknownName
from tests.celery.conftest import READY, StartWorker, celery_settings
from tests.redis_server import RedisServer
from tests.worker_process import WAIT_S, WorkerProcess, wait_until
from wire.names import INTERACTIVE, WORKERS

CAT = Path(__file__).parents[2] / "static" / "samples" / "cat.jpg"
QUICK_S = 5.0

Scenario = Callable[[CeleryBackend], Awaitable[None]]


@pytest.fixture
def run(redis_server: RedisServer, cache: Path) -> Callable[..., None]:
    """Run a scenario with a backend of its own."""

    def start(scenario: Scenario, **changes: object) -> None:
        async def whole() -> None:
            async with backend_of(redis_server, cache, **changes) as backend:
                await scenario(backend)

        asyncio.run(whole())

    return start


@asynccontextmanager
async def backend_of(
    redis_server: RedisServer, cache: Path, **changes: object
) -> AsyncIterator[CeleryBackend]:
    backend = CeleryBackend(celery_settings(redis_server, cache, **changes))
    await backend.start()
    try:
        yield backend
    finally:
        await backend.close()


@pytest.fixture
def frozen(worker: WorkerProcess) -> Iterator[WorkerProcess]:
    """The worker, thawed at the end whatever happens."""
    yield worker
    worker.thaw()


def predict(backend: CeleryBackend, **changes: Any) -> Any:
    asked: dict[str, Any] = {"deadline_s": WAIT_S, "blobs": {"image": CAT.read_bytes()}} | changes
    params = {"models": ["pocket_cnn"], "top_k": 2}
    return backend.run(asked.pop("task", "predict"), params, **asked)


async def eventually(true: Callable[[], object], why: str) -> None:
    end = monotonic() + WAIT_S
    while not true():
        assert monotonic() < end, why
        await asyncio.sleep(0.02)


async def ready(backend: CeleryBackend) -> None:
    await eventually(lambda: backend.readiness().ready, "a worker is heard of")


async def settled(backend: CeleryBackend) -> BackendStats:
    """The numbers once the worker has told those of now."""
    await ready(backend)

    def beat() -> int:
        return max((one.beat for one in backend.roster.state.workers), default=0)

    start = beat()
    await eventually(lambda: beat() >= start + 2, "the worker beats")
    return backend.stats()


def leftovers(redis_server: RedisServer) -> list[str]:
    with redis_server.client() as client:
        keys = [key.decode() for key in client.keys("ipvit:*")]
    return [key for key in keys if ":request:" in key or ":answer:" in key]


def test_an_unknown_task_is_told_by_the_worker(worker: WorkerProcess, run: Any) -> None:
    async def scenario(backend: CeleryBackend) -> None:
        with pytest.raises(UnknownName) as refusal:
            await predict(backend, task="predikt")
        assert refusal.value.matches == ["predict"]

    run(scenario)


def test_many_at_once_meet_in_few_batches(worker: WorkerProcess, run: Any) -> None:
    async def scenario(backend: CeleryBackend) -> None:
        before = await settled(backend)
        answers = await asyncio.gather(*(predict(backend) for _ in range(48)))
        assert {answer["models"][0]["top"][0]["label"] for answer in answers} == {"cat"}
        now = await settled(backend)
        assert now.images == before.images + 48
        assert now.batches < before.batches + 48
        assert backend.stats().in_flight == 0

    run(scenario)


def test_a_late_request_is_given_up_and_skipped(
    frozen: WorkerProcess, run: Any, redis_server: RedisServer
) -> None:
    async def scenario(backend: CeleryBackend) -> None:
        before = await settled(backend)
        frozen.freeze()
        started_s = monotonic()
        with pytest.raises(DeadlineExceeded):
            await predict(backend, deadline_s=0.3)
        assert monotonic() - started_s < QUICK_S
        frozen.thaw()
        assert len((await predict(backend))["models"]) == 1
        assert (await settled(backend)).waits == before.waits + 1

    run(scenario)
    assert leftovers(redis_server) == []


def test_the_request_of_a_client_who_left_is_skipped(
    frozen: WorkerProcess, run: Any, redis_server: RedisServer
) -> None:
    async def scenario(backend: CeleryBackend) -> None:
        before = await settled(backend)
        frozen.freeze()
        work = asyncio.create_task(predict(backend))
        await eventually(lambda: leftovers(redis_server), "the request is in Redis")
        work.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        await eventually(lambda: not leftovers(redis_server), "its blobs are gone")
        frozen.thaw()
        await predict(backend)
        assert (await settled(backend)).waits == before.waits + 1

    run(scenario)


def test_a_full_queue_refuses_at_once(
    frozen: WorkerProcess, run: Any, redis_server: RedisServer
) -> None:
    async def scenario(backend: CeleryBackend) -> None:
        await ready(backend)
        frozen.freeze()
        waiting = [asyncio.create_task(predict(backend)) for _ in range(2)]
        await eventually(lambda: backend.stats().in_flight == 2, "two are in flight")
        started_s = monotonic()
        with pytest.raises(Overloaded) as refusal:
            await predict(backend)
        assert monotonic() - started_s < QUICK_S
        assert refusal.value.retry_after_s > 0
        frozen.thaw()
        assert all([len((await one)["models"]) == 1 for one in waiting])

    run(scenario, max_queue=2)


def test_the_queue_of_several_services_together_is_bounded(
    worker: WorkerProcess, run: Any, redis_server: RedisServer
) -> None:
    async def scenario(backend: CeleryBackend) -> None:
        await ready(backend)
        worker.freeze()
        try:
            with redis_server.client() as client:
                client.rpush(INTERACTIVE, *["{}"] * 4)
                with pytest.raises(Overloaded):
                    await predict(backend)
                client.delete(INTERACTIVE)
        finally:
            worker.thaw()

    run(scenario, max_queue=3)


def test_a_redis_that_is_away_is_told_and_forgiven(
    worker: WorkerProcess, run: Any, redis_server: RedisServer
) -> None:
    async def scenario(backend: CeleryBackend) -> None:
        await predict(backend)
        redis_server.stop()
        for _ in range(3):
            started_s = monotonic()
            with pytest.raises(QueueUnavailable):
                await predict(backend)
            assert monotonic() - started_s < QUICK_S
        await eventually(lambda: not backend.readiness().ready, "it is noticed")
        assert "Redis cannot be reached" in backend.readiness().detail
        redis_server.start()
        await ready(backend)
        assert len((await predict(backend))["models"]) == 1

    run(scenario)


def test_a_request_outlives_a_redis_that_was_wiped(
    frozen: WorkerProcess, run: Any, redis_server: RedisServer
) -> None:
    async def scenario(backend: CeleryBackend) -> None:
        await ready(backend)
        frozen.freeze()
        work = asyncio.create_task(predict(backend))
        await eventually(lambda: leftovers(redis_server), "the request is in Redis")
        await asyncio.to_thread(redis_server.stop)
        await asyncio.to_thread(redis_server.start)
        frozen.thaw()
        assert len((await work)["models"]) == 1

    run(scenario)


def test_a_request_is_given_up_when_redis_stays_away(
    frozen: WorkerProcess, run: Any, redis_server: RedisServer
) -> None:
    async def scenario(backend: CeleryBackend) -> None:
        await ready(backend)
        frozen.freeze()
        work = asyncio.create_task(predict(backend))
        await eventually(lambda: leftovers(redis_server), "the request is in Redis")
        await asyncio.to_thread(redis_server.stop)
        with pytest.raises(QueueUnavailable):
            await work
        await asyncio.to_thread(redis_server.start)

    run(scenario)


def test_no_worker_is_told_at_once(tmp_path: Path, cache: Path) -> None:
    lonely = RedisServer(tmp_path)

    async def scenario() -> None:
        async with backend_of(lonely, cache) as backend:
            started_s = monotonic()
            with pytest.raises(NoWorker, match="ipvit worker --queue interactive"):
                await predict(backend)
            assert monotonic() - started_s < QUICK_S
            assert backend.readiness().error is NoWorker
            assert backend.loaded() == ()

    try:
        asyncio.run(scenario())
    finally:
        lonely.stop()


def test_a_backend_without_redis_starts_and_says_so(tmp_path: Path, cache: Path) -> None:
    server = RedisServer(tmp_path)
    server.stop()

    async def scenario() -> None:
        async with backend_of(server, cache) as backend:
            with pytest.raises(QueueUnavailable):
                await predict(backend)
            assert backend.readiness().error is QueueUnavailable
            backend.wake(3)

    asyncio.run(scenario())


def test_the_request_of_a_dead_worker_goes_to_another(
    start_worker: StartWorker, worker: WorkerProcess, run: Any, redis_server: RedisServer
) -> None:
    other = start_worker()
    other.wait_for(READY)

    async def scenario(backend: CeleryBackend) -> None:
        await eventually(lambda: backend.stats().workers[INTERACTIVE] == 2, "both are heard of")
        other.freeze()
        worker.freeze()
        work = [asyncio.create_task(predict(backend)) for _ in range(4)]
        await eventually(lambda: len(leftovers(redis_server)) == 4, "the requests are in Redis")
        other.kill()
        worker.thaw()
        assert all([len((await one)["models"]) == 1 for one in work])
        await eventually(lambda: backend.stats().workers[INTERACTIVE] == 1, "one is gone")

    run(scenario)


def test_a_worker_told_to_end_says_goodbye(
    start_worker: StartWorker, worker: WorkerProcess, run: Any, redis_server: RedisServer
) -> None:
    other = start_worker()
    other.wait_for(READY)

    async def scenario(backend: CeleryBackend) -> None:
        await eventually(lambda: backend.stats().workers[INTERACTIVE] == 2, "both are heard of")
        other.terminate()
        assert await asyncio.to_thread(other.wait) == 0
        answers = await asyncio.gather(*(predict(backend) for _ in range(8)))
        assert len(answers) == 8
        await eventually(lambda: backend.stats().workers[INTERACTIVE] == 1, "it is gone")

    run(scenario)
    with redis_server.client() as client:
        wait_until(lambda: client.scard(WORKERS) == 1, "its name is off the list")
