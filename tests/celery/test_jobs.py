"""Evaluation jobs on real workers: the same numbers everywhere, and nothing is ever lost."""

import os
import shutil
import signal
from collections.abc import Iterator
from time import monotonic
from typing import Any

import pytest

from tests.celery.cluster import (
    BROKEN,
    DATASET,
    IMAGES_A_CLASS,
    LONG_PARAMS,
    PARAMS,
    SHORT_PARAMS,
    Cluster,
    numbers,
)
from tests.postgresql import PostgreSQL
from tests.redis_server import RedisServer
from tests.worker_process import wait_until

CANCEL_S = 2.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A service without workers."""
    folder = tmp_path_factory.mktemp("cluster")
    redis, postgresql = RedisServer(folder), PostgreSQL()
    whole = Cluster(folder, redis, postgresql)
    try:
        whole.start_service()
        yield whole
    finally:
        whole.close()
        redis.stop()
        postgresql.close()


@pytest.fixture(scope="module")
def expected(cluster: Cluster) -> Any:
    """The numbers of an undisturbed run in one process."""
    options = ("--data", DATASET, "--batch", "50")
    result = cluster.evaluate_here(cluster.folder / "here", PARAMS, *options)
    assert {row["images"] for row in result["rows"]} == {10 * IMAGES_A_CLASS}
    assert [entry["path"] for entry in result["failed"]] == [BROKEN]
    return numbers(result)


def test_one_process_gives_the_numbers_of_the_command_line(cluster: Cluster, expected: Any) -> None:
    worker = cluster.worker()
    assert worker.has_torch() == [False, True]
    result = cluster.result(cluster.submit())
    assert numbers(result) == expected
    assert [entry["path"] for entry in result["failed"]] == [BROKEN]


def test_a_disk_that_is_full_costs_time_only(cluster: Cluster, expected: Any) -> None:
    worker = cluster.worker()
    shutil.rmtree(cluster.folder / "cache" / "decoded")
    worker.limit_files(50_000)
    try:
        assert numbers(cluster.result(cluster.submit())) == expected
    finally:
        worker.limit_files(-1)
    assert "decoded images are not kept" in worker.log()


def test_redis_service_and_database_come_and_go(cluster: Cluster, expected: Any) -> None:
    cluster.worker()
    job_id = cluster.submit()
    cluster.wait_until_under_way(job_id)
    cluster.redis.stop()
    cluster.redis.start()
    cluster.kill_service()
    cluster.start_service()
    cluster.postgresql.stop()
    cluster.postgresql.start()
    assert numbers(cluster.result(job_id)) == expected


def test_a_killed_process_is_replaced_and_loses_nothing(cluster: Cluster, expected: Any) -> None:
    worker = cluster.worker()
    job_id = cluster.submit()
    cluster.wait_until_under_way(job_id)
    (child,) = worker.children()
    os.kill(child, signal.SIGKILL)
    assert numbers(cluster.result(job_id)) == expected
    assert child not in worker.children()


def test_cancelling_frees_the_worker(cluster: Cluster) -> None:
    cluster.worker()
    long_id = cluster.submit(LONG_PARAMS)
    cluster.wait_until_under_way(long_id)
    next_id = cluster.submit(SHORT_PARAMS)
    assert cluster.client.delete(f"/jobs/{long_id}").status_code == 202
    cancelled_s = monotonic()
    wait_until(lambda: cluster.job(next_id)["state"] != "queued", "the next job begins")
    assert monotonic() - cancelled_s < CANCEL_S
    cluster.result(next_id)
    assert cluster.job(long_id)["state"] == "cancelled"


def test_a_worker_told_to_end_gives_its_shard_back(cluster: Cluster, expected: Any) -> None:
    worker = cluster.worker()
    job_id = cluster.submit()
    cluster.wait_until_under_way(job_id)
    worker.terminate()
    assert worker.wait() == 0
    assert cluster.job(job_id)["state"] == "running"
    cluster.worker()
    assert numbers(cluster.result(job_id)) == expected


def test_a_killed_worker_loses_nothing_and_four_processes_finish(
    cluster: Cluster, expected: Any
) -> None:
    worker = cluster.worker()
    job_id = cluster.submit()
    cluster.wait_until_under_way(job_id)
    worker.kill()
    assert cluster.job(job_id)["state"] == "running"
    four = cluster.start_worker(processes=4, IPVIT_EVALUATION_BATCH="64")
    assert len(four.children()) == 4
    assert numbers(cluster.result(job_id)) == expected
    assert numbers(cluster.result(cluster.submit())) == expected
    four.close()


def test_the_embedded_backend_gives_the_same_numbers(cluster: Cluster, expected: Any) -> None:
    alone = Cluster(cluster.folder, cluster.redis, cluster.postgresql)
    alone.environment |= {
        "IPVIT_BACKEND": "embedded",
        "IPVIT_DATABASE_URL": f"sqlite:///{cluster.folder}/jobs.sqlite3",
        "IPVIT_EVALUATION_BATCH": "33",
        "IPVIT_SHARD_S": "5",
    }
    try:
        alone.start_service()
        assert numbers(alone.result(alone.submit())) == expected
    finally:
        alone.close()
