"""The `responses=` of the routes: JSON, the picture, and the problems, with examples."""

from typing import Any

from pydantic import BaseModel

from app.problems import PROBLEMS
from app.schemas import examples
from app.schemas.service import Problem

Responses = dict[int | str, dict[str, Any]]

ANALYSIS_PROBLEMS = (
    "malformed_body",
    "unauthorized",
    "weights_unavailable",
    "body_too_large",
    "unsupported_media_type",
    "invalid_input",
    "overloaded",
    "starting",
    "deadline_exceeded",
)


def problem_responses(*codes: str) -> Responses:
    """Document the statuses of `codes`."""
    content = {
        "application/problem+json": {
            "schema": {"$ref": f"#/components/schemas/{Problem.__name__}"},
            "example": examples.PROBLEM,
        }
    }
    kinds = [PROBLEMS[code] for code in codes]
    return {kind.status: {"description": kind.title, "content": content} for kind in kinds}


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
