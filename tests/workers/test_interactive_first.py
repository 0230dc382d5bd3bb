from collections.abc import Iterator

import pytest
import torch

from workers import interactive_first
from workers.interactive_first import BUSY_S, CALM_S, InteractiveFirst

CORES = 2


class Clock:
    """A clock that only the test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    threads = torch.get_num_threads()
    clock = Clock()
    monkeypatch.setattr(interactive_first, "time", clock)
    yield clock
    torch.set_num_threads(threads)


def batches(clock: Clock, pace: InteractiveFirst, images: int, *, image_s: float) -> list[int]:
    """Of ten passes, each with `images` to do, of a model that takes `image_s` an image."""
    pace.begin("model")
    taken = []
    for _ in range(10):
        taken.append(pace.next_batch(images))
        clock.now += image_s * taken[-1]
    return taken


def test_a_calm_server_computes_as_much_as_fits_in_the_time(clock: Clock) -> None:
    pace = InteractiveFirst(lambda: False, threads=CORES)
    taken = batches(clock, pace, 64, image_s=0.01)
    assert taken[0] == 64
    assert set(taken[1:]) <= {int(CALM_S / 0.01), int(CALM_S / 0.01) - 1}
    assert torch.get_num_threads() == CORES


def test_a_busy_server_computes_little_on_one_core_and_goes_on(clock: Clock) -> None:
    pace = InteractiveFirst(lambda: True, threads=CORES)
    taken = batches(clock, pace, 64, image_s=0.004)
    assert taken[0] == 1
    assert set(taken[1:]) <= {int(BUSY_S / 0.004), int(BUSY_S / 0.004) - 1}
    assert torch.get_num_threads() == 1


def test_each_core_has_an_image_however_slow_they_are(clock: Clock) -> None:
    pace = InteractiveFirst(lambda: False, threads=CORES)
    assert batches(clock, pace, 8, image_s=3.0)[-1] == CORES
    assert batches(clock, pace, 1, image_s=3.0)[-1] == 1


def test_another_model_is_measured_anew(clock: Clock) -> None:
    pace = InteractiveFirst(lambda: False, threads=CORES)
    batches(clock, pace, 8, image_s=3.0)
    pace.begin("another")
    assert pace.next_batch(8) == 8
