"""`GET /healthz`, `/readyz`, `/metrics`: for those who run the server."""

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

import ipvit
from app.deps import ServicesDep
from app.schemas.responses import problem_responses
from app.schemas.service import Alive, Ready

router = APIRouter(tags=["service"])


@router.get("/healthz", summary="Is the server alive?")
async def healthz() -> Alive:
    """Answer at once, also while models load."""
    return Alive(status="ok", version=ipvit.__version__)


@router.get(
    "/readyz",
    summary="Can it work?",
    responses=problem_responses("starting", "no_worker", "queue_unavailable"),
)
async def readyz(services: ServicesDep) -> Ready:
    """Answer 200 once models are loaded and warmed, here or by a worker, 503 before."""
    readiness = services.backend.readiness()
    if not readiness.ready:
        raise readiness.error(readiness.detail)
    models = list(services.backend.loaded())
    return Ready(status="ready", models=models, detail=readiness.detail)


@router.get("/metrics", summary="Numbers for Prometheus", response_class=Response)
def metrics(services: ServicesDep) -> Response:
    """Answer requests, latency, images, queue depth and batches in Prometheus' text format."""
    return Response(services.metrics.text(), media_type=CONTENT_TYPE_LATEST)
