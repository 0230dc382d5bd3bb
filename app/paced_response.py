"""An answer that goes out in pieces, each when the client has taken those before.

A server buffers what a slow client has not read yet; handed a hundred megabytes at once, it would
keep them, however many clients do that.
"""

import asyncio
import logging
from contextlib import AsyncExitStack

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

log = logging.getLogger(__name__)

PIECE_BYTES = 256 * 1024


class PacedResponse(Response):
    """Sends `content` piece by piece; gives up on a client that takes longer than `timeout_s`.

    held: closed once the answer is sent or given up.
    """

    def __init__(
        self,
        content: bytes,
        *,
        media_type: str,
        timeout_s: float,
        held: AsyncExitStack | None = None,
    ) -> None:
        super().__init__(content, media_type=media_type)
        self.timeout_s = timeout_s
        self.held = held or AsyncExitStack()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer; one that is left unfinished makes the server end the connection."""
        try:
            async with self.held, asyncio.timeout(self.timeout_s):
                await self._send(send)
        except TimeoutError:
            log.warning("gave up on a client that did not take its answer")

    async def _send(self, send: Send) -> None:
        start = {"status": self.status_code, "headers": self.raw_headers}
        body = memoryview(self.body)
        await send({"type": "http.response.start", **start})
        for begin in range(0, len(body), PIECE_BYTES):
            piece = bytes(body[begin : begin + PIECE_BYTES])
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
