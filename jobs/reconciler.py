"""Look after the store: wake workers for what waits, finish what nobody finished, forget the old.

It runs in the API process, at start and every few seconds. So nothing depends on a message that
arrives or on a worker that lives: after a wiped broker, a killed worker or a power cut the next
round finds what is left to do.
"""

import logging
import time
from collections.abc import Callable
from threading import Event, Thread

from ipvit.errors import StoreUnavailable
from jobs.store import JobStore

__all__ = ["Reconciler"]

log = logging.getLogger(__name__)

DAY_S = 86_400.0
FORGET_EVERY_S = 60.0


class Reconciler:
    """A thread that looks every `period_s` seconds.

    wake: told how many shards can be claimed. finalise: builds one result, whether there was one.
    keep_days: how long finished jobs are kept, 0 for ever.
    """

    def __init__(
        self,
        store: JobStore,
        *,
        wake: Callable[[int], None],
        finalise: Callable[[], bool],
        period_s: float,
        keep_days: float,
    ) -> None:
        self._store = store
        self._wake = wake
        self._finalise = finalise
        self._period_s = period_s
        self._keep_days = keep_days
        self._forget_at = 0.0
        self._ending = Event()
        self._thread = Thread(target=self._run, name="reconciler", daemon=True)

    def start(self) -> None:
        """Look at once, and go on looking."""
        self._thread.start()

    def close(self) -> None:
        """End the thread."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join()

    def look(self) -> None:
        """One round; raises StoreUnavailable."""
        while not self._ending.is_set() and self._finalise():
            pass
        if count := self._store.available():
            self._wake(count)
        if self._keep_days and time.monotonic() >= self._forget_at:
            self._forget_at = time.monotonic() + FORGET_EVERY_S
            self._store.delete_finished(older_than_s=self._keep_days * DAY_S)

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.look()
            except StoreUnavailable as error:
                log.warning("jobs wait: %s", error)
            except Exception:
                log.exception("looking after the jobs failed; trying again")
            self._ending.wait(self._period_s)
