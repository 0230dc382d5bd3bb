"""Where interactive work runs: one interface, so that routes do not know.

`run` takes the name of a task of `workers.tasks`, its JSON-able parameters and its blobs, and
answers what the task answers. Errors of `ipvit.errors` arrive as they were raised; besides what
the task itself raises, `run` raises Overloaded and DeadlineExceeded. Cancelling the awaiting task
(the client has gone) calls the work off.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.problems import Starting
from app.settings import Settings
from ipvit.errors import IPViTError
from ipvit.models.specs import ModelSpec

__all__ = ["Backend", "BackendStats", "Readiness", "create_backend"]


@dataclass(frozen=True)
class Readiness:
    """Whether requests are answered at once; `detail` says what is missing, or what is loaded.

    error: what `/readyz` answers if not.
    """

    ready: bool
    detail: str
    error: type[IPViTError] = Starting


@dataclass(frozen=True)
class BackendStats:
    """Counts since the start, and what is going on now.

    in_flight: requests being worked on or waiting; waiting_images: images queued for a network.
    rejected, expired: forward requests refused because the queue was full, or whose deadline
    passed. busy_seconds: time lanes spent on decoding and in forward passes.
    workers, queue_messages: by queue; empty where there are no queues. waits, wait_seconds:
    requests that workers took, and how long these had waited. shards, shard_seconds: finished
    pieces of jobs, and how long they took.
    """

    in_flight: int = 0
    waiting_images: int = 0
    busy_lanes: int = 0
    batches: int = 0
    images: int = 0
    rejected: int = 0
    expired: int = 0
    busy_seconds: float = 0.0
    images_per_s: float = 0.0
    workers: Mapping[str, int] = field(default_factory=dict)
    queue_messages: Mapping[str, int] = field(default_factory=dict)
    waits: int = 0
    wait_seconds: float = 0.0
    shards: int = 0
    shard_seconds: float = 0.0


class Backend(Protocol):
    """Runs tasks."""

    async def start(self) -> None:
        """Begin to load; returns at once. `readiness` says when it is done."""
        ...

    async def close(self) -> None:
        """Finish what was taken in and let everything go."""
        ...

    async def run(
        self,
        task_name: str,
        params: Mapping[str, Any],
        blobs: Mapping[str, bytes],
        *,
        deadline_s: float,
    ) -> dict[str, Any]:
        """The answer of the task, waiting for the start-up to end if need be."""
        ...

    def wake(self, count: int) -> None:
        """Tell evaluation workers that `count` shards can be claimed from the job store.

        Names no shard, returns at once, never raises: a lost call is made again by the reconciler.
        May be called from any thread.
        """
        ...

    def readiness(self) -> Readiness:
        """Whether the models are loaded and warm."""
        ...

    def loaded(self) -> tuple[str, ...]:
        """The models in memory."""
        ...

    def stats(self) -> BackendStats:
        """For the metrics page."""
        ...


def create_backend(settings: Settings, specs: Mapping[str, ModelSpec]) -> Backend:
    """The backend the settings name; specs: every model known."""
    if settings.backend == "celery":
        from app.backends.celery import CeleryBackend

        return CeleryBackend(settings)
    from app.backends.embedded import EmbeddedBackend

    return EmbeddedBackend(settings, specs)
