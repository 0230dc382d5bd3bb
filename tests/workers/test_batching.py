"""Which lane takes what, with how many threads; lanes 0 and 1, and 2 for relief."""

from threading import Thread

import numpy as np
import pytest

from ipvit.analyses.forward import ForwardRequest
from tests.waiting import wait_for
from workers.batching import MAX_FILE_BYTES, Batch, BatchQueue
from workers.tickets import BatchKey, Ticket

THREADS = 4
RELIEF = 2


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


def photo(file_bytes: int = 1) -> Ticket:
    image = np.zeros((1, 3, 8, 8), np.uint8)
    key = BatchKey("any", (3, 8, 8), attention=None, logits=True)
    return Ticket(key, 1, lambda: image, None, file_bytes=file_bytes)


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


def test_photos_are_shared_with_the_relief_lane(queue: BatchQueue) -> None:
    for _ in range(9):
        queue.put(photo())
    taken = [queue.take(lane) for lane in (0, 1, RELIEF)]
    assert [batch.images for batch in taken if batch] == [3, 3, 3]


def test_the_relief_lane_leaves_all_else_to_the_others(queue: BatchQueue) -> None:
    taken: list[Batch | None] = []
    relief = Thread(target=lambda: taken.append(queue.take(RELIEF)))
    relief.start()
    wait_for(lambda: RELIEF in queue._idle)
    queue.put(ticket())
    wait_for(lambda: RELIEF in queue._idle)
    assert not taken
    queue.close()
    relief.join(timeout=10)
    assert taken == [None], "expected the lane to end though something waits"
    assert queue.take(0) is not None


def test_large_photos_do_not_wait_for_each_other(queue: BatchQueue) -> None:
    for _ in range(12):
        queue.put(photo(file_bytes=MAX_FILE_BYTES // 2))
    batch = queue.take(0)
    assert batch is not None
    assert batch.images == 2
