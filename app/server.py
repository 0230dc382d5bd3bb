"""uvicorn, with streams that end when the server does."""

import socket

import uvicorn
from fastapi import FastAPI

from app.services import Services

__all__ = ["Server"]


class Server(uvicorn.Server):
    """Serves one app; a page that watches a job does not keep it from ending."""

    def __init__(self, app: FastAPI, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._services: Services = app.state.services

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then what else there is."""
        self._services.closing.set()
        await super().shutdown(sockets)
