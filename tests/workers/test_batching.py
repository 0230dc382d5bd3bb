"""Which lane takes what, with how many threads."""

from threading import Thread

import numpy as np
import pytest

from ipvit.analyses.forward import ForwardRequest
from tests.waiting import wait_for
from workers.batching import Batch, BatchQueue
from workers.tickets import Ticket

THREADS = 4


@pytest.fixture
def queue() -> BatchQueue:
    return BatchQueue(
        lanes=2,
        threads=THREADS,
        max_batch=8,
        max_wait_s=0,
        max_images=64,
        seconds_to_clear=lambda images: 1.0,
    )


def ticket(images: int = 1) -> Ticket:
    return Ticket.of_request(ForwardRequest("any", np.zeros((images, 3, 8, 8), np.uint8)), None)


@pytest.mark.parametrize(("lane", "threads"), [(0, THREADS), (1, 1)])
def test_only_the_first_lane_spreads_over_the_cores(
    queue: BatchQueue, lane: int, threads: int
) -> None:
    queue.put(ticket())
    batch = queue.take(lane)
    assert batch is not None
    assert (batch.images, batch.threads) == (1, threads)


def test_the_first_lane_leaves_cores_to_the_others(queue: BatchQueue) -> None:
    queue.put(ticket(6))
    taken = [queue.take(lane) for lane in (0, 1)]
    assert [(batch.images, batch.threads) for batch in taken if batch] == [
        (3, THREADS // 2),
        (3, 1),
    ]


def test_the_first_idle_lane_is_called(queue: BatchQueue) -> None:
    taken: dict[int, Batch | None] = {}
    lanes = []
    for lane in (1, 0):
        thread = Thread(target=lambda lane=lane: taken.update({lane: queue.take(lane)}))
        thread.start()
        lanes.append(thread)
        wait_for(lambda lane=lane: lane in queue._idle)
    for expected in (0, 1):
        queue.put(ticket())
        wait_for(lambda count=expected + 1: len(taken) == count)
        assert expected in taken
    for thread in lanes:
        thread.join()
