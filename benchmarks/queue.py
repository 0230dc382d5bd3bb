"""What the job store, the broker and Celery cost, by themselves and for each shard of a job.

Run as `python -m benchmarks.queue`. Needs redis-server and PostgreSQL, as the tests do, and starts
its own. A job of many short shards is run in one process and by a Celery worker with one process,
in turns; the time between shards is what the queue costs, whatever else the machine does.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psycopg

from app.settings import Settings
from benchmarks.machine import describe
from benchmarks.queue_place import MODEL, WAIT_S, Place, producer_of, worker
from benchmarks.queue_requests import measure_requests
from ipvit.datasets.catalogue import DatasetCatalogue
from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.parameters import read_params
from ipvit.models.specs import MODELS
from jobs.records import DatasetFacts, Job, JobRequest, ShardOutcome, ShardPlan
from jobs.store import JobStore
from tests.postgresql import PostgreSQL
from tests.redis_server import RedisServer
from wire.names import EVALUATION, INTERACTIVE, WORK_TASK
from workers.evaluation import EvaluationOptions, EvaluationWorker

RESULTS = Path(__file__).parent / "results"
DATASET, EXPERIMENT = "cifar10-sample", "patch-drop"
KINDS = ("in_process", "celery")
SHARD_S = 30.0
PARTIAL_BYTES = 4096


def each_ms(act: Callable[[], object], times: int) -> float:
    """Median duration of one call."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken)


def request_of(catalogue: DatasetCatalogue, runs: int) -> JobRequest:
    """A job whose shards take about as long as `runs` says."""
    dataset = catalogue.open(DATASET)
    facts = DatasetFacts(DATASET, "folder", dataset.fingerprint, len(dataset), len(dataset.classes))
    given = {"modes": ["random"], "ratios": [0.5], "runs": runs}
    params = read_params(EXPERIMENTS[EXPERIMENT], given).model_dump(mode="json")
    return JobRequest(EXPERIMENT, (MODEL,), facts, params, 0)


def plan_of(request: JobRequest, shards: int) -> list[ShardPlan]:
    """Equal pieces."""
    size = request.dataset.images // shards
    return [ShardPlan(MODEL, start * size, (start + 1) * size, size) for start in range(shards)]


def measure_store(url: str, request: JobRequest, shards: int, clients: int) -> dict[str, float]:
    """Cost of a shard's transactions for one worker, and how many shards a second many reach."""
    store = JobStore(url, patience_s=60)
    outcome = ShardOutcome(bytes(PARTIAL_BYTES), (), seconds=1.0, precision="fp32", device="cpu")
    plan = [ShardPlan(MODEL, n, n + 1, 1) for n in range(shards)]

    def work_one(owner: str) -> bool:
        shard = store.claim_shard(owner, 30.0)
        if shard is None:
            return False
        store.renew(shard.lease, 30.0, 1)
        store.complete(shard.lease, outcome)
        return True

    def work_all(owner: str) -> None:
        while work_one(owner):
            pass

    started = time.perf_counter()
    store.create_job(request, plan)
    create_s = time.perf_counter() - started
    single_ms = each_ms(lambda: work_one("one"), shards // 2)
    started = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        list(pool.map(work_all, [f"worker {n}" for n in range(clients)]))
    together_s = time.perf_counter() - started
    idle_ms = each_ms(lambda: store.claim_shard("idle", 30.0), 50)
    store.create_job(request, plan)
    held = store.claim_shard("one", 600.0)
    assert held is not None
    look_ms = each_ms(lambda: store.standing(held.lease), 100)
    renew_ms = each_ms(lambda: store.renew(held.lease, 600.0, 1), 100)
    store.close()
    return {
        "create_ms_a_shard": 1000 * create_s / shards,
        "shard_ms": single_ms,
        "clients": clients,
        "shards_per_s_together": (shards - shards // 2) / together_s,
        "idle_claim_ms": idle_ms,
        "look_ms": look_ms,
        "renew_ms": renew_ms,
    }


def measure_broker(place: Place, messages: int) -> dict[str, float]:
    """Cost of a wake-up: sending it, and taking one that finds no work."""
    producer = producer_of(place)
    wake_up = lambda: producer.send_task(WORK_TASK, queue=EVALUATION)  # noqa: E731
    wake_up()
    publish_ms = each_ms(wake_up, messages)
    with worker(place), place.redis.client() as client:

        def drain() -> float:
            started = time.perf_counter()
            while client.llen(EVALUATION) or client.hlen("unacked"):
                time.sleep(0.002)
            return time.perf_counter() - started

        drain()  # those sent above, while the worker was still warming up
        for _ in range(messages):
            wake_up()
        drain_s = drain()
    return {"publish_ms": publish_ms, "empty_message_ms": 1000 * drain_s / messages}


def measure_gaps(place: Place, request: JobRequest, shards: int, rounds: int) -> dict[str, Any]:
    """Time between shards in one process and by a Celery worker, in turns."""
    gaps: dict[str, list[float]] = {kind: [] for kind in KINDS}
    shard_s: dict[str, list[float]] = {kind: [] for kind in KINDS}
    store = JobStore(place.database_url, patience_s=60)
    options = EvaluationOptions(
        specs=MODELS,
        cache_dir=place.folder / "cache",
        data_dir=place.folder / "data",
        decode_cache_bytes=10**9,
        precision="fp32",
    )
    own = EvaluationWorker(store, options)
    producer = producer_of(place)
    with worker(place):
        for turn in range(rounds + 1):
            for kind in KINDS:
                job = store.create_job(request, plan_of(request, shards))
                if kind == "in_process":
                    while own.work_one():
                        pass
                else:
                    for _ in range(shards):
                        producer.send_task(WORK_TASK, queue=EVALUATION)
                gap_s, taken_s = _gap(place, _finished(store, job.id), shards)
                if turn:  # the first loads models and decodes
                    gaps[kind].append(gap_s)
                    shard_s[kind].append(taken_s)
    own.close()
    store.close()
    median = {kind: statistics.median(values) for kind, values in gaps.items()}
    extra_s = median["celery"] - median["in_process"]
    return {
        "shards": shards,
        "rounds": rounds,
        "shard_s": {kind: statistics.median(values) for kind, values in shard_s.items()},
        "gap_ms": {kind: 1000 * value for kind, value in median.items()},
        "overhead_of_these_shards": extra_s / statistics.median(shard_s["in_process"]),
        "overhead_of_30_s_shards": extra_s / SHARD_S,
    }


def requests(place: Place, times: int) -> dict[str, Any]:
    """What the way over Redis adds to `/predict`."""
    settings = Settings.model_validate(
        {
            "backend": "celery",
            "redis_url": place.redis.url,
            "database_url": f"sqlite:///{place.folder}/embedded.sqlite3",
            "cache": place.folder / "cache",
            "models": (MODEL,),
            "precision": "fp32",
            "threads": 1,
        }
    )
    with worker(place, INTERACTIVE):
        return measure_requests(settings, MODEL, times)


def _finished(store: JobStore, job_id: str) -> Job:
    end = time.monotonic() + WAIT_S
    while not (job := store.job(job_id)).finished:
        if time.monotonic() > end:
            raise RuntimeError(f"job {job_id} did not finish: {job.progress}")
        time.sleep(0.05)
    if job.state != "succeeded":
        raise RuntimeError(f"job {job_id} {job.state}: {job.error}")
    return job


def _gap(place: Place, job: Job, shards: int) -> tuple[float, float]:
    """Seconds between two shards, and of one shard."""
    with psycopg.connect(place.database_url) as connection:
        row = connection.execute(
            "SELECT sum(seconds) FROM shards WHERE job_id = %s", (job.id,)
        ).fetchone()
    assert row is not None
    assert job.started_at is not None
    assert job.finished_at is not None
    worked_s = float(row[0])
    return (job.finished_at - job.started_at - worked_s) / shards, worked_s / shards


def main() -> None:
    """Measure, write `results/queue.json`, print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.queue", description=main.__doc__)
    parser.add_argument("--shards", type=int, default=400, help="of the store's measurement")
    parser.add_argument("--messages", type=int, default=500, help="of the broker's measurement")
    parser.add_argument("--job-shards", type=int, default=16, help="of the jobs that are run")
    parser.add_argument("--runs", type=int, default=40, help="draws of those jobs")
    parser.add_argument("--rounds", type=int, default=3, help="times those jobs are run")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    asked = parser.parse_args()
    machine = describe()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        redis, postgresql = RedisServer(folder), PostgreSQL()
        try:
            catalogue = DatasetCatalogue(folder / "data", folder / "cache")
            request = request_of(catalogue, asked.runs)
            sqlite = f"sqlite:///{folder}/jobs.sqlite3"
            record = {
                "machine": machine,
                "store": {
                    "sqlite": measure_store(sqlite, request, asked.shards, 4),
                    "postgresql": measure_store(
                        postgresql.new_database(), request, asked.shards, 16
                    ),
                },
            }
            place = Place(folder, redis, postgresql.new_database())
            record["broker"] = measure_broker(place, asked.messages)
            record["requests"] = requests(place, asked.messages)
            record["job"] = measure_gaps(place, request, asked.job_shards, asked.rounds)
        finally:
            redis.stop()
            postgresql.close()
    text = json.dumps(record, indent=1)
    asked.results.mkdir(parents=True, exist_ok=True)
    (asked.results / "queue.json").write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
