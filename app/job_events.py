"""A job as server-sent events: what it is now, then every change until it ends."""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from fastapi.sse import ServerSentEvent

from app.evaluations import Evaluations
from app.job_answers import job_answer
from app.schemas.jobs import JobAnswer
from ipvit.errors import StoreUnavailable, UnknownJob
from jobs.records import Job

__all__ = ["job_events"]

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5


async def job_events(
    evaluations: Evaluations, job_id: str, closing: asyncio.Event
) -> AsyncIterator[ServerSentEvent]:
    """`job` on every change, `rows` when there is more of the result, and `end`.

    Whoever connects again is told everything anew, so nothing is lost in between. A database that
    is away is waited for. Ends when the server is `closing`; browsers then connect again.
    """
    seen = _Seen()
    while not closing.is_set():
        try:
            job, rows = await evaluations.look(job_id)
            for event in seen.news(job, rows):
                yield event
        except StoreUnavailable as error:
            log.warning("job %s cannot be watched now: %s", job_id, error)
        except UnknownJob:
            yield ServerSentEvent(event="end", data={"state": "deleted"})
            return
        else:
            if job.finished:
                yield ServerSentEvent(event="end", data={"state": job.state})
                return
        await _wait(closing, LOOK_EVERY_S)


class _Seen:
    """What a client was told already."""

    def __init__(self) -> None:
        self.count = 0
        self.answer: JobAnswer | None = None
        self.rows: Any = None

    def news(self, job: Job, rows: Sequence[Mapping[str, Any]]) -> list[ServerSentEvent]:
        """The events that tell what has changed."""
        events = []
        answer = job_answer(job)
        if answer != self.answer:
            self.answer = answer
            events.append(self._event("job", answer.model_dump(mode="json")))
        if rows and rows is not self.rows:
            self.rows = rows
            images = max(int(row["images"]) for row in rows)
            events.append(self._event("rows", {"rows": rows, "images": images}))
        return events

    def _event(self, kind: str, data: Any) -> ServerSentEvent:
        self.count += 1
        return ServerSentEvent(event=kind, id=str(self.count), data=data)


async def _wait(closing: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await closing.wait()
    except TimeoutError:
        return
