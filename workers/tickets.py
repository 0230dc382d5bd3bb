"""A request on its way through the engine, whole or in pieces."""

import math
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock

import numpy as np

from ipvit.analyses.forward import AttentionQuery, ForwardRequest, ForwardResult
from ipvit.errors import DeadlineExceeded
from ipvit.models.model_spec import ModelSpec
from workers.photo import Photo


@dataclass(frozen=True)
class BatchKey:
    """Requests with the same key can share a forward pass."""

    model: str
    image_shape: tuple[int, ...]
    attention: AttentionQuery | None
    logits: bool


class Ticket:
    """A request on its way: its future, and the pieces of its answer.

    images: how many; file_bytes: of the files that must be decoded before there are any.
    pixels: gives or makes them, uint8 (images, 3, H, W).
    """

    def __init__(
        self,
        key: BatchKey,
        images: int,
        pixels: Callable[[], np.ndarray],
        deadline_s: float | None,
        *,
        file_bytes: int = 0,
    ) -> None:
        self.key = key
        self.images = images
        self.pixels = pixels
        self.file_bytes = file_bytes
        self.future: Future[ForwardResult] = Future()
        self.arrived = time.monotonic()
        self.expires = math.inf if deadline_s is None else self.arrived + deadline_s
        self.order = 0
        self.taken = 0
        self._parts: dict[int, ForwardResult] = {}
        self._delivered = 0
        self._lock = Lock()

    @classmethod
    def of_request(cls, request: ForwardRequest, deadline_s: float | None) -> "Ticket":
        """A ticket for images that are there."""
        images = request.images
        key = BatchKey(request.model, images.shape[1:], request.attention, request.logits)
        return cls(key, len(images), lambda: images, deadline_s)

    @classmethod
    def of_photo(cls, photo: Photo, spec: ModelSpec, deadline_s: float | None) -> "Ticket":
        """A ticket for the logits of a photo not decoded yet."""
        side_px = spec.preprocessing.crop_px
        key = BatchKey(spec.name, (3, side_px, side_px), attention=None, logits=True)
        return cls(key, 1, lambda: photo.input(spec), deadline_s, file_bytes=photo.file_bytes)

    def stale(self) -> bool:
        """Whether nobody wants the answer any more; an expired ticket is failed here."""
        if self.future.done():
            return True
        late_s = time.monotonic() - self.expires
        if late_s > 0:
            self.fail(DeadlineExceeded(f"the deadline passed {late_s:.2f} s before its turn came"))
        return late_s > 0

    def claim(self) -> bool:
        """Whether the ticket is still to be computed; from here on it cannot be cancelled."""
        with self._lock:
            return self._claim()

    def fail(self, error: BaseException) -> None:
        """Give `error` to the caller, unless there is an answer already."""
        with self._lock:
            if self._claim():
                self.future.set_exception(error)

    def deliver(self, start: int, part: ForwardResult) -> None:
        """Add the answer for the images from `start` on; the last part completes the ticket."""
        with self._lock:
            self._parts[start] = part
            self._delivered += len(part.logits)
            if self._delivered == self.images and not self.future.done():
                self.future.set_result(_join([self._parts[at] for at in sorted(self._parts)]))

    def _claim(self) -> bool:
        if self.future.done():
            return False
        return self.future.running() or self.future.set_running_or_notify_cancel()


def _join(parts: list[ForwardResult]) -> ForwardResult:
    first = parts[0]
    if len(parts) == 1:
        return first
    return ForwardResult(
        logits=np.concatenate([part.logits for part in parts]),
        attention={
            layer: np.concatenate([part.attention[layer] for part in parts])
            for layer in first.attention
        },
        precision=first.precision,
    )


@dataclass(frozen=True)
class Piece:
    """The images [start, stop) of a ticket."""

    ticket: Ticket
    start: int
    stop: int

    @property
    def images(self) -> np.ndarray:
        """uint8 (stop - start, 3, H, W)."""
        return self.ticket.pixels()[self.start : self.stop]
