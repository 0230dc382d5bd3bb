"""What handlers ask for: `ServicesDep` is what the app was built with, `CallDep` one analysis."""

from typing import Annotated, cast

from fastapi import Depends, Request

from app.analysis_call import AnalysisCall
from app.services import Services


# Both are coroutines because FastAPI runs plain functions on a thread.
async def get_services(request: Request) -> Services:
    """What `create_app` put there."""
    return cast(Services, request.app.state.services)


ServicesDep = Annotated[Services, Depends(get_services)]


async def get_call(request: Request) -> AnalysisCall:
    """The request as an analysis to run."""
    return AnalysisCall(request, await get_services(request))


CallDep = Annotated[AnalysisCall, Depends(get_call)]
