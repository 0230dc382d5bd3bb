"""Build the app: settings in, FastAPI out. Nothing is built at import, and torch stays out."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

from fastapi import FastAPI
from starlette.formparsers import MultiPartParser
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

import ipvit
from app.backends import create_backend
from app.catalogue import Catalogue, known_models
from app.dataset_desk import DatasetDesk
from app.error_handlers import install_problem_handlers
from app.evaluations import Evaluations
from app.metrics import Measure, Metrics
from app.middleware.access import Access
from app.middleware.body_limit import BodyLimit
from app.middleware.head_as_get import HeadAsGet
from app.middleware.security_headers import SecurityHeaders
from app.middleware.unexpected_errors import UnexpectedErrors
from app.openapi import describe_api
from app.picture_budget import PictureBudget
from app.routes import (
    attention,
    datasets,
    docs,
    experiments,
    health,
    jobs,
    models,
    occlude,
    pages,
    predict,
    problems,
    segment,
    shuffle,
)
from app.services import Services
from app.settings import Settings
from ipvit.datasets.catalogue import DatasetCatalogue
from ipvit.models.specs import ModelSpec
from jobs.store import JobStore

STATIC_FOLDER = Path(__file__).parent.parent / "static"
API_ROUTES = (
    predict,
    occlude,
    shuffle,
    attention,
    segment,
    models,
    experiments,
    datasets,
    jobs,
    health,
    problems,
)

DESCRIPTION = """See and measure how vision transformers behave when an image is occluded or
shuffled, and where they look while they decide.

Send an image as a multipart form; numbers and pictures come back as JSON, or one picture for
`Accept: image/png`. Fields that repeat are lists: `-F ratio=0.2 -F ratio=0.5`. Errors are RFC 9457
problems whose `code` never changes; `/problems` lists them."""


class RevalidatedFiles(StaticFiles):
    """Static files that a browser asks about again, so that an upgrade shows at once."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        """Serve a file or, by its ETag, that it has not changed."""
        response = super().file_response(*args, **kwargs)  # type: ignore[arg-type]
        response.headers["Cache-Control"] = "no-cache"
        return response


def create_app(
    settings: Settings | None = None, *, extra_specs: Iterable[ModelSpec] = ()
) -> FastAPI:
    """Build the app.

    settings: read from the environment if not given.
    extra_specs: models beside the built-in ones and those of `settings.models_file`.
    """
    settings = settings or Settings()
    specs = known_models(settings, extra_specs)
    backend = create_backend(settings, specs)
    metrics = Metrics()
    metrics.watch_backend(backend.stats)
    catalogue = Catalogue(settings, specs)
    dataset_catalogue = DatasetCatalogue(settings.data_dir, settings.cache)
    store = JobStore(settings.database_url)
    services = Services(
        settings,
        catalogue,
        backend,
        metrics,
        PictureBudget(settings.max_pictures),
        dataset_catalogue,
        DatasetDesk(settings, dataset_catalogue, store),
        Evaluations(settings, catalogue, backend, dataset_catalogue, store),
    )
    app = FastAPI(
        title="IPViT Lab",
        version=ipvit.__version__,
        description=DESCRIPTION,
        lifespan=_lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        middleware=_middleware(settings, metrics),
    )
    app.state.services = services
    app.openapi = partial(describe_api, app)  # type: ignore[method-assign]
    install_problem_handlers(app)
    _add_routes(app)
    return app


def _middleware(settings: Settings, metrics: Metrics) -> list[Middleware]:
    """From the outside in."""
    return [
        Middleware(SecurityHeaders),
        Middleware(Measure, metrics=metrics),
        Middleware(UnexpectedErrors),
        Middleware(HeadAsGet),
        Middleware(Access, api_keys=settings.api_keys, per_minute=settings.rate_limit_per_minute),
        Middleware(
            BodyLimit,
            max_bytes=settings.max_body_bytes,
            max_held_bytes=settings.max_upload_bytes,
            timeout_s=settings.transfer_timeout_s,
            # The form around the zip takes a few hundred bytes.
            streamed={"/datasets": settings.max_dataset_bytes + 64 * 1024},
        ),
    ]


def _add_routes(app: FastAPI) -> None:
    for route in API_ROUTES:
        app.include_router(route.router)
    app.include_router(docs.router)
    app.include_router(pages.router)
    # Uploads are bounded and short-lived: they stay in memory (0: never spool to a file), which
    # needs no writable disk and no thread for each chunk.
    MultiPartParser.spool_max_size = 0
    app.mount("/static", RevalidatedFiles(directory=STATIC_FOLDER), name="static")


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Start the backend, which loads models beside the server, and end with it."""
    services: Services = app.state.services
    await services.backend.start()
    services.dataset_desk.start()
    services.evaluations.start()
    try:
        yield
    finally:
        services.closing.set()
        await asyncio.to_thread(services.dataset_desk.close)
        await asyncio.to_thread(services.evaluations.close)
        await services.backend.close()
