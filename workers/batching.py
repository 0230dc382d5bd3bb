"""What waits for a network, and how it is cut into batches.

Requests for the same model, image size and attention query wait in one queue, in the order they
came. A lane (a thread that runs networks) takes from the queue whose first request is oldest, and
takes one lane's share of all images in the house, up to `max_batch`. So one large request is
computed by all lanes side by side, and under load each lane has a batch of its own.

Callers announce a request while they still decode it. A lane waits for its share only while some
are announced, because only then is there company to wait for (and decoding to fill the cores), and
never longer than `max_wait_s`. A lone request never waits.

A request may be cut into pieces, which `Ticket` puts together again.

Photos are decoded by the lane that takes them. In places that needs the interpreter lock, and a
lane that waits for it leaves its core idle. A relief lane, beside those of the cores, fills the
gaps: it takes batches of photos, and nothing else, as there are no gaps where nothing is decoded.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from threading import Condition, Lock

from ipvit.errors import Overloaded
from workers.tickets import BatchKey, Piece, Ticket

MAX_FILE_BYTES = 1024 * 1024
"""How much a lane decodes for one batch at most; large photos should not wait for each other."""


@dataclass(frozen=True)
class Batch:
    """Pieces for one forward pass, and how many threads it may use."""

    key: BatchKey
    pieces: tuple[Piece, ...]
    threads: int

    @property
    def images(self) -> int:
        """How many images the batch holds."""
        return sum(piece.stop - piece.start for piece in self.pieces)


class BatchQueue:
    """All that waits, bounded in images.

    lanes: how many take batches of any kind, numbered from 0; number `lanes` is the relief lane.
    """

    def __init__(
        self,
        *,
        lanes: int,
        threads: int,
        max_batch: int,
        max_wait_s: float,
        max_images: int,
        seconds_to_clear: Callable[[int], float],
    ) -> None:
        self.lanes, self.threads = lanes, threads
        self.max_batch, self.max_wait_s, self.max_images = max_batch, max_wait_s, max_images
        self._seconds_to_clear = seconds_to_clear
        self._queues: dict[BatchKey, deque[Ticket]] = {}
        self._lock = Lock()
        self._calls = [Condition(self._lock) for _ in range(lanes + 1)]
        self._idle: set[int] = set()
        self._order = count()
        self._closed = False
        self._coming = 0
        self._running = 0
        self.waiting = 0
        self.busy = 0
        self.rejected = 0
        self.expired = 0

    def announce(self) -> None:
        """A request is on its way; `put` or `withdraw` must follow."""
        with self._lock:
            self._coming += 1

    def withdraw(self) -> None:
        """An announced request does not come after all."""
        with self._lock:
            self._coming -= 1
            if self._coming == 0:
                self._wake_all()

    def put(self, ticket: Ticket, *, announced: bool = False) -> None:
        """Queue `ticket`; raises Overloaded at once if its images do not fit.

        announced: whether this is a request that was announced; not so if it raises.
        """
        with self._lock:
            if self._closed:
                raise Overloaded("the service is shutting down", retry_after_s=1.0)
            if self.waiting and self.waiting + ticket.images > self.max_images:
                self.rejected += 1
                raise Overloaded(
                    f"expected at most {self.max_images} images to wait; got {ticket.images} "
                    f"more while {self.waiting} wait",
                    retry_after_s=self._seconds_to_clear(self.waiting),
                )
            ticket.order = next(self._order)
            is_first = ticket.key not in self._queues
            self._queues.setdefault(ticket.key, deque()).append(ticket)
            self.waiting += ticket.images
            self._coming -= announced
            if is_first or self._ripens_in_s(ticket.key) <= 0:
                self._wake()

    def take(self, lane: int) -> Batch | None:
        """The next batch, as soon as there is one; None once the queue is closed and empty.

        lane: who asks, from 0.
        """
        with self._lock:
            while True:
                self._drop_stale()
                key, wait_s = self._next_key(lane)
                if key is not None:
                    return self._cut(key, lane)
                if self._closed and (not self._queues or self._is_relief(lane)):
                    return None
                self._idle.add(lane)
                self._calls[lane].wait(wait_s)
                self._idle.discard(lane)

    def done(self, batch: Batch) -> None:
        """A lane has finished the batch it took."""
        with self._lock:
            self.busy -= 1
            self._running -= batch.images

    def close(self) -> None:
        """Take no more tickets; what waits is still handed out."""
        with self._lock:
            self._closed = True
            self._wake_all()

    def _wake(self) -> None:
        """Call an idle lane, the first one before others."""
        if self._idle:
            lane = min(self._idle)
            self._idle.discard(lane)
            self._calls[lane].notify()

    def _wake_all(self) -> None:
        while self._idle:
            self._wake()

    def _drop_stale(self) -> None:
        for key, queue in list(self._queues.items()):
            for ticket in [ticket for ticket in queue if ticket.stale()]:
                queue.remove(ticket)
                self.expired += not ticket.future.cancelled()
                self.waiting -= ticket.images - ticket.taken
            if not queue:
                del self._queues[key]

    def _next_key(self, lane: int) -> tuple[BatchKey | None, float | None]:
        """The queue that `lane` should serve now, or how long to wait for one to ripen."""
        ripe: list[tuple[int, BatchKey]] = []
        wait_s: float | None = None
        for key, queue in self._queues.items():
            if self._is_relief(lane) and not queue[0].file_bytes:
                continue
            ripens_in_s = self._ripens_in_s(key)
            if ripens_in_s <= 0:
                ripe.append((queue[0].order, key))
            else:
                wait_s = ripens_in_s if wait_s is None else min(wait_s, ripens_in_s)
        return (min(ripe)[1], None) if ripe else (None, wait_s)

    def _ripens_in_s(self, key: BatchKey) -> float:
        """How long a lane should still wait for company for `key`."""
        queue = self._queues[key]
        if self._coming == 0 or self._closed:
            return 0.0
        if sum(ticket.images - ticket.taken for ticket in queue) >= self._share():
            return 0.0
        return queue[0].arrived + self.max_wait_s - time.monotonic()

    def _is_relief(self, lane: int) -> bool:
        return lane == self.lanes

    def _share(self, *, photos: bool = False) -> int:
        """How many images a lane takes: its part of all that run, wait or come.

        photos: whether the images are to be decoded, so that the relief lane has a part.
        """
        in_the_house = self._running + self.waiting + self._coming
        return max(1, min(self.max_batch, math.ceil(in_the_house / (self.lanes + photos))))

    def _cut(self, key: BatchKey, lane: int) -> Batch:
        """Take this lane's share of the queue of `key`."""
        queue = self._queues[key]
        share = room = self._share(photos=queue[0].file_bytes > 0)
        pieces: list[Piece] = []
        file_bytes = 0
        while room and queue and file_bytes < MAX_FILE_BYTES:
            ticket = queue[0]
            start, stop = ticket.taken, min(ticket.images, ticket.taken + room)
            if ticket.claim():
                pieces.append(Piece(ticket, start, stop))
                file_bytes += ticket.file_bytes
                room -= stop - start
            else:
                stop = ticket.images
            ticket.taken = stop
            self.waiting -= stop - start
            if stop == ticket.images:
                queue.popleft()
        if not queue:
            del self._queues[key]
        self.busy += 1
        batch = Batch(key, tuple(pieces), self._threads_of(lane, share))
        self._running += batch.images
        if self._queues:
            self._wake()
        return batch

    def _threads_of(self, lane: int, share: int) -> int:
        """On the first lane, the cores that nobody else will want meanwhile; elsewhere one."""
        if lane > 0:
            return 1
        lanes_wanted = self.busy + math.ceil((self.waiting + self._coming) / share)
        return max(1, self.threads // min(self.lanes, lanes_wanted))
