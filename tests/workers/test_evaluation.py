"""A worker on real data: same numbers however it is cut, and every way out of a shard."""

import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from time import monotonic
from typing import Any

import pytest

from ipvit.datasets.catalogue import SAMPLES_FOLDER, DatasetCatalogue
from ipvit.errors import StoreUnavailable
from ipvit.experiments import EXPERIMENTS
from ipvit.experiments.parameters import read_params
from ipvit.registry import Registry
from jobs.records import DatasetFacts, Job, JobRequest, Lease, ShardOutcome, ShardPlan
from jobs.store import JobStore
from tests.conftest import TINY_SPECS
from tests.datasets.folders import voc_folder
from tests.waiting import wait_for
from workers.evaluation import EvaluationOptions, EvaluationWorker

CLASSES, IMAGES_A_CLASS = ("cat", "dog", "ship"), 8
IMAGES = len(CLASSES) * IMAGES_A_CLASS
PARAMS = {"ratios": [0.0, 0.5], "runs": 2}
CANCEL_S = 2.0


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A small data set on the server, cut from the sample."""
    folder = tmp_path / "data" / "photos"
    for name in CLASSES:
        (folder / name).mkdir(parents=True)
        found = sorted((SAMPLES_FOLDER / "cifar10-sample").rglob(f"{name}/*.jpg"))
        for image in found[:IMAGES_A_CLASS]:
            shutil.copy(image, folder / name)
    return folder


@pytest.fixture
def options(tmp_path: Path) -> EvaluationOptions:
    return EvaluationOptions(
        specs=Registry("model", TINY_SPECS),
        cache_dir=tmp_path / "cache",
        data_dir=tmp_path / "data",
        decode_cache_bytes=10**8,
        precision="fp32",
    )


@pytest.fixture
def store(tmp_path: Path) -> Iterator[JobStore]:
    job_store = JobStore(f"sqlite:///{tmp_path}/jobs.sqlite3", patience_s=0.3)
    yield job_store
    job_store.close()


@pytest.fixture
def submit(photos: Path, options: EvaluationOptions, store: JobStore) -> Callable[..., Job]:
    def queue(
        size: int = 7,
        params: Any = PARAMS,
        experiment: str = "patch-drop",
        data: str = photos.name,
    ) -> Job:
        dataset = DatasetCatalogue(options.data_dir, options.cache_dir).open(data)
        facts = DatasetFacts(
            dataset.name, dataset.kind, dataset.fingerprint, len(dataset), len(dataset.classes)
        )
        values = read_params(EXPERIMENTS[experiment], params).model_dump(mode="json")
        models = ("tiny", "tiny_shape")
        plan = [
            ShardPlan(model, start, min(start + size, len(dataset)), 3 * size)
            for model in models
            for start in range(0, len(dataset), size)
        ]
        return store.create_job(JobRequest(experiment, models, facts, values, seed=5), plan)

    return queue


class Held:
    """A throttle that stops a worker in the middle of a shard until it is let go."""

    def __init__(self) -> None:
        self.entered, self.release = Event(), Event()

    def begin(self, model: str) -> None:
        """Nothing."""

    def next_batch(self, images: int) -> int:
        self.entered.set()
        assert self.release.wait(60)
        return images


class Tiring:
    """Small forward passes that never end by themselves."""

    def __init__(self) -> None:
        self.passes = 0

    def begin(self, model: str) -> None:
        """Nothing."""

    def next_batch(self, images: int) -> int:
        self.passes += 1
        return 1


def work_off(worker: EvaluationWorker) -> None:
    while worker.work_one():
        pass
    worker.close()


def rows(store: JobStore, job: Job) -> Any:
    assert store.job(job.id).state == "succeeded", store.job(job.id).error
    return store.result(job.id)["rows"]


def test_numbers_do_not_depend_on_shards_and_batches(
    store: JobStore, options: EvaluationOptions, submit: Callable[..., Job]
) -> None:
    found = []
    for size, batch in ((IMAGES, 64), (1, 64), (7, 4), (5, 1)):
        job = submit(size)
        worker = EvaluationWorker(store, replace(options, batch_images=batch))
        work_off(worker)
        found.append(rows(store, job))
        assert worker.shards_done == 2 * math.ceil(IMAGES / size)  # for each of two models
        assert worker.shard_seconds > 0
    assert found[0][0]["images"] == IMAGES
    assert all(other == found[0] for other in found[1:])


@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_every_experiment_runs_as_a_job(
    store: JobStore, options: EvaluationOptions, submit: Callable[..., Job], experiment: str
) -> None:
    data = "photos"
    if "masks" in EXPERIMENTS[experiment].needs:
        data = voc_folder(options.data_dir / "shapes").name
    job = submit(params={}, experiment=experiment, data=data)
    work_off(EvaluationWorker(store, replace(options, saliency_model="tiny")))
    assert rows(store, job)


def test_an_image_that_does_not_decode_is_reported_and_left_out(
    photos: Path, store: JobStore, options: EvaluationOptions, submit: Callable[..., Job]
) -> None:
    broken = sorted((photos / "dog").iterdir())[3]
    broken.write_bytes(broken.read_bytes()[:60])
    job = submit()
    work_off(EvaluationWorker(store, options))
    result = store.result(job.id)
    (failed,) = result["failed"]
    assert failed["path"] == f"dog/{broken.name}"
    assert failed["error"]
    assert {row["images"] for row in result["rows"]} == {IMAGES - 1}
    assert store.job(job.id).failed_images == 2


def test_a_cache_that_cannot_be_written_changes_nothing(
    store: JobStore, options: EvaluationOptions, submit: Callable[..., Job]
) -> None:
    first = submit()
    work_off(EvaluationWorker(store, options))
    decoded = options.cache_dir / "decoded"
    shutil.rmtree(decoded)
    decoded.write_text("a file where a folder belongs")
    second = submit()
    work_off(EvaluationWorker(store, options))
    assert rows(store, second) == rows(store, first)


def test_a_worker_told_to_stop_gives_its_shard_back(
    store: JobStore, options: EvaluationOptions, submit: Callable[..., Job]
) -> None:
    job, held = submit(IMAGES), Held()
    worker = EvaluationWorker(store, options, throttle=held)
    thread = Thread(target=worker.work_one)
    thread.start()
    assert held.entered.wait(60)
    assert store.available() == 1
    worker.stop()
    held.release.set()
    thread.join()
    assert store.available() == 2
    assert not worker.work_one()
    work_off(EvaluationWorker(store, options))
    assert rows(store, job)


def test_cancel_stops_a_worker_in_the_middle_of_a_shard(
    store: JobStore, options: EvaluationOptions, submit: Callable[..., Job]
) -> None:
    job = submit(IMAGES, params={"ratios": [0.5], "runs": 100})
    tiring = Tiring()
    worker = EvaluationWorker(store, options, throttle=tiring)
    thread = Thread(target=worker.work_one)
    thread.start()
    wait_for(lambda: tiring.passes)
    store.request_cancel(job.id)
    cancelled_s = monotonic()
    thread.join()
    assert monotonic() - cancelled_s < CANCEL_S
    assert tiring.passes < 100 * IMAGES
    assert store.job(job.id).state == "cancelled"
    assert not worker.work_one()


def test_a_worker_whose_shard_was_taken_over_lets_it_go(
    store: JobStore, options: EvaluationOptions, submit: Callable[..., Job]
) -> None:
    job, held = submit(IMAGES, params={}, experiment="placement"), Held()
    slow = EvaluationWorker(store, replace(options, lease_s=0.0), throttle=held)
    slow.name = "slow"
    thread = Thread(target=slow.work_one)
    thread.start()
    assert held.entered.wait(60)
    work_off(EvaluationWorker(store, options))
    first = rows(store, job)
    held.release.set()
    thread.join()
    assert store.result(job.id)["rows"] == first


def test_an_error_of_the_experiment_fails_the_job_after_three_attempts(
    store: JobStore,
    options: EvaluationOptions,
    submit: Callable[..., Job],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the network is on fire\nsecond line")

    monkeypatch.setattr("workers.evaluation.evaluate_range", broken)
    job = submit()
    work_off(EvaluationWorker(store, options))
    failed = store.job(job.id)
    assert failed.state == "failed"
    assert failed.error is not None
    assert failed.error.detail.startswith("model 'tiny', images 0 to 6: RuntimeError: the network")
    assert "second line" not in failed.error.detail


def test_a_data_set_that_has_changed_fails_the_job_at_once(
    photos: Path, store: JobStore, options: EvaluationOptions, submit: Callable[..., Job]
) -> None:
    job = submit()
    next((photos / "cat").iterdir()).unlink()
    worker = EvaluationWorker(store, options)
    assert worker.work_one()
    error = store.job(job.id).error
    assert error is not None
    assert "has changed" in error.detail
    assert not worker.work_one()


class Flaky(JobStore):
    """A real store whose database goes away when a shard is to be written."""

    away = 3

    def complete(self, lease: Lease, outcome: ShardOutcome) -> bool:
        if self.away:
            self.away -= 1
            raise StoreUnavailable("away")
        return super().complete(lease, outcome)


def test_a_computed_shard_waits_for_the_database(
    tmp_path: Path, store: JobStore, options: EvaluationOptions, submit: Callable[..., Job]
) -> None:
    job = submit(IMAGES)
    flaky = Flaky(f"sqlite:///{tmp_path}/jobs.sqlite3")
    work_off(EvaluationWorker(flaky, options))
    flaky.close()
    assert flaky.away == 0
    assert rows(store, job)


def test_the_second_job_on_the_same_images_does_not_decode_again(
    store: JobStore, options: EvaluationOptions, submit: Callable[..., Job]
) -> None:
    submit()
    work_off(EvaluationWorker(store, options))
    submit()
    worker = EvaluationWorker(store, options)
    while worker.work_one():
        pass
    (opened,) = worker._opened.values()
    assert opened.pixels.decoded == 0
    worker.close()
