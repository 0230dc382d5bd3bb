"""What waits for a network, and how it is cut into batches.

Requests for the same model, image size and attention query wait in one queue, in the order they
came. A lane (a thread that runs networks) takes from the queue whose first request is oldest:

- everything that waits there, up to `max_batch` images, merged into one batch;
- but no more than its share when other lanes are idle, so that one large request is computed by
  all of them side by side.

A request may therefore be cut into pieces, which `Ticket` puts together again. Nobody waits for
company unless `max_wait_s` says so: while lanes are busy the queue fills by itself.
"""

import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from threading import Condition

from ipvit.errors import Overloaded
from workers.tickets import BatchKey, Piece, Ticket


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
    """All that waits, bounded in images; `lanes` threads take batches from it."""

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
        self._changed = Condition()
        self._order = count()
        self._closed = False
        self.waiting = 0
        self.busy = 0
        self.rejected = 0
        self.expired = 0

    def put(self, ticket: Ticket) -> None:
        """Queue `ticket`; raises Overloaded at once if its images do not fit."""
        with self._changed:
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
            self._queues.setdefault(ticket.key, deque()).append(ticket)
            self.waiting += ticket.images
            self._changed.notify(self.lanes if ticket.images > 1 else 1)

    def take(self) -> Batch | None:
        """The next batch, as soon as there is one; None once the queue is closed and empty."""
        with self._changed:
            while True:
                self._drop_stale()
                key, wait_s = self._next_key()
                if key is not None:
                    return self._cut(key)
                if self._closed and not self._queues:
                    return None
                self._changed.wait(wait_s)

    def done(self) -> None:
        """A lane has finished the batch it took."""
        with self._changed:
            self.busy -= 1

    def close(self) -> None:
        """Take no more tickets; what waits is still handed out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _drop_stale(self) -> None:
        for key, queue in list(self._queues.items()):
            for ticket in [ticket for ticket in queue if ticket.stale()]:
                queue.remove(ticket)
                self.expired += not ticket.future.cancelled()
                self.waiting -= ticket.images - ticket.taken
            if not queue:
                del self._queues[key]

    def _next_key(self) -> tuple[BatchKey | None, float | None]:
        """The queue to serve now, or how long to wait for one to ripen."""
        ripe: list[tuple[int, BatchKey]] = []
        wait_s: float | None = None
        for key, queue in self._queues.items():
            ripens_s = queue[0].arrived + self.max_wait_s - time.monotonic()
            if ripens_s <= 0 or self._closed or self._waiting_for(key) >= self.max_batch:
                ripe.append((queue[0].order, key))
            else:
                wait_s = ripens_s if wait_s is None else min(wait_s, ripens_s)
        return (min(ripe)[1], None) if ripe else (None, wait_s)

    def _waiting_for(self, key: BatchKey) -> int:
        return sum(ticket.images - ticket.taken for ticket in self._queues[key])

    def _cut(self, key: BatchKey) -> Batch:
        """Take this lane's share of the queue of `key`."""
        queue = self._queues[key]
        waiting = self._waiting_for(key)
        share = min(self.max_batch, math.ceil(waiting / (self.lanes - self.busy)))
        pieces: list[Piece] = []
        room = share
        while room and queue:
            ticket = queue[0]
            if not ticket.claim():
                queue.popleft()
                self.waiting -= ticket.images - ticket.taken
                continue
            start, stop = ticket.taken, min(ticket.images, ticket.taken + room)
            pieces.append(Piece(ticket, start, stop))
            ticket.taken = stop
            room -= stop - start
            self.waiting -= stop - start
            if stop == ticket.images:
                queue.popleft()
        if not queue:
            del self._queues[key]
        self.busy += 1
        sharers = min(self.lanes, self.busy + math.ceil(self.waiting / share))
        return Batch(key, tuple(pieces), max(1, self.threads // sharers))
