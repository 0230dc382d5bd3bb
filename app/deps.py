"""What handlers ask for: `ServicesDep` holds what the app was built with, `CallDep` one request."""

from dataclasses import dataclass
from typing import Annotated, cast

from fastapi import Depends, Request

from app.analysis_call import AnalysisCall
from app.backends import Backend
from app.catalogue import Catalogue
from app.metrics import Metrics
from app.settings import Settings


@dataclass(frozen=True)
class Services:
    """Everything that lives as long as the app."""

    settings: Settings
    catalogue: Catalogue
    backend: Backend
    metrics: Metrics


# Both are coroutines because FastAPI runs plain functions on a thread.
async def get_services(request: Request) -> Services:
    """What `create_app` put there."""
    return cast(Services, request.app.state.services)


ServicesDep = Annotated[Services, Depends(get_services)]


async def get_call(request: Request, services: ServicesDep) -> AnalysisCall:
    """The request as an analysis to run."""
    return AnalysisCall(
        request, services.settings, services.catalogue, services.backend, services.metrics
    )


CallDep = Annotated[AnalysisCall, Depends(get_call)]
