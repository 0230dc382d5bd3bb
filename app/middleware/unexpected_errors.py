"""The last boundary: what nobody expected becomes a 500 that tells nothing but its log id."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.error_handlers import unexpected_problem


class UnexpectedErrors:
    """Answer exceptions that no handler caught.

    Starlette would answer them too, but outside of the security headers and the metrics.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; once an answer has begun, an error can only end the connection."""
        started = False

        async def send_noting_start(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, send_noting_start)
        except Exception as exc:
            if started or scope["type"] != "http":
                raise
            await unexpected_problem(exc)(scope, receive, send)
