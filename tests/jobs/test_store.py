"""The store on SQLite and on a real PostgreSQL: claims, leases, failures, results."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from ipvit.errors import InvalidInput, JobNotFinished, UnknownJob
from jobs.leases import MAX_FAILURES, MAX_LOSSES
from jobs.records import DatasetFacts, Job, JobError, JobRequest, ShardOutcome, ShardPlan
from jobs.results import MAX_FINALISE_ATTEMPTS
from jobs.store import JobStore

LEASE_S = 30.0
FACTS = DatasetFacts("photos", "folder", "f1", images=10, classes=2)
OUTCOME = ShardOutcome(b"partial", (), seconds=2.0, precision="fp32", device="cpu")
OOPS = JobError("error", "oops")


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(database_url: str, clock: Clock) -> Iterator[JobStore]:
    job_store = JobStore(database_url, patience_s=0.5, clock=clock)
    yield job_store
    job_store.close()


def request(*models: str, **changes: object) -> JobRequest:
    values = {
        "experiment": "patch-drop",
        "models": models or ("a", "b"),
        "dataset": FACTS,
        "params": {"runs": 1},
        "seed": 2**63 - 1,
    }
    return JobRequest(**(values | changes))  # type: ignore[arg-type]


def plan(job: JobRequest, size: int = 5) -> list[ShardPlan]:
    return [
        ShardPlan(model, start, start + size, forwards=10 * size)
        for model in job.models
        for start in range(0, job.dataset.images, size)
    ]


def submit(store: JobStore, *models: str, **changes: object) -> Job:
    job = request(*models, **changes)
    return store.create_job(job, plan(job))


def work_off(store: JobStore, owner: str = "w") -> int:
    shards = 0
    while (shard := store.claim_shard(owner, LEASE_S)) is not None:
        store.complete(shard.lease, OUTCOME)
        shards += 1
    return shards


def test_a_job_is_kept_as_it_was_asked_for(store: JobStore) -> None:
    job = submit(store)
    assert store.job(job.id) == job
    assert (job.state, job.request) == ("queued", request())
    assert (job.progress.done, job.progress.total, job.progress.shards) == (0, 20, 4)
    assert (job.started_at, job.finished_at, job.error) == (None, None, None)


def test_shards_are_claimed_in_order_and_older_jobs_first(store: JobStore, clock: Clock) -> None:
    first = submit(store, "a")
    clock.now += 1
    second = submit(store, "b")
    claimed = [store.claim_shard("w", LEASE_S) for _ in range(5)]
    assert [shard and (shard.lease.job_id, shard.start, shard.stop) for shard in claimed] == [
        (first.id, 0, 5),
        (first.id, 5, 10),
        (second.id, 0, 5),
        (second.id, 5, 10),
        None,
    ]
    assert store.job(first.id).state == "running"
    assert store.job(first.id).started_at == clock.now
    assert store.available() == 0


def test_many_workers_never_get_the_same_shard(database_url: str) -> None:
    store = JobStore(database_url, patience_s=30)
    job = request("a")
    many = [ShardPlan("a", n, n + 1, 1) for n in range(60)]
    store.create_job(job, many)
    barrier = threading.Barrier(8)

    def claim_all(owner: int) -> list[int]:
        barrier.wait()
        numbers = []
        while (shard := store.claim_shard(f"worker {owner}", LEASE_S)) is not None:
            numbers.append(shard.lease.number)
        return numbers

    with ThreadPoolExecutor(8) as pool:
        claims = Counter(number for numbers in pool.map(claim_all, range(8)) for number in numbers)
    store.close()
    assert claims == Counter(range(60))


def test_of_two_last_shards_one_is_the_last(database_url: str) -> None:
    store = JobStore(database_url, patience_s=30)
    for _ in range(5):
        submit(store, "a")
        shards = [store.claim_shard("w", LEASE_S) for _ in range(2)]
        barrier = threading.Barrier(2)

        def complete(
            number: int, shards: list = shards, barrier: threading.Barrier = barrier
        ) -> bool:  # type: ignore[type-arg]
            barrier.wait()
            return store.complete(shards[number].lease, OUTCOME)

        with ThreadPoolExecutor(2) as pool:
            assert sorted(pool.map(complete, range(2))) == [False, True]
    store.close()


def test_a_lease_that_runs_out_is_taken_over(store: JobStore, clock: Clock) -> None:
    submit(store, "a")
    lost = store.claim_shard("lost", LEASE_S)
    assert lost is not None
    clock.now += LEASE_S + 1
    assert store.available() == 2
    taken = store.claim_shard("heir", LEASE_S)
    assert taken is not None
    assert (taken.start, taken.lease.claim) == (lost.start, lost.lease.claim + 1)
    assert store.renew(lost.lease, LEASE_S, 3) == "lost"
    assert not store.release(lost.lease)
    store.fail_attempt(lost.lease, OOPS, final=True)
    assert store.renew(taken.lease, LEASE_S, 3) == "mine"


def test_the_same_worker_that_comes_back_does_not_hold_its_old_lease(
    store: JobStore, clock: Clock
) -> None:
    submit(store, "a")
    old = store.claim_shard("w", LEASE_S)
    clock.now += LEASE_S + 1
    new = store.claim_shard("w", LEASE_S)
    assert old is not None
    assert new is not None
    assert store.renew(old.lease, LEASE_S, 0) == "lost"
    assert store.renew(new.lease, LEASE_S, 0) == "mine"


def test_a_renewed_lease_is_kept(store: JobStore, clock: Clock) -> None:
    job = submit(store, "a")
    shard = store.claim_shard("w", LEASE_S)
    assert shard is not None
    for images_done in range(4):
        clock.now += LEASE_S - 1
        assert store.renew(shard.lease, LEASE_S, images_done) == "mine"
    assert store.available() == 1
    assert store.job(job.id).progress.done == 3


def test_a_lease_that_ran_out_unnoticed_is_still_ours(store: JobStore, clock: Clock) -> None:
    submit(store, "a")
    shard = store.claim_shard("suspended laptop", LEASE_S)
    assert shard is not None
    clock.now += 100 * LEASE_S
    assert store.renew(shard.lease, LEASE_S, 1) == "mine"
    assert store.available() == 1


def test_a_shard_is_written_once(store: JobStore, clock: Clock) -> None:
    job = submit(store, "a")
    slow = store.claim_shard("slow", LEASE_S)
    clock.now += LEASE_S + 1
    heir = store.claim_shard("heir", LEASE_S)
    assert slow is not None
    assert heir is not None
    assert not store.complete(slow.lease, OUTCOME)
    assert store.renew(heir.lease, LEASE_S, 1) == "lost"
    other = ShardOutcome(b"other", (), 1.0, "bf16", "cuda:0")
    assert not store.complete(heir.lease, other)
    assert [part.outcome for part in store.parts(job.id, "a")] == [OUTCOME]
    assert work_off(store) == 1


def test_a_shard_given_back_is_the_next_one(store: JobStore) -> None:
    submit(store, "a")
    shard = store.claim_shard("w", LEASE_S)
    assert shard is not None
    assert store.release(shard.lease)
    again = store.claim_shard("x", LEASE_S)
    assert again is not None
    assert again.start == shard.start


def test_the_third_error_fails_the_job(store: JobStore) -> None:
    job = submit(store, "a")
    for _ in range(MAX_FAILURES):
        assert store.job(job.id).state in ("queued", "running")
        shard = store.claim_shard("w", LEASE_S)
        assert shard is not None
        store.fail_attempt(shard.lease, OOPS)
    failed = store.job(job.id)
    assert (failed.state, failed.error) == ("failed", OOPS)
    assert store.claim_shard("w", LEASE_S) is None


def test_a_final_error_fails_the_job_at_once(store: JobStore) -> None:
    job = submit(store, "a")
    shard = store.claim_shard("w", LEASE_S)
    other = store.claim_shard("x", LEASE_S)
    assert shard is not None
    assert other is not None
    store.fail_attempt(shard.lease, OOPS, final=True)
    assert store.job(job.id).state == "failed"
    assert store.renew(other.lease, LEASE_S, 1) == "cancelled"


def test_a_shard_that_kills_its_workers_fails_the_job(store: JobStore, clock: Clock) -> None:
    job = submit(store, "a")
    for _ in range(MAX_LOSSES):
        assert store.claim_shard("victim", LEASE_S) is not None
        clock.now += LEASE_S + 1
    assert store.claim_shard("victim", LEASE_S) is None
    failed = store.job(job.id)
    assert failed.error is not None
    assert "images 0 to 4" in failed.error.detail


def test_cancel_takes_the_shards_away(store: JobStore, clock: Clock) -> None:
    job = submit(store, "a")
    shard = store.claim_shard("w", LEASE_S)
    assert shard is not None
    cancelled = store.request_cancel(job.id)
    assert (cancelled.state, cancelled.cancel_requested) == ("cancelled", True)
    assert cancelled.finished_at == clock.now
    assert store.renew(shard.lease, LEASE_S, 1) == "cancelled"
    assert not store.complete(shard.lease, OUTCOME)
    assert store.available() == 0
    clock.now += 1
    assert store.request_cancel(job.id) == cancelled


def finalise(store: JobStore) -> Job:
    work_off(store)
    job = store.claim_finalising(LEASE_S)
    assert job is not None
    return job


def test_a_result_replaces_what_the_shards_found(store: JobStore) -> None:
    job = submit(store)
    assert store.claim_finalising(LEASE_S) is None
    assert finalise(store).id == job.id
    assert store.claim_finalising(LEASE_S) is None
    with pytest.raises(JobNotFinished, match="running"):
        store.result(job.id)
    store.succeed(job.id, {"rows": [1.5, None, "é"]})
    assert store.result(job.id) == {"rows": [1.5, None, "é"]}
    assert store.job(job.id).state == "succeeded"
    assert list(store.parts(job.id, "a")) == []
    store.succeed(job.id, {"rows": []})
    assert store.result(job.id)["rows"]


def test_parts_come_in_the_order_of_the_images(store: JobStore) -> None:
    job = submit(store)
    shards = [store.claim_shard("w", LEASE_S) for _ in range(4)]
    for shard in reversed(shards):
        assert shard is not None
        store.complete(shard.lease, OUTCOME)
    assert [(part.model, part.start, part.stop) for part in store.parts(job.id, "b")] == [
        ("b", 0, 5),
        ("b", 5, 10),
    ]


def test_a_finaliser_that_vanishes_is_replaced(store: JobStore, clock: Clock) -> None:
    job = submit(store)
    finalise(store)
    clock.now += LEASE_S + 1
    again = store.claim_finalising(LEASE_S)
    assert again is not None
    assert again.id == job.id


def test_a_result_that_cannot_be_built_fails_the_job(store: JobStore) -> None:
    job = submit(store)
    work_off(store)
    for _ in range(MAX_FINALISE_ATTEMPTS):
        assert store.claim_finalising(LEASE_S) is not None
        store.fail_finalising(job.id, OOPS)
    assert store.claim_finalising(LEASE_S) is None
    assert store.job(job.id).error == OOPS


def test_speed_is_that_of_one_worker(store: JobStore, clock: Clock) -> None:
    job = submit(store, "a")
    assert store.forwards_per_s("a") is None
    shard = store.claim_shard("w", LEASE_S)
    assert shard is not None
    assert store.job(job.id).progress.eta_s is None
    clock.now += 2
    store.complete(shard.lease, OUTCOME)
    assert store.forwards_per_s("a") == pytest.approx(50 / 2)
    store.claim_shard("w", LEASE_S)
    progress = store.job(job.id).progress
    assert progress.images_per_s == pytest.approx(5 / 2)
    assert progress.eta_s == pytest.approx(2)


def test_jobs_are_listed_newest_first_page_by_page(store: JobStore, clock: Clock) -> None:
    jobs = []
    for _ in range(5):
        jobs.append(submit(store, "a").id)
        clock.now += 1
    submit(store, "a", experiment="placement")
    store.request_cancel(jobs[0])
    listed = [job.id for job in store.jobs(experiment="patch-drop", limit=2)]
    assert listed == [jobs[4], jobs[3]]
    listed = [job.id for job in store.jobs(experiment="patch-drop", before=jobs[3])]
    assert listed == [jobs[2], jobs[1], jobs[0]]
    assert [job.id for job in store.jobs(states=["cancelled", "failed"])] == [jobs[0]]
    assert [job.request.experiment for job in store.jobs(experiment="placement")] == ["placement"]
    assert store.jobs(experiment="none") == []


def test_jobs_of_the_same_moment_are_listed_once_each(store: JobStore) -> None:
    ids = {submit(store, "a").id for _ in range(5)}
    seen: list[str] = []
    while page := store.jobs(limit=2, before=seen[-1] if seen else None):
        seen += [job.id for job in page]
    assert sorted(seen) == sorted(ids)


def test_old_jobs_are_forgotten(store: JobStore, clock: Clock) -> None:
    old = submit(store, "a")
    finalise(store)
    store.succeed(old.id, {})
    clock.now += 100
    waiting = submit(store, "a")
    assert store.delete_finished(older_than_s=101) == 0
    assert store.delete_finished(older_than_s=99) == 1
    for call in (store.job, store.result, store.delete_job, store.request_cancel):
        with pytest.raises(UnknownJob, match=old.id):
            call(old.id)
    assert store.job(waiting.id).state == "queued"


@pytest.mark.parametrize("call", ["renew", "complete", "release", "fail"])
def test_a_deleted_job_stops_its_worker(store: JobStore, call: str) -> None:
    job = submit(store, "a")
    shard = store.claim_shard("w", LEASE_S)
    assert shard is not None
    store.delete_job(job.id)
    calls: dict[str, Callable[[], object]] = {
        "renew": lambda: store.renew(shard.lease, LEASE_S, 1) == "cancelled",
        "complete": lambda: not store.complete(shard.lease, OUTCOME),
        "release": lambda: not store.release(shard.lease),
        "fail": lambda: store.fail_attempt(shard.lease, OOPS) is None,
    }
    assert calls[call]()


@pytest.mark.parametrize(
    "url", ["", "nonsense", "mysql://host/db", "sqlite://", "sqlite:///:memory:"]
)
def test_an_unusable_url_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="expected a database URL"):
        JobStore(url)


@pytest.mark.parametrize("job_id", ["", "\x00", "x" * 5000, "é", "../jobs", "000000000000"])
def test_an_id_that_is_none_of_ours(store: JobStore, job_id: str) -> None:
    for call in (store.job, store.result, store.delete_job, store.request_cancel):
        with pytest.raises(UnknownJob):
            call(job_id)
    with pytest.raises(UnknownJob):
        store.jobs(before=job_id)
