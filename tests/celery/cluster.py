"""A whole installation in processes of its own: service, workers, Redis, PostgreSQL."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

import httpx

from tests.postgresql import PostgreSQL
from tests.redis_server import RedisServer
from tests.worker_process import MAIN, ROOT, WAIT_S, WorkerProcess, wait_until

MODELS = ("pocket_cnn", "pocket_deit")
EXPERIMENT = "patch-drop"
PARAMS: Mapping[str, Any] = {
    "modes": ["random", "salient"],
    "ratios": [0.5],
    "runs": 3,
    "saliency_model": "pocket_deit_shape",
}
LONG_PARAMS: Mapping[str, Any] = {"modes": ["random"], "ratios": [0.1, 0.5, 0.9], "runs": 100}
SHORT_PARAMS: Mapping[str, Any] = {"modes": ["random"], "ratios": [0.5], "runs": 1}
DATASET, IMAGES_A_CLASS, BROKEN = "few", 8, "dog/0001-broken.png"


class Cluster:
    """One service and any number of workers on a database and a broker."""

    def __init__(self, folder: Path, redis: RedisServer, postgresql: PostgreSQL) -> None:
        self.folder, self.redis, self.postgresql = folder, redis, postgresql
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self._port = listener.getsockname()[1]
        self.environment = {
            "IPVIT_BACKEND": "celery",
            "IPVIT_REDIS_URL": redis.url,
            "IPVIT_DATABASE_URL": postgresql.new_database(),
            "IPVIT_PORT": str(self._port),
            "IPVIT_CACHE": str(folder / "cache"),
            "IPVIT_DATA_DIR": str(folder / "data"),
            "IPVIT_MODELS": ",".join(MODELS),
            "IPVIT_PRECISION": "fp32",
            "IPVIT_THREADS": "1",
            "IPVIT_EVALUATION_BATCH": "2",
            "IPVIT_SHARD_S": "0.5",
            "IPVIT_LEASE_S": "2",
            "IPVIT_RECONCILE_S": "0.3",
        }
        _make_dataset(folder / "data" / DATASET)
        self._service: subprocess.Popen[bytes] | None = None
        self._workers: list[WorkerProcess] = []
        self._usual: WorkerProcess | None = None
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=30)

    def start_service(self) -> None:
        """Start it, and return once it answers."""
        with (self.folder / "service.log").open("ab") as log:
            self._service = subprocess.Popen(
                [*PROGRAM, "serve"],
                cwd=ROOT,
                env=_clean(os.environ) | self.environment,
                stdout=log,
                stderr=log,
            )

        def answers() -> bool:
            assert self._service is not None
            assert self._service.poll() is None, (self.folder / "service.log").read_text()
            try:
                return self.client.get("/healthz").status_code == 200
            except httpx.TransportError:
                return False

        wait_until(answers, "the service answers")

    def kill_service(self) -> None:
        """As a power cut would."""
        if self._service is not None:
            self._service.send_signal(signal.SIGKILL)
            self._service.wait(WAIT_S)
            self._service = None

    def start_worker(self, *, processes: int = 1, **changes: str) -> WorkerProcess:
        """An evaluation worker, once all its processes are ready.

        changes: settings by their variable's name.
        """
        log = self.folder / f"worker-{len(self._workers)}.log"
        options = ("--concurrency", str(processes))
        worker = WorkerProcess("evaluation", self.environment | changes, log, *options)
        self._workers.append(worker)
        wait_until(lambda: worker.said("works on jobs on cpu") >= processes, worker.log)
        return worker

    def worker(self) -> WorkerProcess:
        """One with one process: that of the last test if it lives."""
        if self._usual is None or not self._usual.lives():
            self._usual = self.start_worker()
        return self._usual

    def submit(self, params: Mapping[str, Any] = PARAMS, **changes: Any) -> str:
        """Queue a job; its id."""
        body = {
            "experiment": EXPERIMENT,
            "models": MODELS,
            "dataset": DATASET,
            "params": params,
        } | changes
        answer = self.client.post("/jobs", content=json.dumps(body), headers=JSON)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """How it stands."""
        answer = self.client.get(f"/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    def wait_until_under_way(self, job_id: str) -> None:
        """Return once something is done and something is not."""
        wait_until(lambda: self.job(job_id)["progress"]["done"] > 0, f"job {job_id} is under way")
        assert self.job(job_id)["state"] == "running"

    def result(self, job_id: str) -> dict[str, Any]:
        """Its result, once it has succeeded."""

        def finished() -> bool:
            job = self.job(job_id)
            assert job["state"] not in ("failed", "cancelled"), job["error"]
            return bool(job["state"] == "succeeded")

        wait_until(finished, f"job {job_id} succeeds")
        return dict(self.client.get(f"/jobs/{job_id}/result").json())

    def evaluate_here(self, folder: Path, params: Mapping[str, Any], *options: str) -> Any:
        """The result of the same evaluation by the command line, in one process."""
        given = [f"--param={name}={_as_text(value)}" for name, value in params.items()]
        models = [f"--model={name}" for name in MODELS]
        subprocess.run(
            [*PROGRAM, "evaluate", EXPERIMENT, *models, *given, "--out", str(folder), *options],
            cwd=ROOT,
            env=_clean(os.environ) | self.environment,
            check=True,
            capture_output=True,
        )
        return json.loads((folder / "result.json").read_text())

    def close(self) -> None:
        """End everything but Redis and PostgreSQL."""
        self.client.close()
        self.kill_service()
        for worker in self._workers:
            worker.close()


PROGRAM = (sys.executable, "-c", MAIN)
JSON = {"content-type": "application/json"}


def numbers(result: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """What must be the same wherever a job ran: every row's condition, value and counts."""
    return [
        (row["model"], row["condition"], row["metric"], row["value"], row["images"], row["runs"])
        for row in result["rows"]
    ]


def _make_dataset(folder: Path) -> None:
    """A few images of the sample that ships, and one in their midst that does not decode."""
    if folder.exists():
        return
    sample = Path(str(resources.files("ipvit.datasets"))) / "samples" / "cifar10-sample"
    for source in (path for path in sorted(sample.iterdir()) if path.is_dir()):
        (folder / source.name).mkdir(parents=True)
        for picture in sorted(source.iterdir())[:IMAGES_A_CLASS]:
            shutil.copy(picture, folder / source.name / picture.name)
    (folder / BROKEN).write_bytes(b"\x89PNG\r\n\x1a\n and no more")


def _as_text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def _clean(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environment.items() if not name.startswith("IPVIT_")}
    return kept | {"OMP_NUM_THREADS": "1"}
