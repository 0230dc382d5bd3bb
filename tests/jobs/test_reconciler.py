"""What waits is found again, whoever has died."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.reconciler import DAY_S, Reconciler
from jobs.store import JobStore
from tests.jobs.test_store import LEASE_S, Clock, finalise, submit
from tests.waiting import wait_for


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[JobStore]:
    job_store = JobStore(f"sqlite:///{tmp_path}/jobs.sqlite3", patience_s=0.1, clock=clock)
    yield job_store
    job_store.close()


class Calls:
    """What a reconciler did."""

    def __init__(self, store: JobStore, keep_days: float = 0) -> None:
        self.woken: list[int] = []
        self.to_finalise = 0
        self.reconciler = Reconciler(
            store,
            wake=self.woken.append,
            finalise=self.finalise,
            period_s=0.01,
            keep_days=keep_days,
        )

    def finalise(self) -> bool:
        self.to_finalise -= 1
        return self.to_finalise >= 0


def test_workers_are_woken_for_what_waits(store: JobStore, clock: Clock) -> None:
    calls = Calls(store)
    calls.reconciler.look()
    submit(store, "a")
    calls.reconciler.look()
    store.claim_shard("w", LEASE_S)
    store.claim_shard("x", LEASE_S)
    calls.reconciler.look()
    clock.now += LEASE_S + 1
    calls.reconciler.look()
    assert calls.woken == [2, 2]


def test_all_results_that_nobody_built_are_built(store: JobStore) -> None:
    calls = Calls(store)
    calls.to_finalise = 3
    calls.reconciler.look()
    assert calls.to_finalise == -1


def test_old_jobs_are_forgotten_if_that_is_wanted(store: JobStore, clock: Clock) -> None:
    job = submit(store, "a")
    finalise(store)
    store.succeed(job.id, {})
    clock.now += 2 * DAY_S
    Calls(store).reconciler.look()
    Calls(store, keep_days=3).reconciler.look()
    assert store.jobs() != []
    Calls(store, keep_days=1).reconciler.look()
    assert store.jobs() == []


def test_it_goes_on_after_an_error(store: JobStore) -> None:
    submit(store, "a")
    calls = Calls(store)
    errors = [RuntimeError("once"), RuntimeError("twice")]

    def fail_twice() -> bool:
        if errors:
            raise errors.pop()
        return False

    calls.reconciler._finalise = fail_twice
    calls.reconciler.start()
    wait_for(lambda: calls.woken)
    calls.reconciler.close()
    assert errors == []
