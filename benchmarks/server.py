"""The server under test, as a process of its own: the real app, or an endpoint that does nothing.

Run as `python -m benchmarks.server app|empty PORT [MODEL …]`. The app is started as `ipvit serve`
starts it, with the models named loaded as well; the random-weight architectures are known to it.
"""

import sys

import uvicorn
from fastapi import FastAPI, UploadFile

from app.catalogue import known_models
from app.factory import create_app
from app.settings import Settings
from benchmarks.models import RANDOM_MODELS
from ipvit.models.weights_files import is_ready


def empty_app() -> FastAPI:
    """An upload endpoint with nothing behind it: what receiving a photo costs by itself."""
    app = FastAPI()

    @app.post("/upload")
    async def upload(image: UploadFile) -> dict[str, int]:
        return {"bytes": len(await image.read())}

    return app


def real_app(models: list[str]) -> FastAPI:
    """The product, with `models` loaded as well."""
    settings = Settings()
    specs = known_models(settings, RANDOM_MODELS)
    wanted = dict.fromkeys((*settings.models, *models))
    names = tuple(name for name in wanted if is_ready(specs[name], settings.cache))
    return create_app(settings.model_copy(update={"models": names}), extra_specs=RANDOM_MODELS)


if __name__ == "__main__":
    app = real_app(sys.argv[3:]) if sys.argv[1] == "app" else empty_app()
    uvicorn.run(
        app,
        host="127.0.0.1",
        port=int(sys.argv[2]),
        log_level="warning",
        access_log=False,
        server_header=False,
    )
