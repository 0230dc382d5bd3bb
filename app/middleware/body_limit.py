"""Bound what a request may make the server hold: before parsing, and all clients together.

A body that announces too many bytes is refused without reading any of it; one that comes in
chunks is refused at the chunk that goes over. The connection is not closed: the server reads and
forgets the rest, so that a client that still sends gets to see the answer.

A body that its route streams to disk has a limit of its own, counts nothing towards what is held,
and has time in proportion to what has arrived.
"""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.error_handlers import problem_of
from app.problems import problem_response
from ipvit.errors import Overloaded

LEAST_BYTES_PER_S = 32 * 1024
"""Of a streamed body, on average; a slower one would keep its place for days."""


class BodyTooLarge(HTTPException):
    """A body went over the limit; an HTTPException, so that FastAPI's form parser lets it pass."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(413, f"expected a body of at most {max_bytes} bytes, got more")


class UploadTimeout(HTTPException):
    """A body did not arrive in time; the connection is closed, so that the rest never does."""

    def __init__(self, timeout_s: float) -> None:
        detail = f"expected the whole body within {timeout_s:.0f} s"
        super().__init__(408, detail, {"Connection": "close"})


class UploadsFull(HTTPException):
    """All clients together hold as many bytes as the server has room for."""

    def __init__(self) -> None:
        super().__init__(429, "the server holds as many uploads as it can", {"Retry-After": "1"})


class BodyLimit:
    """Refuse bodies that are too large, too slow, or too many at once.

    max_bytes: of one body. max_held_bytes: of all bodies of requests in progress.
    timeout_s: from the first read of a body to its end.
    streamed: path to the largest body that may be posted there, which its route streams to disk.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        max_bytes: int,
        max_held_bytes: int,
        timeout_s: float,
        streamed: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.max_held_bytes = max(max_held_bytes, max_bytes)
        self.timeout_s = timeout_s
        self.streamed = streamed
        self.held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting `receive`."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        announced_bytes = int(announced) if announced.isdecimal() else 0
        streamed_bytes = self.streamed.get(scope["path"]) if scope["method"] == "POST" else None
        max_bytes = self.max_bytes if streamed_bytes is None else streamed_bytes
        if announced_bytes > max_bytes:
            detail = f"expected a body of at most {max_bytes} bytes, got {announced_bytes}"
            refusal = problem_response("body_too_large", detail, field="body")
            await refusal(scope, receive, send)
            return
        if streamed_bytes is not None:
            streamed = _StreamedBody(receive, max_bytes, self.timeout_s)
            await self.app(scope, streamed.receive, send)
            return
        if self.held_bytes + announced_bytes > self.max_held_bytes:
            refusal = problem_of(Overloaded(str(UploadsFull().detail), retry_after_s=1))
            await refusal(scope, receive, send)
            return
        held = _CountedBody(self, receive, announced_bytes)
        try:
            await self.app(scope, held.receive, send)
        finally:
            held.release()


class _Body:
    """One request's body, counted while it arrives."""

    def __init__(self, receive: Receive, max_bytes: int, timeout_s: float) -> None:
        self._receive = receive
        self.max_bytes = max_bytes
        self.timeout_s = timeout_s
        self.received_bytes = 0
        self.finished = False
        self.started_at: float | None = None

    @property
    def allowed_s(self) -> float:
        """How long the body may take, from its first read on."""
        return self.timeout_s

    async def receive(self) -> Message:
        """The next message; raises BodyTooLarge or UploadTimeout."""
        if self.finished:
            return await self._receive()
        if self.started_at is None:
            self.started_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout_at(self.started_at + self.allowed_s):
                message = await self._receive()
        except TimeoutError:
            raise UploadTimeout(self.allowed_s) from None
        if message["type"] == "http.request":
            self.count(len(message.get("body", b"")))
            self.finished = not message.get("more_body", False)
        return message

    def count(self, received_bytes: int) -> None:
        """Take note of bytes that arrived."""
        self.received_bytes += received_bytes
        if self.received_bytes > self.max_bytes:
            raise BodyTooLarge(self.max_bytes)


class _StreamedBody(_Body):
    """A body that its route writes to disk."""

    @property
    def allowed_s(self) -> float:
        return self.timeout_s + self.received_bytes / LEAST_BYTES_PER_S


class _CountedBody(_Body):
    """A body held in memory; `reserved_bytes` of the budget are its own until released."""

    def __init__(self, limit: BodyLimit, receive: Receive, announced_bytes: int) -> None:
        super().__init__(receive, limit.max_bytes, limit.timeout_s)
        self.limit = limit
        self.reserved_bytes = announced_bytes
        limit.held_bytes += announced_bytes

    def count(self, received_bytes: int) -> None:
        super().count(received_bytes)
        beyond = self.received_bytes - self.reserved_bytes
        if beyond > 0:
            if self.limit.held_bytes + beyond > self.limit.max_held_bytes:
                raise UploadsFull
            self.limit.held_bytes += beyond
            self.reserved_bytes += beyond

    def release(self) -> None:
        self.limit.held_bytes -= self.reserved_bytes
