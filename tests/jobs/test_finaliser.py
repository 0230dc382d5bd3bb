"""Results are built from shards in any order, and a failure to build one is told."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ipvit.experiments.experiment import Partial
from ipvit.experiments.partials import pack_partial
from ipvit.models.specs import MODELS
from jobs import finaliser
from jobs.finaliser import Tally, finalise_next, rows_of
from jobs.records import Job, ShardOutcome
from jobs.results import MAX_FINALISE_ATTEMPTS
from jobs.store import JobStore
from tests.jobs.test_store import LEASE_S, plan, request

PARAMS = {"corners": ["whole"]}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    job_store = JobStore(f"sqlite:///{tmp_path}/jobs.sqlite3", patience_s=0.1)
    yield job_store
    job_store.close()


@pytest.fixture
def job(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> Job:
    """A job whose rows are the sums of its shards."""

    def rows(_experiment: Any, _params: Any, record: Any) -> list[dict[str, Any]]:
        return [{"model": record.spec.name, "value": float(record.sums["seen"])}]

    def result(*_: Any, models: Any, failed: Any, **__: Any) -> dict[str, Any]:
        found = [row for record in models for row in rows(None, None, record)]
        return {"rows": found, "failed": failed, "seconds": [model.seconds for model in models]}

    monkeypatch.setattr(finaliser, "model_rows", rows)
    monkeypatch.setattr(finaliser, "build_result", result)
    asked = request("pocket_deit", "pocket_cnn", experiment="placement", params=PARAMS)
    return store.create_job(asked, plan(asked))


def do_shards(store: JobStore, numbers: list[int], value: float = 1.0) -> None:
    shards = [store.claim_shard("w", LEASE_S) for _ in range(4)]
    for number in numbers:
        shard = shards[number]
        assert shard is not None
        sums = {"seen": np.float64(value * 10**number)}
        store.complete(
            shard.lease,
            ShardOutcome(
                pack_partial(Partial(images=shard.images, sums=sums)),
                ({"path": f"{number}.png", "error": "broken"},),
                seconds=1.0,
                precision="fp32",
                device="cpu",
            ),
        )


def test_rows_grow_with_the_shards(store: JobStore, job: Job) -> None:
    tallies = [Tally(model) for model in job.request.models]
    do_shards(store, [1, 3, 0, 2])
    tallies[0].update(store, job.id)
    assert (tallies[0].numbers, tallies[0].images) == ({0, 1}, 10)
    tallies[0].update(store, job.id)
    tallies[1].update(store, job.id)
    assert [row["value"] for row in rows_of(job, tallies, MODELS)] == [11.0, 1100.0]


def test_the_last_shard_gives_the_result(store: JobStore, job: Job, tmp_path: Path) -> None:
    assert not finalise_next(store, MODELS, tmp_path)
    do_shards(store, [3, 1, 0, 2])
    assert finalise_next(store, MODELS, tmp_path)
    assert store.job(job.id).state == "succeeded"
    result = store.result(job.id)
    assert [row["value"] for row in result["rows"]] == [11.0, 1100.0]
    assert sorted(image["path"] for image in result["failed"]) == [
        "0.png",
        "1.png",
        "2.png",
        "3.png",
    ]
    assert result["seconds"] == [2.0, 2.0]
    assert not finalise_next(store, MODELS, tmp_path)


def test_a_result_that_cannot_be_built_fails_the_job_with_the_reason(
    store: JobStore, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ValueError("a row is missing\nand more")

    do_shards(store, [0, 1, 2, 3])
    monkeypatch.setattr(finaliser, "build_result", broken)
    for _ in range(MAX_FINALISE_ATTEMPTS):
        assert store.job(job.id).state == "running"
        assert finalise_next(store, MODELS, tmp_path)
    assert not finalise_next(store, MODELS, tmp_path)
    error = store.job(job.id).error
    assert error is not None
    assert error.detail == "ValueError: a row is missing"


def test_shards_of_different_machines_are_named(store: JobStore, job: Job) -> None:
    outcome = ShardOutcome(
        pack_partial(Partial(images=5, sums={"seen": np.float64(1)})), (), 1.0, "fp32", "cpu"
    )
    for changes in ({}, {"precision": "bf16", "device": "cuda:0"}):
        shard = store.claim_shard("w", LEASE_S)
        assert shard is not None
        store.complete(shard.lease, replace(outcome, **changes))
    tally = Tally(job.request.models[0])
    tally.update(store, job.id)
    record = tally.record(MODELS["pocket_deit"], "")
    assert (record.precision, record.device) == ("bf16, fp32", "cpu, cuda:0")
