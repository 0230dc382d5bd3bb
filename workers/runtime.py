"""The engine: keeps models loaded and warm, and answers forward requests in merged batches.

Lanes are threads that run networks. On a CPU there are as many as cores: under load each runs a
batch of its own on one core, which needs no barriers between cores; the first lane, when it finds
nobody else at work, spreads its batch over all cores. On an accelerator there is one lane.
`workers.batching` tells what one more lane, for photos, is good for.

No other thread computes on several cores. GNU OpenMP keeps a team of threads for each thread that
ever did, and as soon as all teams together have more threads than the machine has cores, they sleep
at each barrier instead of spinning: a forward pass of one image then takes up to twice as long.
"""

import os
import time
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread

import numpy as np
import torch

from ipvit.analyses.forward import ForwardRequest, ForwardResult, find_spec
from ipvit.models.model_spec import ModelSpec
from ipvit.models.precision import choose_precision
from workers.batching import Batch, BatchQueue
from workers.network import Load, Network
from workers.photo import Photo
from workers.tickets import Piece, Ticket

RECENT_BATCHES = 64


@dataclass(frozen=True)
class RuntimeStats:
    """Counts since the start, and what is going on now."""

    waiting_images: int
    busy_lanes: int
    lanes: int
    batches: int
    images: int
    rejected: int
    expired: int
    lane_seconds: float
    images_per_s: float


class Runtime:
    """Models behind one `submit`.

    specs: every model known; those in `preload` are loaded by `start`, others at first use.
    threads: cores to use, 0 for all that this process may run on.
    max_batch: images in one forward pass; max_queue: images that may wait, all models together.
    max_wait_ms: how long a request waits at most for others that were announced.
    load: builds the network of a spec; by default `ipvit.models.loading.load_model`.
    """

    def __init__(
        self,
        specs: Mapping[str, ModelSpec],
        *,
        cache_dir: Path,
        device: str = "cpu",
        precision: str = "auto",
        max_batch: int = 64,
        max_wait_ms: float = 0.0,
        max_queue: int = 1024,
        preload: Iterable[str] = (),
        threads: int = 0,
        load: Load | None = None,
    ) -> None:
        self.specs = specs
        self.precision = choose_precision(precision, device)
        self._device = device
        self._cache_dir = cache_dir
        self._preload = tuple(preload)
        self._load = load or self._load_weights
        self._networks: dict[str, Network] = {}
        self._loading: dict[str, Lock] = {name: Lock() for name in specs}
        cores = threads or _available_cores()
        lanes = cores if device == "cpu" else 1
        self._queue = BatchQueue(
            lanes=lanes,
            threads=cores,
            max_batch=max_batch,
            max_wait_s=max_wait_ms / 1000,
            max_images=max_queue,
            seconds_to_clear=self._seconds_to_clear,
        )
        self._lanes = [
            Thread(target=self._serve, args=(lane,), name=f"lane-{lane}", daemon=True)
            for lane in range(lanes + (1 if device == "cpu" else 0))
        ]
        self._recent: deque[tuple[int, float]] = deque(maxlen=RECENT_BATCHES)
        self._counting = Lock()
        self._batches = self._images = 0
        self._lane_seconds = 0.0

    def start(self) -> None:
        """Load and warm the models of `preload`, then begin to serve."""
        for name in self._preload:
            self._network(name)
        for thread in self._lanes:
            thread.start()

    def submit(
        self,
        request: ForwardRequest,
        deadline_s: float | None = None,
        *,
        announced: bool = False,
    ) -> Future[ForwardResult]:
        """Queue `request`; the future fails with DeadlineExceeded if its turn comes too late.

        announced: whether `announce` was called for it; if this raises, `withdraw` is due.
        A model not loaded yet is loaded by the calling thread. Raises UnknownName,
        WeightsUnavailable, and Overloaded at once if the queue is full.
        """
        self._network(request.model)
        ticket = Ticket.of_request(request, deadline_s)
        self._queue.put(ticket, announced=announced)
        return ticket.future

    def submit_photo(
        self, photo: Photo, spec: ModelSpec, deadline_s: float | None = None
    ) -> Future[ForwardResult]:
        """Queue a photo, to be decoded by the lane that runs the network; never blocks.

        The model must be loaded: see `decodes_for`. Raises Overloaded as `submit` does; what is
        wrong with the photo fails the future.
        """
        ticket = Ticket.of_photo(photo, spec, deadline_s)
        self._queue.put(ticket)
        return ticket.future

    def decodes_for(self, models: Iterable[str]) -> bool:
        """Whether `submit_photo` serves these models.

        Only on a CPU, where decoding and networks share the cores; an accelerator should not
        wait for a photo to be decoded.
        """
        return self._device == "cpu" and all(name in self._networks for name in models)

    def announce(self) -> None:
        """Say that a request is on its way, so that lanes may wait for it a little."""
        self._queue.announce()

    def withdraw(self) -> None:
        """Say that an announced request does not come."""
        self._queue.withdraw()

    def close(self) -> None:
        """Finish what waits, refuse what comes, and end the lanes."""
        self._queue.close()
        for thread in self._lanes:
            if thread.is_alive():
                thread.join()

    def loaded(self) -> tuple[str, ...]:
        """The models in memory."""
        return tuple(self._networks)

    def is_ready(self, name: str) -> bool:
        """Whether the model is loaded or its weights are on this machine."""
        from ipvit.models.loading import is_ready

        return name in self._networks or is_ready(self.specs[name], self._cache_dir)

    def stats(self) -> RuntimeStats:
        """What the engine has done and is doing."""
        queue = self._queue
        with self._counting:
            return RuntimeStats(
                waiting_images=queue.waiting,
                busy_lanes=queue.busy,
                lanes=queue.lanes,
                batches=self._batches,
                images=self._images,
                rejected=queue.rejected,
                expired=queue.expired,
                lane_seconds=self._lane_seconds,
                images_per_s=self._images_per_s(),
            )

    def _network(self, name: str) -> Network:
        if name not in self._networks:
            spec = find_spec(self.specs, name)
            with self._loading[name]:
                if name not in self._networks:
                    self._networks[name] = self._load_network(spec)
        return self._networks[name]

    def _load_network(self, spec: ModelSpec) -> Network:
        torch.set_num_threads(1)  # of this thread
        network = Network(spec, self._load(spec), device=self._device, precision=self.precision)
        for lane in range(self._queue.lanes):
            network.warm(lane)
        return network

    def _load_weights(self, spec: ModelSpec) -> torch.nn.Module:
        from ipvit.models.loading import load_model

        module: torch.nn.Module = load_model(spec, cache_dir=self._cache_dir)
        return module

    def _serve(self, lane: int) -> None:
        while (batch := self._queue.take(lane)) is not None:
            network = self._networks[batch.key.model]
            spread = network.gains_from_threads(batch.images)
            torch.set_num_threads(batch.threads if spread else 1)
            try:
                self._answer(batch.pieces, batch, lane)
            finally:
                self._queue.done(batch)

    def _answer(self, pieces: tuple[Piece, ...], batch: Batch, lane: int) -> None:
        """Run `pieces` in one forward pass; if it fails, each alone, so that only one fails.

        The pass is counted before anybody has the answer: who has it finds it in the counts.
        """
        started = time.perf_counter()
        pieces, arrays = _with_images(pieces)
        if not pieces:
            return
        try:
            images = np.concatenate(arrays)
            network = self._networks[batch.key.model]
            result = network.forward(images, batch.key.attention, lane=lane)
        except Exception as error:
            if len(pieces) == 1:
                pieces[0].ticket.fail(error)
                return
            for piece in pieces:
                self._answer((piece,), batch, lane)
            return
        self._count(len(images), time.perf_counter() - started)
        start = 0
        for piece in pieces:
            stop = start + piece.stop - piece.start
            piece.ticket.deliver(piece.start, _slice(result, start, stop))
            start = stop

    def _count(self, images: int, elapsed_s: float) -> None:
        with self._counting:
            self._batches += 1
            self._images += images
            self._lane_seconds += elapsed_s
            self._recent.append((images, elapsed_s))

    def _images_per_s(self) -> float:
        images = sum(count for count, _ in self._recent)
        seconds = sum(elapsed_s for _, elapsed_s in self._recent)
        return self._queue.lanes * images / seconds if seconds else 0.0

    def _seconds_to_clear(self, waiting_images: int) -> float:
        with self._counting:
            rate = self._images_per_s()
        return waiting_images / rate if rate else 1.0


def _available_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _with_images(
    pieces: tuple[Piece, ...],
) -> tuple[tuple[Piece, ...], list[np.ndarray]]:
    """The pieces and their images; a photo that cannot be decoded fails its ticket instead."""
    ready: list[Piece] = []
    arrays: list[np.ndarray] = []
    for piece in pieces:
        try:
            arrays.append(piece.images)
            ready.append(piece)
        except Exception as error:
            piece.ticket.fail(error)
    return tuple(ready), arrays


def _slice(result: ForwardResult, start: int, stop: int) -> ForwardResult:
    return ForwardResult(
        logits=result.logits[start:stop],
        attention={layer: rows[start:stop] for layer, rows in result.attention.items()},
        precision=result.precision,
    )
