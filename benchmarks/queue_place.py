"""Where the queue's costs are measured: a store, a broker, and workers started as users do."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from celery import Celery

from tests.redis_server import RedisServer
from wire.celery_settings import celery_settings
from wire.names import EVALUATION, INTERACTIVE

ROOT = Path(__file__).parent.parent
MODEL = "pocket_deit"
WAIT_S = 600
READY = {EVALUATION: "works on jobs on cpu", INTERACTIVE: "takes requests"}


@dataclass(frozen=True)
class Place:
    """Where the store, the broker and the files of a run are."""

    folder: Path
    redis: RedisServer
    database_url: str

    @property
    def environment(self) -> dict[str, str]:
        """The settings of a worker."""
        return {
            **os.environ,
            "IPVIT_REDIS_URL": self.redis.url,
            "IPVIT_DATABASE_URL": self.database_url,
            "IPVIT_CACHE": str(self.folder / "cache"),
            "IPVIT_DATA_DIR": str(self.folder / "data"),
            "IPVIT_MODELS": MODEL,
            "IPVIT_PRECISION": "fp32",
            "IPVIT_THREADS": "1",
            "OMP_NUM_THREADS": "1",
        }


@contextmanager
def worker(place: Place, queue: str = EVALUATION) -> Iterator[None]:
    """A worker of `queue`, ready; for evaluations with one process."""
    log = place.folder / "worker.log"
    log.unlink(missing_ok=True)
    program = "from app.cli import main; main()"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-c", program, "worker", "--queue", queue],
            cwd=ROOT,
            env=place.environment,
            stdout=stream,
            stderr=stream,
        )
    try:
        end = time.monotonic() + WAIT_S
        while READY[queue] not in log.read_text():
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the worker did not start: {log.read_text()}")
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(60)


def producer_of(place: Place) -> Celery:
    app = Celery("benchmark", set_as_current=False)
    app.conf.update(celery_settings(place.redis.url))
    return app
