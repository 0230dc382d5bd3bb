"""Let evaluations pass only where interactive work leaves room, in the process they share.

While requests are answered, an evaluation waits a moment before each forward pass, and makes it a
short one on one core. It always goes on after that moment, so that a busy server still finishes
its jobs.
"""

import os
import threading
import time
from collections.abc import Callable

import torch

__all__ = ["InteractiveFirst", "lower_priority"]

CALM_S, BUSY_S = 0.25, 0.015
"""How long a forward pass may take: a request that comes meanwhile has to wait for it. One image
for each core is always allowed. Cores that share an image wait for each other at every layer, and
beside a busy program one of them is mostly not running: images would be slower, batches smaller."""

LONGEST_WAIT_S = 0.05
LOOK_EVERY_S = 0.002
CALM_AFTER_S = 2.0
NICE = 10


class InteractiveFirst:
    """The throttle of one evaluation thread.

    busy: whether a request is being answered now.
    threads: cores to use when nobody is, 0 for all that this process may run on.
    """

    def __init__(self, busy: Callable[[], bool], *, threads: int) -> None:
        self._busy = busy
        self._threads = threads or len(os.sched_getaffinity(0))
        self._busy_at = -CALM_AFTER_S
        self._model: str | None = None
        self._image_s: float | None = None
        self._passed: tuple[int, float] | None = None

    def begin(self, model: str) -> None:
        """Forget how long another model took, and do not count the time between shards."""
        self._passed = None
        if model != self._model:
            self._model, self._image_s = model, None

    def next_batch(self, images: int) -> int:
        """How many of `images` the next forward pass may have."""
        self._measure()
        self._wait()
        calm = time.monotonic() - self._busy_at > CALM_AFTER_S
        torch.set_num_threads(self._threads if calm else 1)
        allowed = images
        if self._image_s is not None:
            allowed = int((CALM_S if calm else BUSY_S) / self._image_s)
        elif not calm:
            allowed = 1
        allowed = min(images, max(allowed, torch.get_num_threads()))
        self._passed = (allowed, time.perf_counter())
        return allowed

    def _wait(self) -> None:
        until = time.monotonic() + LONGEST_WAIT_S
        while self._busy() and (now := time.monotonic()) < until:
            self._busy_at = now
            time.sleep(LOOK_EVERY_S)

    def _measure(self) -> None:
        """Learn from the time since the last pass what an image takes."""
        if self._passed is None:
            return
        images, since = self._passed
        image_s = (time.perf_counter() - since) / images
        known = self._image_s
        self._image_s = image_s if known is None else 0.7 * known + 0.3 * image_s


def lower_priority() -> None:
    """Give way to other threads of this process on the processor; on Linux only.

    There a thread has a priority of its own, which the threads that it starts inherit.
    """
    if hasattr(os, "setpriority") and os.uname().sysname == "Linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
