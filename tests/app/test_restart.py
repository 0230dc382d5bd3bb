"""`ipvit serve` in a process of its own, killed and started again in the middle of a job."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import httpx
import pytest

from app.job_client import JobClient
from ipvit.datasets.catalogue import SAMPLES_FOLDER
from tests.waiting import finished, wait_for

IMAGES_A_CLASS = 6
LEASE_S = 2
START_S = 120
SERVE = "from app.cli import main; main()"
JOB = {
    "experiment": "patch-drop",
    "models": ["pocket_cnn"],
    "dataset": "photos",
    "params": {"ratios": [0.5], "runs": 5},
    "seed": 1,
}
LONG = JOB | {"params": {"ratios": [0.5], "runs": 100}}


class Service:
    """A service whose process may die; its data stays."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start, and return once its models are loaded."""
        settings = {
            "CACHE": self.folder / "cache",
            "DATA_DIR": self.folder / "data",
            "DATABASE_URL": f"sqlite:///{self.folder}/jobs.sqlite3",
            "MODELS": "pocket_cnn",
            "PRECISION": "fp32",
            "EVALUATION_BATCH": 4,
            "LEASE_S": LEASE_S,
            "RECONCILE_S": 0.2,
            "PORT": self.port,
        }
        environment = {f"IPVIT_{name}": str(value) for name, value in settings.items()}
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", SERVE, "serve"],
                env=os.environ | environment | {"OMP_NUM_THREADS": "1"},
                stderr=log,
                stdout=log,
            )
        end = monotonic() + START_S
        while True:
            try:
                if httpx.get(f"{self.url}/readyz").status_code == 200:
                    return
            except httpx.TransportError:
                pass
            assert self.process.poll() is None, (self.folder / "log").read_text()
            assert monotonic() < end, (self.folder / "log").read_text()
            sleep(0.05)

    def send(self, sign: signal.Signals) -> None:
        """End it, one way or another."""
        assert self.process is not None
        self.process.send_signal(sign)
        self.process.wait(START_S)
        self.process = None

    def claims(self, job_id: str) -> tuple[int, int]:
        """How many shards a job has, and how often they were claimed."""
        connection = sqlite3.connect(self.folder / "jobs.sqlite3")
        query = "SELECT count(*), sum(claim) FROM shards WHERE job_id = ?"
        found: tuple[int, int] = connection.execute(query, (job_id,)).fetchone()
        connection.close()
        return found


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    for folder in (SAMPLES_FOLDER / "cifar10-sample").iterdir():
        if folder.is_dir():
            copied = tmp_path / "data" / "photos" / folder.name
            copied.mkdir(parents=True)
            for image in sorted(folder.glob("*.jpg"))[:IMAGES_A_CLASS]:
                shutil.copy(image, copied)
    running = Service(tmp_path)
    running.start()
    yield running
    if running.process is not None:
        running.process.kill()
        running.process.wait(START_S)


def submit(client: httpx.Client, job: Any) -> str:
    answer = client.post("/jobs", json=job)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def wait_until_under_way(client: httpx.Client, job_id: str) -> None:
    wait_for(lambda: client.get(f"/jobs/{job_id}").json()["progress"]["done"] > 0)


def test_a_killed_service_loses_nothing(service: Service) -> None:
    with httpx.Client(base_url=service.url, timeout=30) as client:
        job_id = submit(client, JOB)
        wait_until_under_way(client, job_id)
        service.send(signal.SIGKILL)
        service.start()
        assert finished(client, job_id).state == "succeeded"
        shards, claims = service.claims(job_id)
        assert claims <= shards + 1
        undisturbed = submit(client, JOB)
        assert finished(client, undisturbed).state == "succeeded"
        first, second = (client.get(f"/jobs/{one}/result").json() for one in (job_id, undisturbed))
        assert first["rows"] == second["rows"]
        assert first["rows"][0]["images"] == 10 * IMAGES_A_CLASS


def test_a_service_told_to_end_gives_its_shard_back_and_ends_its_streams(
    service: Service,
) -> None:
    states: list[str] = []
    with httpx.Client(base_url=service.url, timeout=30) as client:
        job_id = submit(client, LONG)
        wait_until_under_way(client, job_id)
        watcher = JobClient(service.url)

        def watch() -> None:
            states.extend(job["state"] for job in watcher.watch(job_id))

        thread = Thread(target=watch)
        thread.start()
        wait_for(lambda: states)
        began = monotonic()
        service.send(signal.SIGTERM)
        assert monotonic() - began < 20
        service.start()
        # Its lease was given back, so nobody waits for it to run out.
        shards, claims = service.claims(job_id)
        assert claims <= shards + 1
        client.delete(f"/jobs/{job_id}")
        thread.join()
        assert states[-1] == "cancelled"
