"""Wait for what a server does in its own time: poll with a deadline, never sleep blindly."""

from collections.abc import Callable
from time import monotonic, sleep
from typing import Protocol, TypeVar

import httpx

from app.schemas.jobs import JobAnswer

Found = TypeVar("Found")

LONGEST_S = 120


def wait_for(look: Callable[[], Found], longest_s: float = LONGEST_S) -> Found:
    """What `look` answers once it is true; fails when that takes too long."""
    end = monotonic() + longest_s
    while not (found := look()):
        assert monotonic() < end, f"{look} stayed {found!r} for {longest_s} s"
        sleep(0.02)
    return found


class Client(Protocol):
    """An `httpx.Client`, or FastAPI's `TestClient`."""

    def get(self, url: str) -> httpx.Response:
        """A request."""
        ...


def finished(client: Client, job_id: str) -> JobAnswer:
    """The job once it has ended."""

    def look() -> JobAnswer | None:
        job = JobAnswer.model_validate(client.get(f"/jobs/{job_id}").json())
        return job if job.state in ("succeeded", "failed", "cancelled") else None

    found = wait_for(look)
    assert found is not None
    return found
