"""A multipart form whose file goes to disk while it arrives; little of it is held in memory."""

import asyncio
from collections.abc import Callable, Collection
from pathlib import Path
from typing import BinaryIO

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request

from ipvit.errors import InvalidInput, StorageFull

__all__ = ["receive_form"]

_WRITE_BYTES = 2**20
_MOST_TEXT_BYTES = 1000


async def receive_form(
    request: Request,
    target: Path,
    *,
    file_field: str,
    text_fields: Collection[str],
    on_text: Callable[[str, str], None],
) -> dict[str, str]:
    """Read the form of `request`; the part `file_field` becomes the file `target`.

    on_text: called with name and text of a text field once it is there, to refuse a form before
        its file has arrived.
    Returns the text fields that came; `target` is there if the file came.
    Raises InvalidInput for fields that are unknown, repeated or too long, HTTPException for a
    body that is no whole form, StorageFull if the disk is full.
    """
    boundary = _boundary(request)
    reader = _Reader(target, file_field, frozenset(text_fields), on_text)
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": reader.begin_part,
                "on_header_field": reader.add_header_name,
                "on_header_value": reader.add_header_value,
                "on_header_end": reader.end_header,
                "on_headers_finished": reader.begin_content,
                "on_part_data": reader.add_content,
                "on_part_end": reader.end_part,
                "on_end": reader.end,
            },
        )
        async for chunk in request.stream():
            parser.write(chunk)
            if len(reader.unwritten) >= _WRITE_BYTES:
                await asyncio.to_thread(reader.write)
        await asyncio.to_thread(reader.write)
    except FormParserError as error:
        raise HTTPException(400, "the multipart form is broken") from error
    except ClientDisconnect as error:
        raise HTTPException(400, "the client left before the form was whole") from error
    finally:
        reader.close()
    if not reader.ended:
        raise HTTPException(400, "the multipart form is cut off")
    return reader.texts


def _boundary(request: Request) -> bytes:
    media_type, options = parse_options_header(request.headers.get("content-type", ""))
    if media_type != b"multipart/form-data":
        shown = media_type[:80].decode("latin-1")
        raise HTTPException(415, f"expected multipart/form-data, got {shown!r}")
    if not options.get(b"boundary"):
        raise HTTPException(400, "expected a boundary in the Content-Type, got none")
    return options[b"boundary"]


class _Reader:
    """What the parser calls: gathers text fields, and the file's bytes until they are written."""

    def __init__(
        self,
        target: Path,
        file_field: str,
        text_fields: frozenset[str],
        on_text: Callable[[str, str], None],
    ) -> None:
        self.texts: dict[str, str] = {}
        self.unwritten = bytearray()
        self.ended = False
        self._target = target
        self._file: BinaryIO | None = None
        self._file_field = file_field
        self._text_fields = text_fields
        self._on_text = on_text
        self._seen: list[str] = []
        self._header_name, self._header_value = bytearray(), bytearray()
        self._disposition = b""
        self._text = bytearray()

    def begin_part(self) -> None:
        self._disposition = b""
        self._text.clear()

    def add_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def add_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def begin_content(self) -> None:
        """Check the part's name, now that its headers are known."""
        _, options = parse_options_header(self._disposition.decode("latin-1"))
        name = options.get(b"name", b"").decode("utf-8", "replace")
        known = {*self._text_fields, self._file_field}
        if name not in known:
            raise InvalidInput(
                f"expected the fields {', '.join(sorted(known))}, got {name[:80]!r}",
                field=name[:80],
            )
        if name in self._seen:
            raise InvalidInput(f"expected the field {name!r} once, got it again", field=name)
        self._seen.append(name)
        if name == self._file_field:
            self._open()

    def add_content(self, data: bytes, start: int, end: int) -> None:
        """Take a piece of the part's content."""
        if self._seen[-1] == self._file_field:
            self.unwritten += data[start:end]
            return
        self._text += data[start:end]
        if len(self._text) > _MOST_TEXT_BYTES:
            raise InvalidInput(
                f"expected at most {_MOST_TEXT_BYTES} bytes of text, got more", field=self._seen[-1]
            )

    def end_part(self) -> None:
        """Hand a text field on."""
        name = self._seen[-1]
        if name == self._file_field:
            return
        try:
            self.texts[name] = self._text.decode()
        except UnicodeDecodeError as error:
            raise InvalidInput("expected text in UTF-8", field=name) from error
        self._on_text(name, self.texts[name])

    def end(self) -> None:
        self.ended = True

    def _open(self) -> None:
        try:
            self._file = self._target.open("xb")
        except OSError as error:
            raise StorageFull(f"the upload cannot be written: {error.strerror}") from error

    def write(self) -> None:
        """Write what has come of the file."""
        if self._file is None:
            return
        try:
            self._file.write(self.unwritten)
            self._file.flush()
        except OSError as error:
            raise StorageFull(f"the upload cannot be written: {error.strerror}") from error
        self.unwritten.clear()

    def close(self) -> None:
        """Close the file."""
        if self._file is None:
            return
        try:
            self._file.close()
        except OSError as error:
            raise StorageFull(f"the upload cannot be written: {error.strerror}") from error
