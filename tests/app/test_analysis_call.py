import asyncio
import math
from collections.abc import Callable

import pytest
from starlette.types import Message

from app.analysis_call import (
    ClientGone,
    encode_json,
    encode_large_json,
    prefers_png,
    while_connected,
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False),
        ("image/png", True),
        ("Image/PNG", True),
        ("image/*", True),
        ("image/png, */*;q=0.1", True),
        ("image/png;q=0.5, application/json", False),
        ("application/json;q=0.5, image/png", True),
        ("application/json, image/png", False),
        ("image/png;q=0", False),
        ("image/png;q=zero", False),
        ("image/jpeg", False),
        (",;,;q=;", False),
    ],
)
def test_who_prefers_a_picture(accept: str, expected: bool) -> None:
    assert prefers_png(accept) is expected


@pytest.mark.parametrize("encode", [encode_json, encode_large_json])
def test_json_is_compact_and_strict(encode: Callable[[dict[str, object]], bytes]) -> None:
    assert encode({"a": [1, "ü", None, 0.1]}) == '{"a":[1,"ü",null,0.1]}'.encode()
    with pytest.raises(ValueError, match="not JSON compliant"):
        encode({"a": math.nan})


async def stay() -> Message:
    """A client that never leaves."""
    await asyncio.Event().wait()
    raise AssertionError


async def leave() -> Message:
    """A client that has left."""
    return {"type": "http.disconnect"}


def test_work_is_awaited_while_the_client_stays() -> None:
    async def work() -> str:
        await asyncio.sleep(0)
        return "done"

    assert asyncio.run(while_connected(stay, work())) == "done"


def test_errors_of_the_work_arrive() -> None:
    async def work() -> None:
        raise ValueError("wrong")

    with pytest.raises(ValueError, match="wrong"):
        asyncio.run(while_connected(stay, work()))


def test_work_is_cancelled_when_the_client_leaves() -> None:
    cancelled = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.append(True)

    async def scenario() -> None:
        with pytest.raises(ClientGone):
            await while_connected(leave, work())

    asyncio.run(scenario())
    assert cancelled == [True]
