"""`ipvit serve`: the whole product in one process."""

from contextlib import suppress
from typing import Annotated

import typer

STARTUP_FAILED = 3


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on; IPVIT_HOST.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port to listen on; IPVIT_PORT.")
    ] = None,
) -> None:
    """Start the web service: the lab page, the HTTP API and the models."""
    import uvicorn

    from app.factory import create_app
    from app.server import Server
    from app.settings import Settings

    given = {"host": host, "port": port}
    settings = Settings().model_copy(
        update={name: value for name, value in given.items() if value is not None}
    )
    app = create_app(settings)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_level=settings.log_level,
        access_log=False,
        server_header=False,
    )
    server = Server(app, config)
    with suppress(KeyboardInterrupt):
        server.run()
    if not server.started:
        raise SystemExit(STARTUP_FAILED)
