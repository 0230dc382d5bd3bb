"""The form that goes to disk as it arrives."""

import asyncio
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.requests import Request
from starlette.types import Message

from app.streamed_form import receive_form

HEAD = b'--b\r\nContent-Disposition: form-data; name="name"\r\n\r\nmine\r\n'
FILE = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.zip"\r\n\r\n'
TAIL = b"\r\n--b--\r\n"


def received(chunks: Iterable[bytes], target: Path) -> dict[str, str]:
    left = iter(chunks)

    async def receive() -> Message:
        chunk = next(left, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    headers = [(b"content-type", b"multipart/form-data; boundary=b")]
    request = Request({"type": "http", "method": "POST", "headers": headers}, receive)
    return asyncio.run(
        receive_form(
            request,
            target,
            file_field="file",
            text_fields=("name",),
            on_text=lambda name, text: None,
        )
    )


@given(content=st.binary(max_size=300), piece=st.integers(1, 40), file_first=st.booleans())
def test_however_the_body_is_cut_the_file_is_the_file(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, piece: int, file_first: bool
) -> None:
    if b"\r\n--b" in content:
        return
    target = tmp_path_factory.mktemp("form") / "file"
    parts = [HEAD, FILE + content + b"\r\n"]
    body = b"".join(reversed(parts) if file_first else parts) + b"--b--\r\n"
    texts = received([body[at : at + piece] for at in range(0, len(body), piece)], target)
    assert texts == {"name": "mine"}
    assert target.read_bytes() == content


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    chunk = bytes(2**16)
    tracemalloc.start()
    received([HEAD, FILE, *([chunk] * 1024), TAIL], tmp_path / "file")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (tmp_path / "file").stat().st_size == 1024 * 2**16
    assert peak < 4 * 2**20
