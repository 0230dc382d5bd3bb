"""The `responses=` of the routes: JSON, the picture, and the problems, with examples."""

from typing import Any

from pydantic import BaseModel

from app.problems import PROBLEMS, ProblemKind
from app.schemas import examples
from app.schemas.service import Problem

PROBLEM_JSON = "application/problem+json"

Responses = dict[int | str, dict[str, Any]]

ANALYSIS_PROBLEMS = (
    "malformed_body",
    "unauthorized",
    "weights_unavailable",
    "body_too_large",
    "unsupported_media_type",
    "invalid_input",
    "invalid_image",
    "invalid_grid",
    "token_unavailable",
    "unknown_name",
    "image_too_large",
    "overloaded",
    "starting",
    "no_worker",
    "queue_unavailable",
    "deadline_exceeded",
)


def problem_responses(*codes: str) -> Responses:
    """Document the statuses of `codes`; those that share one are examples of it."""
    responses: Responses = {}
    for kind in (PROBLEMS[code] for code in codes):
        response = responses.setdefault(
            kind.status, {"description": kind.title, "content": {PROBLEM_JSON: _problem_content()}}
        )
        response["content"][PROBLEM_JSON]["examples"][kind.name] = {"value": _example(kind)}
    return responses


def _problem_content() -> dict[str, Any]:
    return {"schema": {"$ref": f"#/components/schemas/{Problem.__name__}"}, "examples": {}}


def _example(kind: ProblemKind) -> dict[str, Any]:
    own = {"status": kind.status, "title": kind.title, "code": kind.name}
    return {
        "type": f"/problems/{kind.name}",
        "detail": kind.meaning,
        **own,
        **examples.PROBLEMS.get(kind.name, {}),
    }


def analysis_responses(
    answer: type[BaseModel], example: dict[str, Any], *, picture: bool = True
) -> Responses:
    """Document an analysis: its answer, its picture if it can draw one, its problems."""
    content: dict[str, Any] = {"application/json": {"example": example}}
    if picture:
        content["image/png"] = {"schema": {"type": "string", "format": "binary"}}
    description = "JSON; the composite picture for `Accept: image/png`." if picture else "JSON."
    return {
        200: {"model": answer, "description": description, "content": content},
        **problem_responses(*ANALYSIS_PROBLEMS),
    }
