"""How fast `/predict` answers while a job runs in the same process, against an idle server.

`python -m benchmarks interactive`; a part of `make bench`. Idle and busy phases take turns on one
server, so that whatever else the machine does weighs on both; the answer is the ratio of their
medians.
"""

import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import httpx

from benchmarks.photos import photos
from benchmarks.processes import Server, server
from benchmarks.report import Report, heading, table

PAIRS = (
    ("pocket_deit", "pocket_deit"),
    ("pocket_deit", "random_deit_t"),
    ("random_deit_t", "random_deit_t"),
)
"""Models asked, and models of the job."""

WAIT_S = 300
IMAGES = 6000
RUNS = 4


def measure(rounds: int = 3, seconds: float = 8.0) -> Report:
    """All pairs, in milliseconds and images a second."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["IPVIT_DATABASE_URL"] = f"sqlite:///{folder}/jobs.sqlite3"
        os.environ["IPVIT_DATA_DIR"] = f"{folder}/data"
        os.environ["IPVIT_EVALUATION_BATCH"] = "16"
        _write_dataset(Path(folder) / "data" / "photos" / "tench")
        _write_dataset(Path(folder) / "data" / "small" / "cat")
        models = {name for pair in PAIRS for name in pair}
        with server("app", "/readyz", sorted(models)) as running, _client(running) as client:
            found = [_pair(client, *pair, rounds, seconds) for pair in PAIRS]
    return {"rounds": rounds, "seconds": seconds, "pairs": found}


def _write_dataset(folder: Path) -> None:
    """Photos in the folder of a class; what they show does not matter."""
    folder.mkdir(parents=True)
    pictures = photos()
    for number in range(IMAGES):
        target = folder / f"{number:04}.jpg"
        if number < len(pictures):
            target.write_bytes(pictures[number])
        else:
            target.hardlink_to(folder / f"{number % len(pictures):04}.jpg")


def _client(running: Server) -> httpx.Client:
    return httpx.Client(base_url=f"http://127.0.0.1:{running.port}", timeout=WAIT_S)


def _pair(client: httpx.Client, asked: str, evaluated: str, rounds: int, seconds: float) -> Report:
    idle, busy, beside, alone = [], [], [], []
    _latencies(client, asked, 1)
    for _ in range(rounds):
        idle += _latencies(client, asked, seconds)
        job = _submit(client, evaluated)
        alone.append(_forwards_per_s(client, job, lambda: time.sleep(seconds)))
        beside.append(
            _forwards_per_s(client, job, lambda: busy.extend(_latencies(client, asked, seconds)))
        )
        assert client.delete(job).json()["state"] == "cancelled", "the job ended too early"
        time.sleep(1)
    idle_ms, busy_ms = (1000 * statistics.median(times) for times in (idle, busy))
    return {
        "asked": asked,
        "evaluated": evaluated,
        "idle_p50_ms": round(idle_ms, 2),
        "busy_p50_ms": round(busy_ms, 2),
        "busy_p95_ms": round(1000 * statistics.quantiles(busy, n=20)[-1], 2),
        "ratio": round(busy_ms / idle_ms, 2),
        "job_alone_forwards_per_s": round(statistics.median(alone), 1),
        "job_beside_requests_forwards_per_s": round(statistics.median(beside), 1),
    }


def _forwards_per_s(client: httpx.Client, job: str, meanwhile: Callable[[], object]) -> float:
    """How fast a job goes while something happens."""

    def done() -> int:
        return int(client.get(job).json()["progress"]["done"])

    started_s, before = time.perf_counter(), done()
    meanwhile()
    return RUNS * (done() - before) / (time.perf_counter() - started_s)


def _latencies(client: httpx.Client, model: str, seconds: float) -> list[float]:
    """Seconds from sending to the whole answer, one request after the other for a while."""
    pictures, times = photos(), []
    end_s = time.perf_counter() + seconds
    while (started_s := time.perf_counter()) < end_s:
        files = {"image": ("photo.jpg", pictures[len(times) % len(pictures)])}
        answer = client.post("/predict", files=files, data={"model": model})
        times.append(time.perf_counter() - started_s)
        answer.raise_for_status()
    return times


def _submit(client: httpx.Client, model: str) -> str:
    """A job that does not end by itself, once it computes; its address."""
    job = {
        "experiment": "patch-shuffle",
        "models": [model],
        "dataset": "small" if model.startswith("pocket") else "photos",
        "params": {"grids": ["2x2"], "runs": RUNS},
    }
    answer = client.post("/jobs", json=job)
    answer.raise_for_status()
    address = str(answer.headers["location"])
    end_s = time.monotonic() + WAIT_S
    while client.get(address).json()["state"] == "queued":
        assert time.monotonic() < end_s, "the job did not begin"
        time.sleep(0.05)
    return address


def markdown(machine: Report, measured: Report) -> str:
    """The page."""
    lines = [
        *heading("Requests while a job runs", machine),
        "One server in embedded mode, one client asking `/predict` again and again, without and "
        f"with a job of patch-shuffle, {measured['rounds']} turns of {measured['seconds']:g} s. "
        "Forward passes of the job a second: alone, and beside the requests.",
        "",
        *table(
            (
                "asked",
                "job",
                "idle p50, ms",
                "with the job p50, ms",
                "p95, ms",
                "ratio (≤ 3)",
                "job alone, 1/s",
                "beside, 1/s",
            ),
            (tuple(str(value) for value in pair.values()) for pair in measured["pairs"]),
        ),
    ]
    return "\n".join([*lines, ""])
