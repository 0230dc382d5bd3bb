"""`GET /problems` and `/problems/{code}`: what each error code means; the `type` of a problem."""

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse

from app.problems import PROBLEMS, ProblemKind
from app.schemas.responses import problem_responses

router = APIRouter(tags=["service"], prefix="/problems")


@router.get("", summary="List the error codes", response_class=PlainTextResponse)
def problems() -> str:
    """Describe every code."""
    return "\n".join(_describe(kind) for kind in PROBLEMS.values())


@router.get(
    "/{code}",
    summary="Explain an error code",
    response_class=PlainTextResponse,
    responses=problem_responses("not_found"),
)
def problem(code: str) -> str:
    """Describe one code."""
    if code not in PROBLEMS:
        raise HTTPException(404)
    return _describe(PROBLEMS[code])


def _describe(kind: ProblemKind) -> str:
    return f"{kind.name} ({kind.status}): {kind.title}\n    {kind.meaning}\n"
