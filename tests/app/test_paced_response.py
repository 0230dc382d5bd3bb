import asyncio
from contextlib import AsyncExitStack
from typing import Any

from starlette.types import Message

from app.paced_response import PIECE_BYTES, PacedResponse


async def no_request() -> Message:
    raise AssertionError("nothing is read")


def test_an_answer_goes_out_in_pieces() -> None:
    content = bytes(range(256)) * 2500
    sent: list[Any] = []

    async def send(message: Message) -> None:
        sent.append(message)

    response = PacedResponse(content, media_type="image/png", timeout_s=10)
    asyncio.run(response({"type": "http"}, no_request, send))
    start, *pieces = sent
    assert start["status"] == 200
    assert (b"content-length", str(len(content)).encode()) in start["headers"]
    assert b"".join(piece["body"] for piece in pieces) == content
    assert max(len(piece["body"]) for piece in pieces) == PIECE_BYTES
    assert [piece.get("more_body", False) for piece in pieces] == [True, True, True, False]


def test_a_client_that_takes_nothing_is_given_up() -> None:
    sent = []

    async def stuck(message: Message) -> None:
        sent.append(message["type"])
        if message["type"] == "http.response.body":
            await asyncio.Event().wait()

    held = AsyncExitStack()
    held.callback(sent.append, "let go")
    response = PacedResponse(b"x", media_type="image/png", timeout_s=0.01, held=held)
    asyncio.run(response({"type": "http"}, no_request, stuck))
    assert sent == ["http.response.start", "http.response.body", "let go"]
