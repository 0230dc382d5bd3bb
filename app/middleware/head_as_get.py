"""HEAD for everything that answers GET: the server keeps the headers and drops the body."""

from starlette.types import ASGIApp, Receive, Scope, Send


class HeadAsGet:
    """Let routes see GET where the client sent HEAD (RFC 9110, §9.3.2)."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] == "http" and scope["method"] == "HEAD":
            scope = {**scope, "method": "GET"}
        await self.app(scope, receive, send)
