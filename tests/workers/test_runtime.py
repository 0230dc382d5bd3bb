import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from ipvit.errors import DeadlineExceeded, Overloaded, UnknownName
from ipvit.registry import Registry
from tests.workers.probe import (
    WAIT_S,
    Gate,
    Probe,
    plain_forward,
    probe_spec,
    random_images,
    request,
)
from workers.runtime import Runtime

MakeRuntime = Callable[..., Runtime]


def hold(runtime: Runtime, gate: Gate) -> None:
    """Keep the only lane busy until the gate opens."""
    gate.close()
    runtime.submit(request(random_images(1)))
    assert gate.arrived.wait(WAIT_S)
    gate.batches.clear()


def test_what_waits_is_merged_into_one_forward(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime()
    hold(runtime, gate)
    asked = [random_images(count, seed=count) for count in (1, 3, 2)]
    futures = [runtime.submit(request(images)) for images in asked]
    gate.open()
    for images, future in zip(asked, futures, strict=True):
        assert_allclose(future.result(WAIT_S).logits, plain_forward(images), atol=1e-5)
    assert gate.batches == [6]


def test_models_are_not_merged_and_take_turns(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime(preload=("probe", "other"))
    hold(runtime, gate)
    futures = [
        runtime.submit(request(random_images(count), model))
        for count, model in ((1, "other"), (2, "probe"), (4, "other"))
    ]
    gate.open()
    assert [len(future.result(WAIT_S).logits) for future in futures] == [1, 2, 4]
    assert gate.batches == [5, 2]


def test_a_batch_is_bounded_in_images(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime(max_batch=4)
    hold(runtime, gate)
    futures = [runtime.submit(request(random_images(3, seed))) for seed in range(3)]
    gate.open()
    for seed, future in enumerate(futures):
        expected = plain_forward(random_images(3, seed))
        assert_allclose(future.result(WAIT_S).logits, expected, atol=1e-5)
    assert gate.batches == [4, 4, 1]


def test_an_oversize_request_is_split(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime(max_batch=4)
    images = random_images(11)
    result = runtime.submit(request(images)).result(WAIT_S)
    assert_allclose(result.logits, plain_forward(images), atol=1e-5)
    assert gate.batches == [4, 4, 3]


def test_idle_lanes_share_one_request(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime(threads=2)
    gate.close()
    images = random_images(10)
    future = runtime.submit(request(images))
    both = threading.Event()

    def watch() -> None:
        while len(gate.batches) < 2:
            gate.arrived.wait(0.01)
        both.set()

    threading.Thread(target=watch, daemon=True).start()
    assert both.wait(WAIT_S), "expected the second lane to take half"
    gate.open()
    assert_allclose(future.result(WAIT_S).logits, plain_forward(images), atol=1e-5)
    assert gate.batches == [5, 5]


def test_slices_reach_their_callers_under_64_threads(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(threads=2, max_batch=16)

    def ask(seed: int) -> bool:
        images = random_images(1 + seed % 5, seed)
        logits = runtime.submit(request(images)).result(WAIT_S).logits
        return bool(np.allclose(logits, plain_forward(images), atol=1e-5))

    with ThreadPoolExecutor(64) as pool:
        assert all(pool.map(ask, range(512)))
    assert runtime.stats().waiting_images == 0


def test_a_full_queue_refuses_and_recovers(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime(max_queue=4)
    hold(runtime, gate)
    waiting = runtime.submit(request(random_images(3)))
    with pytest.raises(Overloaded) as refusal:
        runtime.submit(request(random_images(2)))
    assert refusal.value.retry_after_s > 0
    assert runtime.stats().rejected == 1
    gate.open()
    waiting.result(WAIT_S)
    assert len(runtime.submit(request(random_images(2))).result(WAIT_S).logits) == 2


def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits(
    make_runtime: MakeRuntime,
) -> None:
    runtime = make_runtime(max_queue=4)
    assert len(runtime.submit(request(random_images(9))).result(WAIT_S).logits) == 9


def test_a_passed_deadline_is_not_computed(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime()
    hold(runtime, gate)
    late = runtime.submit(request(random_images(2)), deadline_s=0.0)
    in_time = runtime.submit(request(random_images(1)), deadline_s=WAIT_S)
    gate.open()
    assert len(in_time.result(WAIT_S).logits) == 1
    with pytest.raises(DeadlineExceeded):
        late.result(WAIT_S)
    assert gate.batches == [1]
    assert runtime.stats().expired == 1


def test_a_cancelled_request_is_not_computed(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime()
    hold(runtime, gate)
    cancelled = runtime.submit(request(random_images(2)))
    kept = runtime.submit(request(random_images(1)))
    assert cancelled.cancel()
    gate.open()
    assert len(kept.result(WAIT_S).logits) == 1
    assert gate.batches == [1]
    assert runtime.stats().expired == 0


def test_an_error_reaches_only_its_caller(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime()
    hold(runtime, gate)
    poisoned = random_images(1)
    poisoned[0, 0, 0, 0] = 255
    good, bad = random_images(2), runtime.submit(request(poisoned))
    neighbour = runtime.submit(request(good))
    gate.open()
    with pytest.raises(ValueError, match="poisoned"):
        bad.result(WAIT_S)
    assert_allclose(neighbour.result(WAIT_S).logits, plain_forward(good), atol=1e-5)


def test_an_error_in_one_piece_fails_the_whole_request(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(max_batch=2)
    images = random_images(6)
    images[3, 0, 0, 0] = 255
    with pytest.raises(ValueError, match="poisoned"):
        runtime.submit(request(images)).result(WAIT_S)
    assert len(runtime.submit(request(random_images(1))).result(WAIT_S).logits) == 1


def test_close_drains_what_waits_and_ends_the_threads(
    make_runtime: MakeRuntime, gate: Gate
) -> None:
    before = set(threading.enumerate())
    runtime = make_runtime(threads=2)
    gate.close()
    futures = [runtime.submit(request(random_images(1, seed))) for seed in range(6)]
    closing = threading.Thread(target=runtime.close)
    closing.start()
    gate.open()
    closing.join(WAIT_S)
    assert all(future.done() for future in futures)
    assert set(threading.enumerate()) <= before
    with pytest.raises(Overloaded):
        runtime.submit(request(random_images(1)))


def test_a_runtime_that_never_started_closes(make_runtime: MakeRuntime, tmp_path: Path) -> None:
    Runtime(Registry("model", [probe_spec()]), cache_dir=tmp_path).close()


def test_a_lone_request_does_not_wait_for_company(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(max_wait_ms=1000 * 10 * WAIT_S)
    assert len(runtime.submit(request(random_images(1))).result(WAIT_S).logits) == 1


def test_a_lane_waits_for_those_announced(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime(max_wait_ms=1000 * 10 * WAIT_S)
    for _ in range(3):
        runtime.announce()
    futures = [runtime.submit(request(random_images(1)), announced=True) for _ in range(2)]
    assert not gate.arrived.wait(0.05)
    futures.append(runtime.submit(request(random_images(1)), announced=True))
    for future in futures:
        future.result(WAIT_S)
    assert gate.batches == [3]


def test_a_lane_does_not_wait_for_those_who_withdrew(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime(max_wait_ms=1000 * 10 * WAIT_S)
    runtime.announce()
    future = runtime.submit(request(random_images(1)))
    assert not gate.arrived.wait(0.05)
    runtime.withdraw()
    assert len(future.result(WAIT_S).logits) == 1


def test_the_wait_for_those_announced_ends(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(max_wait_ms=5)
    runtime.announce()
    assert len(runtime.submit(request(random_images(1))).result(WAIT_S).logits) == 1


def test_a_lane_waits_only_for_its_share(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime(threads=2, max_wait_ms=1000 * 10 * WAIT_S)
    for _ in range(4):
        runtime.announce()
    first = [runtime.submit(request(random_images(1)), announced=True) for _ in range(2)]
    for future in first:
        future.result(WAIT_S)
    assert gate.batches == [2]
    for _ in range(2):
        runtime.withdraw()


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 0.1)])
def test_the_answer_says_its_precision(
    make_runtime: MakeRuntime, precision: str, tolerance: float
) -> None:
    images = random_images(3)
    result = make_runtime(precision=precision).submit(request(images)).result(WAIT_S)
    assert result.precision == precision
    assert result.logits.dtype == np.float32
    assert_allclose(result.logits, plain_forward(images), atol=tolerance)


def test_read_only_images_are_fine(make_runtime: MakeRuntime) -> None:
    images = random_images(2)
    images.setflags(write=False)
    logits = make_runtime().submit(request(images)).result(WAIT_S).logits
    assert_allclose(logits, plain_forward(images), atol=1e-5)


def test_a_model_loads_once_at_first_use(gate: Gate, make_runtime: MakeRuntime) -> None:
    loads: list[str] = []
    loading = threading.Lock()

    def load(spec: object) -> Probe:
        with loading:
            loads.append(str(getattr(spec, "name", "")))
        return Probe(gate)

    runtime = make_runtime(load=load)
    assert runtime.loaded() == ("probe",)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: runtime.submit(request(random_images(1), "other")), range(8)))
    assert loads == ["probe", "other"]
    assert runtime.loaded() == ("probe", "other")


def test_an_unknown_model_is_named(make_runtime: MakeRuntime) -> None:
    with pytest.raises(UnknownName, match="probe"):
        make_runtime().submit(request(random_images(1), "prob"))


def test_an_answer_is_in_the_counts_when_it_comes(make_runtime: MakeRuntime, gate: Gate) -> None:
    runtime = make_runtime()
    gate.close()
    future = runtime.submit(request(random_images(3)))
    seen: list[int] = []
    future.add_done_callback(lambda _: seen.append(runtime.stats().images))
    gate.open()
    runtime.close()
    assert seen == [3]


def test_stats_count(make_runtime: MakeRuntime) -> None:
    runtime = make_runtime(max_batch=2)
    runtime.submit(request(random_images(5))).result(WAIT_S)
    runtime.close()
    stats = runtime.stats()
    assert (stats.batches, stats.images, stats.busy_lanes) == (3, 5, 0)
    assert stats.images_per_s > 0
    assert stats.lane_seconds > 0
