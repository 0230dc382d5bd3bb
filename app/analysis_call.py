"""One analysis on its way through the server: from a checked form to an answer.

The answer is JSON, or the composite picture for a client that prefers `image/png`. When the client
goes away, its work is called off.
"""

import asyncio
import base64
import json
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, TypeVar

from fastapi import Request, UploadFile
from starlette.responses import Response
from starlette.types import Receive

from app.paced_response import PacedResponse
from app.services import Services
from ipvit.errors import DeadlineExceeded, ImageTooLarge, WeightsUnavailable

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

Answer = TypeVar("Answer")

CLIENT_CLOSED_REQUEST = 499


class ClientGone(Exception):
    """The client closed the connection before its answer was there."""


class AnalysisCall:
    """Runs one task for one request."""

    def __init__(self, request: Request, services: Services) -> None:
        self.request = request
        self.settings = services.settings
        self.catalogue = services.catalogue
        self.services = services

    def models(self, names: list[str]) -> list[str]:
        """The models to ask: those named, or the server's default."""
        models = names or self.catalogue.default_models()
        if not models:
            raise WeightsUnavailable(
                "no model named, and the weights of no default model are on this machine"
            )
        return models

    async def answer(
        self,
        task: str,
        params: "DataclassInstance",
        *,
        pictures: int | None,
        **files: UploadFile | None,
    ) -> Response:
        """Run `task` and answer.

        params: the task's parameters, already validated.
        pictures: how many the task draws if pictures are wanted; None if it cannot draw.
        files: the uploads by field name.
        """
        payload = dict(vars(params))
        self.catalogue.require_ready(payload["models"])
        blobs = {field: self._read(upload, field) for field, upload in files.items() if upload}
        composite = pictures is not None and prefers_png(self.request.headers.get("accept", ""))
        if composite:
            payload["composite"] = True
        drawn = (pictures or 0) if composite or payload.get("include_images", True) else 0
        self.services.metrics.images.labels(task).inc()
        async with AsyncExitStack() as held:
            work = self._run(task, payload, blobs, drawn, held)
            try:
                result = await while_connected(self.request.receive, work)
            except ClientGone:
                return Response(status_code=CLIENT_CLOSED_REQUEST)
            if composite:
                body, media_type = base64.b64decode(result["png"]), "image/png"
            elif drawn:
                body = await asyncio.to_thread(encode_large_json, result)
                media_type = "application/json"
            else:
                return Response(encode_json(result), media_type="application/json")
            return PacedResponse(
                body,
                media_type=media_type,
                timeout_s=self.settings.transfer_timeout_s,
                held=held.pop_all(),
            )

    async def _run(
        self,
        task: str,
        payload: dict[str, Any],
        blobs: dict[str, bytes],
        drawn: int,
        held: AsyncExitStack,
    ) -> dict[str, Any]:
        """The task's answer; `held` gets the room of its pictures."""
        deadline_s = self.settings.deadline_s
        started_s = time.monotonic()
        if drawn:
            budget = self.services.picture_budget
            try:
                async with asyncio.timeout(deadline_s):
                    await budget.take(drawn)
            except TimeoutError:
                raise DeadlineExceeded(
                    f"expected room for pictures within {deadline_s:g} s"
                ) from None
            held.push_async_callback(budget.give_back, drawn)
        left_s = deadline_s - (time.monotonic() - started_s)
        return await self.services.backend.run(task, payload, blobs, deadline_s=left_s)

    def _read(self, upload: UploadFile, field: str) -> bytes:
        """The upload's bytes, which are in memory: no thread is needed to read them.

        The upload is closed, so that the bytes are not held twice.
        """
        limit_bytes = self.settings.max_image_bytes
        if (upload.size or 0) > limit_bytes:
            raise ImageTooLarge(
                f"expected a file of at most {limit_bytes} bytes, got {upload.size}", field=field
            )
        with upload.file:
            return upload.file.read()


# Strict: a NaN is an error here rather than in the client's parser.
ENCODER = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":"))


def encode_json(result: dict[str, Any]) -> bytes:
    """Encode an answer of numbers."""
    return ENCODER.encode(result).encode()


def encode_large_json(result: dict[str, Any]) -> bytes:
    """Encode an answer with pictures, letting other threads run after each of them.

    `encode` would hold the interpreter for 5 ms a megabyte in one go, and the event loop with it.
    """
    return b"".join(chunk.encode() for chunk in ENCODER.iterencode(result))


def prefers_png(accept: str) -> bool:
    """Whether `Accept` puts `image/png` before JSON; whatever takes anything gets JSON."""
    png, json_quality = 0.0, 0.0
    for media_range in accept.split(","):
        name, *parameters = (part.strip().lower() for part in media_range.split(";"))
        quality = _quality(parameters)
        if name in ("image/png", "image/*"):
            png = max(png, quality)
        elif name in ("application/json", "application/*"):
            json_quality = max(json_quality, quality)
    return png > json_quality


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return float(parameter[2:])
            except ValueError:
                return 0.0
    return 1.0


async def while_connected(receive: Receive, work: Coroutine[Any, Any, Answer]) -> Answer:
    """Await `work`; cancel it and raise ClientGone if the client disconnects first."""
    try:
        async with asyncio.timeout(None) as patience:
            leaving = asyncio.ensure_future(_end_with_connection(receive, patience))
            try:
                return await work
            finally:
                leaving.cancel()
    except TimeoutError:
        if patience.expired():
            raise ClientGone from None
        raise


async def _end_with_connection(receive: Receive, patience: asyncio.Timeout) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    patience.reschedule(0)
