"""What the job store, the broker and Celery cost, by themselves and for each shard of a job.

`python -m benchmarks queue`; a part of `make bench`. Needs redis-server and PostgreSQL, as the
tests do, and starts its own. A job of many short shards is run in one process and by a Celery
worker with one process, in turns; the time between shards is what the queue costs, whatever else
the machine does.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from app.settings import Settings
from benchmarks.queue_place import MODEL, WAIT_S, Place, producer_of, worker
from benchmarks.queue_requests import measure_requests
from benchmarks.report import Report, heading, table
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

DATASET, EXPERIMENT = "cifar10-sample", "patch-drop"
KINDS = ("in_process", "celery")
SHARD_S = 30.0
PARTIAL_BYTES = 4096
STORE_SHARDS, MESSAGES = 400, 500
JOB_SHARDS, RUNS, ROUNDS = 16, 40, 3


def measure() -> Report:
    """All measurements."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        redis, postgresql = RedisServer(folder), PostgreSQL()
        try:
            catalogue = DatasetCatalogue(folder / "data", folder / "cache")
            request = request_of(catalogue)
            sqlite = f"sqlite:///{folder}/jobs.sqlite3"
            place = Place(folder, redis, postgresql.new_database())
            return {
                "store": {
                    "sqlite": measure_store(sqlite, request, clients=4),
                    "postgresql": measure_store(postgresql.new_database(), request, clients=16),
                },
                "broker": measure_broker(place),
                "requests": requests(place),
                "job": measure_gaps(place, request),
            }
        finally:
            redis.stop()
            postgresql.close()


def each_ms(act: Callable[[], object], times: int) -> float:
    """Median duration of one call."""
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken)


def request_of(catalogue: DatasetCatalogue) -> JobRequest:
    """A job of one condition."""
    dataset = catalogue.open(DATASET)
    facts = DatasetFacts(DATASET, "folder", dataset.fingerprint, len(dataset), len(dataset.classes))
    given = {"modes": ["random"], "ratios": [0.5], "runs": RUNS}
    params = read_params(EXPERIMENTS[EXPERIMENT], given).model_dump(mode="json")
    return JobRequest(EXPERIMENT, (MODEL,), facts, params, 0)


def plan_of(request: JobRequest, shards: int) -> list[ShardPlan]:
    """Equal pieces."""
    size = request.dataset.images // shards
    return [ShardPlan(MODEL, start * size, (start + 1) * size, size) for start in range(shards)]


def measure_store(url: str, request: JobRequest, clients: int) -> dict[str, float]:
    """Cost of a shard's transactions for one worker, and how many shards a second many reach."""
    store = JobStore(url, patience_s=60)
    outcome = ShardOutcome(bytes(PARTIAL_BYTES), (), seconds=1.0, precision="fp32", device="cpu")
    shards = STORE_SHARDS
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


def measure_broker(place: Place) -> dict[str, float]:
    """Cost of a wake-up: sending it, and taking one that finds no work."""
    producer = producer_of(place)
    wake_up = lambda: producer.send_task(WORK_TASK, queue=EVALUATION)  # noqa: E731
    wake_up()
    publish_ms = each_ms(wake_up, MESSAGES)
    with worker(place), place.redis.client() as client:

        def drain() -> float:
            started = time.perf_counter()
            while client.llen(EVALUATION) or client.hlen("unacked"):
                time.sleep(0.002)
            return time.perf_counter() - started

        drain()  # those sent above, while the worker was still warming up
        for _ in range(MESSAGES):
            wake_up()
        drain_s = drain()
    return {"publish_ms": publish_ms, "empty_message_ms": 1000 * drain_s / MESSAGES}


def measure_gaps(place: Place, request: JobRequest) -> Report:
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
        for turn in range(ROUNDS + 1):
            for kind in KINDS:
                job = store.create_job(request, plan_of(request, JOB_SHARDS))
                if kind == "in_process":
                    while own.work_one():
                        pass
                else:
                    for _ in range(JOB_SHARDS):
                        producer.send_task(WORK_TASK, queue=EVALUATION)
                gap_s, taken_s = _gap(place, _finished(store, job.id))
                if turn:  # the first loads models and decodes
                    gaps[kind].append(gap_s)
                    shard_s[kind].append(taken_s)
    own.close()
    store.close()
    median = {kind: statistics.median(values) for kind, values in gaps.items()}
    extra_s = median["celery"] - median["in_process"]
    return {
        "shards": JOB_SHARDS,
        "rounds": ROUNDS,
        "shard_s": {kind: statistics.median(values) for kind, values in shard_s.items()},
        "gap_ms": {kind: 1000 * value for kind, value in median.items()},
        "overhead_of_these_shards": extra_s / statistics.median(shard_s["in_process"]),
        "overhead_of_30_s_shards": extra_s / SHARD_S,
    }


def requests(place: Place) -> Report:
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
        return measure_requests(settings, MODEL, MESSAGES)


def _finished(store: JobStore, job_id: str) -> Job:
    end = time.monotonic() + WAIT_S
    while not (job := store.job(job_id)).finished:
        if time.monotonic() > end:
            raise RuntimeError(f"job {job_id} did not finish: {job.progress}")
        time.sleep(0.05)
    if job.state != "succeeded":
        raise RuntimeError(f"job {job_id} {job.state}: {job.error}")
    return job


def _gap(place: Place, job: Job) -> tuple[float, float]:
    """Seconds between two shards, and of one shard."""
    with psycopg.connect(place.database_url) as connection:
        row = connection.execute(
            "SELECT sum(seconds) FROM shards WHERE job_id = %s", (job.id,)
        ).fetchone()
    assert row is not None
    assert job.started_at is not None
    assert job.finished_at is not None
    worked_s = float(row[0])
    return (job.finished_at - job.started_at - worked_s) / JOB_SHARDS, worked_s / JOB_SHARDS


def markdown(machine: Report, measured: Report) -> str:
    """The page."""
    job, asked = measured["job"], measured["requests"]
    stores = measured["store"].items()
    lines = [
        *heading("Store, broker and Celery", machine),
        "A shard's own transactions are claim, renew and complete; medians of one worker.",
        "",
        *table(
            (
                "store",
                "a shard's transactions, ms",
                "shards/s of many workers",
                "reading the lease, ms",
                "renewing, ms",
                "claim when idle, ms",
                "creating, ms a shard",
            ),
            (
                (
                    name,
                    f"{taken['shard_ms']:.1f}",
                    f"{taken['shards_per_s_together']:.0f} ({taken['clients']} workers)",
                    *(
                        f"{taken[key]:.2f}"
                        for key in ("look_ms", "renew_ms", "idle_claim_ms", "create_ms_a_shard")
                    ),
                )
                for name, taken in stores
            ),
        ),
        "",
        f"A wake-up over Redis: {measured['broker']['publish_ms']:.2f} ms to send, "
        f"{measured['broker']['empty_message_ms']:.1f} ms for a worker to take one and find no "
        "work.",
        "",
        "## Celery against in-process",
        "",
        f"The same job of {job['shards']} shards of {job['shard_s']['in_process']:.1f} s, in one "
        f"process and by a Celery worker of one process in turns, medians of {job['rounds']} "
        "rounds. Overhead is what Celery adds to the time between two shards.",
        "",
        *table(
            (
                "between shards in-process, ms",
                "by Celery, ms",
                "overhead of these shards",
                "of 30 s shards (≤ 3 %)",
            ),
            [
                (
                    *(f"{job['gap_ms'][kind]:.1f}" for kind in KINDS),
                    f"{100 * job['overhead_of_these_shards']:.2f} %",
                    f"{100 * job['overhead_of_30_s_shards']:.3f} %",
                )
            ],
        ),
        "",
        "## Requests",
        "",
        f"`/predict`'s task with a photo of {asked['photo_bytes'] // 1000} kB, called embedded and "
        "over Redis in turns.",
        "",
        *table(
            ("backend", "alone, p50 ms", f"{asked['callers']} callers, requests/s"),
            (
                (kind, f"{asked[kind]['alone_p50_ms']:.1f}", f"{asked[kind]['together_per_s']:.0f}")
                for kind in ("embedded", "celery")
            ),
        ),
    ]
    return "\n".join([*lines, ""])
