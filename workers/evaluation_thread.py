"""Evaluations inside the API process: one background thread that gives way to requests."""

import logging
from collections.abc import Callable
from threading import Event, Thread

from ipvit.errors import StoreUnavailable
from jobs.store import JobStore
from workers.evaluation import EvaluationOptions, EvaluationWorker
from workers.interactive_first import InteractiveFirst, lower_priority

__all__ = ["EvaluationThread"]

log = logging.getLogger(__name__)


class EvaluationThread:
    """Works off the store whenever `wakened` is set.

    busy: whether a request is being answered now. threads: cores to use when nobody is.
    """

    def __init__(
        self,
        store: JobStore,
        options: EvaluationOptions,
        wakened: Event,
        *,
        busy: Callable[[], bool],
        threads: int,
    ) -> None:
        throttle = InteractiveFirst(busy, threads=threads)
        self._store = store
        self._worker = EvaluationWorker(store, options, throttle=throttle)
        self._wakened = wakened
        self._ending = False
        self._thread = Thread(target=self._run, name="evaluation", daemon=True)

    def start(self) -> None:
        """Wait for work."""
        self._thread.start()

    def close(self) -> None:
        """Give back what is in work and end the thread."""
        self._ending = True
        self._worker.stop()
        self._wakened.set()
        self._thread.join()
        self._worker.close()
        self._store.close()

    @property
    def shards_done(self) -> int:
        """Shards written since the start."""
        return self._worker.shards_done

    @property
    def shard_seconds(self) -> float:
        """Time they took."""
        return self._worker.shard_seconds

    def _run(self) -> None:
        while not self._ending:
            self._wakened.wait()
            self._wakened.clear()
            # A thread for the occasion: with it goes its team of OpenMP threads (see Runtime).
            shift = Thread(target=self._work_off, name="evaluation-shift", daemon=True)
            shift.start()
            shift.join()

    def _work_off(self) -> None:
        lower_priority()
        try:
            while self._worker.work_one():
                pass
        except StoreUnavailable as error:
            # The reconciler wakes us again once the database is back.
            log.warning("jobs wait: %s", error)
        except Exception:
            log.exception("working on a shard failed; its lease will run out")
