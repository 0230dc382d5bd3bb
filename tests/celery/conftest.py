"""Real Redis servers and real workers with the shipped models, fp32 on one thread."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from app.settings import Settings
from tests.redis_server import RedisServer
from tests.worker_process import WorkerProcess

MODELS = ("pocket_deit_shape", "pocket_cnn")
READY = "takes requests"

StartWorker = Callable[..., WorkerProcess]


def celery_settings(redis: RedisServer, cache: Path, **changes: object) -> Settings:
    """The service's settings."""
    values: dict[str, object] = {
        "backend": "celery",
        "redis_url": redis.url,
        "models": MODELS,
        "saliency_model": "pocket_deit_shape",
        "cache": cache,
        "precision": "fp32",
        "threads": 1,
    }
    return Settings.model_validate(values | changes)


def environment(settings: Settings) -> Mapping[str, str]:
    """The same settings for a worker."""
    return {
        "IPVIT_REDIS_URL": settings.redis_url,
        "IPVIT_MODELS": ",".join(settings.models),
        "IPVIT_SALIENCY_MODEL": settings.saliency_model or "",
        "IPVIT_CACHE": str(settings.cache),
        "IPVIT_PRECISION": settings.precision,
        "IPVIT_THREADS": str(settings.threads),
    }


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """For all tests of analyses."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture(scope="session")
def start_worker(
    redis_server: RedisServer, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[StartWorker]:
    """Start interactive workers; they end with the session."""
    started: list[WorkerProcess] = []
    folder = tmp_path_factory.mktemp("workers")

    def start() -> WorkerProcess:
        settings = celery_settings(redis_server, cache)
        log = folder / f"{len(started)}.log"
        started.append(WorkerProcess("interactive", environment(settings), log))
        return started[-1]

    yield start
    for worker in started:
        worker.close()


@pytest.fixture(scope="session")
def worker(start_worker: StartWorker) -> WorkerProcess:
    """One that is ready."""
    started = start_worker()
    started.wait_for(READY)
    return started
