"""Hold on to a claimed shard while it is computed, and notice when to stop."""

import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import Self

from ipvit.errors import StoreUnavailable
from ipvit.experiments.pace import Stopped
from jobs.records import Lease, Standing
from jobs.store import JobStore

__all__ = ["JobGone", "LeaseKeeper", "LeaseLost", "ShuttingDown"]

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.4
TELL_EVERY_S = 1.0


class JobGone(Stopped):
    """The job was cancelled, has failed, or was deleted."""


class LeaseLost(Stopped):
    """Somebody else has the shard now."""


class ShuttingDown(Stopped):
    """The worker was told to end."""


class LeaseKeeper:
    """A thread that renews a lease while its context lasts.

    `check` raises what the thread has found out; it is cheap, for every forward pass. A database
    that is away stops nobody: the shard is computed on, and its owner may be found to have
    changed later.
    """

    def __init__(
        self, store: JobStore, lease: Lease, *, lease_s: float, stopping: Callable[[], bool]
    ) -> None:
        self.images_done = 0
        self._store, self._lease, self._lease_s = store, lease, lease_s
        self._stopping = stopping
        self._standing: Standing = "mine"
        self._told = (0, time.monotonic())
        self._ended = Event()
        self._thread = Thread(target=self._run, name="lease-keeper", daemon=True)

    def __enter__(self) -> Self:
        """Begin to renew."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Renew no more."""
        self._ended.set()
        self._thread.join()

    def check(self) -> None:
        """Raise JobGone, LeaseLost or ShuttingDown if there is no reason to go on."""
        if self._standing == "cancelled":
            raise JobGone
        if self._standing == "lost":
            raise LeaseLost
        if self._stopping():
            raise ShuttingDown

    def _run(self) -> None:
        while self._standing == "mine" and not self._ended.wait(LOOK_EVERY_S):
            try:
                self._standing = self._look()
            except StoreUnavailable as error:
                log.warning("a lease cannot be renewed now: %s", error)

    def _look(self) -> Standing:
        """Renew when there is news or when it is time; else only read."""
        images_done, told_at = self.images_done, self._told[1]
        age_s = time.monotonic() - told_at
        news = images_done != self._told[0] and age_s >= TELL_EVERY_S
        if not news and age_s < self._lease_s / 3:
            return self._store.standing(self._lease)
        standing = self._store.renew(self._lease, self._lease_s, images_done)
        self._told = (images_done, time.monotonic())
        return standing
