import asyncio
import io
import threading
from collections.abc import AsyncIterator
from concurrent.futures import CancelledError
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from app.backends import create_backend
from app.backends.embedded import EmbeddedBackend
from app.settings import Settings
from ipvit.errors import DeadlineExceeded, InvalidImage, Overloaded, UnknownName
from ipvit.registry import Registry
from tests.tiny_model import TINY
from workers import tasks
from workers.calls import Call

WAIT_S = 60
PARAMS = {"models": ["tiny"], "top_k": 2}


def photo() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(cache=tmp_path, models=("tiny",), precision="fp32", threads=1)


@asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[EmbeddedBackend]:
    backend = EmbeddedBackend(settings, Registry("model", [TINY]))
    await backend.start()
    try:
        yield backend
    finally:
        await backend.close()


def predict(backend: EmbeddedBackend, **changes: Any) -> Any:
    asked: dict[str, Any] = {"deadline_s": WAIT_S, "blobs": {"image": photo()}} | changes
    return backend.run(asked.pop("task", "predict"), PARAMS, **asked)


class Held:
    """A task that waits, as one does whose images are queued."""

    def __init__(self) -> None:
        self.entered, self.left, self.release = (threading.Event() for _ in range(3))
        self.call: Call | None = None

    def __call__(self, params: Any, blobs: Any, call: Call) -> dict[str, Any]:
        self.call = call
        self.entered.set()
        assert self.release.wait(WAIT_S)
        self.left.set()
        call.check()
        return {}


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Held:
    task = Held()
    monkeypatch.setattr(tasks, "TASKS", {**tasks.TASKS, "held": task})
    return task


def test_runs_a_task(settings: Settings) -> None:
    async def scenario() -> None:
        async with running(settings) as backend:
            answer = await predict(backend)
            assert len(answer["models"][0]["top"]) == 2
            assert backend.readiness().ready
            assert backend.loaded() == ("tiny",)
            assert backend.stats().images == 1

    asyncio.run(scenario())


def test_is_not_ready_before_it_has_started(settings: Settings) -> None:
    backend = create_backend(settings, Registry("model", [TINY]))
    assert not backend.readiness().ready
    assert backend.loaded() == ()
    assert backend.stats().images == 0
    asyncio.run(backend.close())


def test_a_failed_start_is_told(settings: Settings) -> None:
    async def scenario() -> None:
        async with running(settings.model_copy(update={"models": ("absent",)})) as backend:
            with pytest.raises(UnknownName):
                await predict(backend)
            assert not backend.readiness().ready
            assert "absent" in backend.readiness().detail

    asyncio.run(scenario())


def test_errors_arrive_as_they_were_raised(settings: Settings) -> None:
    async def scenario() -> None:
        async with running(settings) as backend:
            with pytest.raises(InvalidImage):
                await predict(backend, blobs={"image": b"no image"})
            with pytest.raises(UnknownName):
                await predict(backend, task="dance")
            assert backend.stats().in_flight == 0

    asyncio.run(scenario())


def test_concurrent_requests_are_answered_each_with_its_own(settings: Settings) -> None:
    async def scenario() -> None:
        async with running(settings) as backend:
            answers = await asyncio.gather(*(predict(backend) for _ in range(64)))
            assert len(answers) == 64
            assert backend.stats().images == 64

    asyncio.run(scenario())


def test_a_late_answer_is_given_up(settings: Settings, held: Held) -> None:
    async def scenario() -> None:
        async with running(settings) as backend:
            await predict(backend)
            with pytest.raises(DeadlineExceeded):
                await predict(backend, task="held", deadline_s=0.05)
            held.release.set()

    asyncio.run(scenario())


def test_a_client_who_goes_calls_the_work_off(settings: Settings, held: Held) -> None:
    async def scenario() -> None:
        async with running(settings) as backend:
            work = asyncio.create_task(predict(backend, task="held"))
            await asyncio.to_thread(held.entered.wait, WAIT_S)
            work.cancel()
            with pytest.raises(asyncio.CancelledError):
                await work
            assert held.call is not None
            with pytest.raises(CancelledError), held.call.decoded(b""):
                pass
            held.release.set()
            assert await asyncio.to_thread(held.left.wait, WAIT_S)

    asyncio.run(scenario())


def test_too_many_in_flight_are_refused_until_some_are_done(settings: Settings, held: Held) -> None:
    async def scenario() -> None:
        async with running(settings.model_copy(update={"max_queue": 1})) as backend:
            work = asyncio.create_task(predict(backend, task="held"))
            await asyncio.to_thread(held.entered.wait, WAIT_S)
            with pytest.raises(Overloaded) as refusal:
                await predict(backend)
            assert refusal.value.retry_after_s > 0
            held.release.set()
            await work
            assert len((await predict(backend))["models"]) == 1

    asyncio.run(scenario())


def test_close_leaves_no_thread(settings: Settings) -> None:
    before = set(threading.enumerate())

    def own_threads() -> list[str]:
        started = set(threading.enumerate()) - before
        return [thread.name for thread in started if thread.name.startswith(("lane", "task"))]

    async def scenario() -> None:
        async with running(settings) as backend:
            await predict(backend)
            assert own_threads()

    asyncio.run(scenario())
    assert own_threads() == []


def task_threads() -> int:
    return sum(thread.name.startswith("task") for thread in threading.enumerate())


def test_predict_takes_a_thread_only_to_load_its_model(settings: Settings) -> None:
    async def scenario() -> None:
        before = task_threads()
        async with running(settings) as backend:
            answer = await predict(backend)
            assert answer["image"] == {"width": 40, "height": 30, "format": "PNG"}
            assert task_threads() == before
        async with running(settings.model_copy(update={"models": ()})) as backend:
            loading = await predict(backend)
            assert task_threads() == before + 1
            assert loading["models"] == answer["models"] == (await predict(backend))["models"]

    asyncio.run(scenario())


def test_a_photo_that_comes_too_late_is_given_up(settings: Settings) -> None:
    async def scenario() -> None:
        async with running(settings) as backend:
            await predict(backend)
            with pytest.raises(DeadlineExceeded):
                await predict(backend, deadline_s=0.0)
            assert (await predict(backend))["models"]

    asyncio.run(scenario())
