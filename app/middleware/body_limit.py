"""Bound what a request may make the server hold: before parsing, and all clients together.

A body that announces too many bytes is refused without reading any of it; one that comes in
chunks is refused at the chunk that goes over. The connection is not closed: the server reads and
forgets the rest, so that a client that still sends gets to see the answer.
"""

import asyncio

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.error_handlers import problem_of
from app.problems import problem_response
from ipvit.errors import Overloaded


class BodyTooLarge(HTTPException):
    """A body went over the limit; an HTTPException, so that FastAPI's form parser lets it pass."""

    def __init__(self, max_bytes: int) -> None:
        super().__init__(413, f"expected a body of at most {max_bytes} bytes, got more")


class UploadTimeout(HTTPException):
    """A body did not arrive in time; the connection is closed, so that the rest never does."""

    def __init__(self, timeout_s: float) -> None:
        detail = f"expected the whole body within {timeout_s:g} s"
        super().__init__(408, detail, {"Connection": "close"})


class UploadsFull(HTTPException):
    """All clients together hold as many bytes as the server has room for."""

    def __init__(self) -> None:
        super().__init__(429, "the server holds as many uploads as it can", {"Retry-After": "1"})


class BodyLimit:
    """Refuse bodies that are too large, too slow, or too many at once.

    max_bytes: of one body. max_held_bytes: of all bodies of requests in progress.
    timeout_s: from the first read of a body to its end.
    """

    def __init__(
        self, app: ASGIApp, *, max_bytes: int, max_held_bytes: int, timeout_s: float
    ) -> None:
        self.app = app
        self.max_bytes = max_bytes
        self.max_held_bytes = max(max_held_bytes, max_bytes)
        self.timeout_s = timeout_s
        self.held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on with a counting `receive`."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        announced_bytes = int(announced) if announced.isdecimal() else 0
        if announced_bytes > self.max_bytes:
            detail = f"expected a body of at most {self.max_bytes} bytes, got {announced_bytes}"
            refusal = problem_response("body_too_large", detail, field="body")
            await refusal(scope, receive, send)
            return
        if self.held_bytes + announced_bytes > self.max_held_bytes:
            refusal = problem_of(Overloaded(str(UploadsFull().detail), retry_after_s=1))
            await refusal(scope, receive, send)
            return
        body = _CountedBody(self, receive, announced_bytes)
        try:
            await self.app(scope, body.receive, send)
        finally:
            body.release()


class _CountedBody:
    """One request's body; `reserved_bytes` of the budget are its own until released."""

    def __init__(self, limit: BodyLimit, receive: Receive, announced_bytes: int) -> None:
        self.limit = limit
        self._receive = receive
        self.reserved_bytes = announced_bytes
        self.received_bytes = 0
        self.finished = False
        self.deadline: float | None = None
        limit.held_bytes += announced_bytes

    async def receive(self) -> Message:
        if self.finished:
            return await self._receive()
        if self.deadline is None:
            self.deadline = asyncio.get_running_loop().time() + self.limit.timeout_s
        try:
            async with asyncio.timeout_at(self.deadline):
                message = await self._receive()
        except TimeoutError:
            raise UploadTimeout(self.limit.timeout_s) from None
        if message["type"] == "http.request":
            self._count(len(message.get("body", b"")))
            self.finished = not message.get("more_body", False)
        return message

    def _count(self, received_bytes: int) -> None:
        self.received_bytes += received_bytes
        if self.received_bytes > self.limit.max_bytes:
            raise BodyTooLarge(self.limit.max_bytes)
        beyond = self.received_bytes - self.reserved_bytes
        if beyond > 0:
            if self.limit.held_bytes + beyond > self.limit.max_held_bytes:
                raise UploadsFull
            self.limit.held_bytes += beyond
            self.reserved_bytes += beyond

    def release(self) -> None:
        self.limit.held_bytes -= self.reserved_bytes
