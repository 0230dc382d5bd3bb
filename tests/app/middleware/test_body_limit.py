import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.middleware.body_limit import BodyLimit, BodyTooLarge, UploadsFull, UploadTimeout

LIMIT = 100
Source = Callable[[], Awaitable[Message]]


def chunks(*bodies: bytes) -> Source:
    """A client that sends `bodies` one after another."""
    left = list(bodies)

    async def receive() -> Message:
        body = left.pop(0)
        return {"type": "http.request", "body": body, "more_body": bool(left)}

    return receive


async def read_all(scope: Scope, receive: Receive, send: Send) -> None:
    """An app that answers how much it read."""
    body = await Request(scope, receive).body()
    await PlainTextResponse(str(len(body)))(scope, receive, send)


def limited(app: ASGIApp = read_all, *, held: int = 1000, timeout_s: float = 10) -> BodyLimit:
    return BodyLimit(app, max_bytes=LIMIT, max_held_bytes=held, timeout_s=timeout_s)


async def call(
    limit: BodyLimit,
    receive: Source,
    content_length: str | None = None,
    path: str = "/predict",
) -> tuple[int, Any]:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [] if content_length is None else [(b"content-length", content_length.encode())]
    scope = {"type": "http", "headers": headers, "method": "POST", "path": path}
    await limit(scope, receive, send)
    return sent[0]["status"], json.loads(b"".join(part.get("body", b"") for part in sent[1:]))


async def never_read() -> Message:
    raise AssertionError("the body was read")


async def never_called(scope: Scope, receive: Receive, send: Send) -> None:
    raise AssertionError("the app was called")


def test_a_body_at_the_limit_passes() -> None:
    assert asyncio.run(call(limited(), chunks(b"x" * LIMIT), str(LIMIT))) == (200, LIMIT)
    assert asyncio.run(call(limited(), chunks(b"x" * 60, b"x" * 40))) == (200, LIMIT)


def test_an_announced_large_body_is_refused_unread() -> None:
    status, problem = asyncio.run(call(limited(never_called), never_read, str(LIMIT + 1)))
    assert status == 413
    assert (problem["code"], problem["field"]) == ("body_too_large", "body")
    assert str(LIMIT + 1) in problem["detail"]


def test_chunks_are_refused_at_the_one_that_goes_over() -> None:
    limit = limited()
    with pytest.raises(BodyTooLarge):
        asyncio.run(call(limit, chunks(b"x" * 60, b"x" * 60, b"never read")))
    assert limit.held_bytes == 0


def test_a_lying_content_length_does_not_help() -> None:
    with pytest.raises(BodyTooLarge):
        asyncio.run(call(limited(), chunks(b"x" * 101), "1"))


@pytest.mark.parametrize("content_length", ["abc", "-5", "", "1e9", "²"])
def test_a_broken_content_length_is_not_trusted(content_length: str) -> None:
    assert asyncio.run(call(limited(), chunks(b"xy"), content_length)) == (200, 2)


def test_a_slow_body_is_given_up() -> None:
    async def hang() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    with pytest.raises(UploadTimeout):
        asyncio.run(call(limited(timeout_s=0.01), hang))


def test_all_bodies_together_are_bounded() -> None:
    async def scenario() -> None:
        arrived, done = asyncio.Event(), asyncio.Event()

        async def slow_app(scope: Scope, receive: Receive, send: Send) -> None:
            await read_all(scope, receive, send)
            arrived.set()
            await done.wait()

        limit = limited(slow_app, held=150)
        first = asyncio.create_task(call(limit, chunks(b"x" * LIMIT), str(LIMIT)))
        await arrived.wait()
        assert limit.held_bytes == LIMIT
        status, problem = await call(limit, never_read, "60")
        assert (status, problem["code"]) == (429, "overloaded")
        with pytest.raises(UploadsFull):
            await call(limit, chunks(b"x" * 60))
        done.set()
        assert (await first)[0] == 200
        assert limit.held_bytes == 0

    asyncio.run(scenario())


def test_one_body_always_has_room() -> None:
    assert asyncio.run(call(limited(held=1), chunks(b"x" * LIMIT), str(LIMIT)))[0] == 200


@pytest.mark.parametrize(
    ("error", "status"), [(BodyTooLarge(1), 413), (UploadTimeout(1), 408), (UploadsFull(), 429)]
)
def test_refusals_are_http_exceptions(error: HTTPException, status: int) -> None:
    assert error.status_code == status


def streaming(app: ASGIApp = read_all, *, timeout_s: float = 10) -> BodyLimit:
    return BodyLimit(
        app,
        max_bytes=LIMIT,
        max_held_bytes=LIMIT,
        timeout_s=timeout_s,
        streamed={"/datasets": 10 * LIMIT},
    )


def test_a_streamed_body_has_its_own_limit_and_counts_nothing() -> None:
    limit = streaming()
    status, answer = asyncio.run(call(limit, chunks(*[b"x" * 100] * 9), path="/datasets"))
    assert (status, answer) == (200, 900)
    assert limit.held_bytes == 0
    status, answer = asyncio.run(call(limit, never_read, str(10 * LIMIT + 1), path="/datasets"))
    assert (status, answer["code"]) == (413, "body_too_large")
    with pytest.raises(BodyTooLarge):
        asyncio.run(call(limit, chunks(*[b"x" * 100] * 11), path="/datasets"))


def test_a_streamed_body_that_stalls_is_given_up() -> None:
    async def stalled() -> Message:
        await asyncio.sleep(60)
        raise AssertionError("waited")

    with pytest.raises(UploadTimeout):
        asyncio.run(call(streaming(timeout_s=0.05), stalled, path="/datasets"))
