"""Which problem answers which exception: ours, FastAPI's, Starlette's, and the unexpected."""

import logging
import uuid
from collections.abc import Mapping

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from app.problems import (
    PROBLEMS,
    NoWorker,
    QueueUnavailable,
    Starting,
    problem_response,
)
from app.schemas.forms import FORMS
from app.schemas.jobs import JobSubmission
from app.validation_messages import describe_validation_error
from ipvit.errors import InvalidInput, IPViTError, Overloaded, UnknownName

log = logging.getLogger(__name__)

HTTP_CODES: Mapping[int, str] = {
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    408: "upload_timeout",
    413: "body_too_large",
    415: "unsupported_media_type",
    429: "overloaded",
}


FORM_TYPES = ("multipart/form-data", "application/x-www-form-urlencoded")
JSON_TYPES = ("application/json",)
JSON_BODIES: Mapping[str, type[BaseModel]] = {
    "/jobs": JobSubmission,
    "/jobs/estimate": JobSubmission,
}
"""Paths that take JSON, and what it holds."""


def unexpected_problem(exc: Exception) -> Response:
    """Log `exc` under a fresh id and answer 500 with nothing of it but that id."""
    instance = f"urn:uuid:{uuid.uuid4()}"
    log.error("unexpected error, %s", instance, exc_info=exc)
    return problem_response("error", "an unexpected error was logged", instance=instance)


def problem_of(exc: IPViTError) -> Response:
    """Answer an error of this project; those of status 500 are logged and not shown."""
    code = exc.code if exc.code in PROBLEMS else "error"
    if PROBLEMS[code].status == 500:
        return unexpected_problem(exc)
    if isinstance(exc, UnknownName):
        return problem_response(code, str(exc), field=exc.field or exc.kind, matches=exc.matches)
    if isinstance(exc, InvalidInput):
        return problem_response(code, str(exc), field=exc.field)
    headers = {}
    if isinstance(exc, Overloaded):
        headers["Retry-After"] = str(max(1, round(exc.retry_after_s)))
    elif isinstance(exc, Starting | QueueUnavailable | NoWorker):
        headers["Retry-After"] = "1"
    return problem_response(code, str(exc), headers=headers)


def _fields(request: Request) -> tuple[str, ...]:
    body = FORMS.get(request.url.path) or JSON_BODIES.get(request.url.path)
    return tuple(body.model_fields) if body else ()


def _on_ipvit_error(_: Request, exc: Exception) -> Response:
    assert isinstance(exc, IPViTError)
    return problem_of(exc)


def _on_validation_error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, RequestValidationError)
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    expected = JSON_TYPES if request.url.path in JSON_BODIES else FORM_TYPES
    if media_type and media_type not in expected:
        return problem_response(
            "unsupported_media_type",
            f"expected {expected[0]}, got {media_type[:80]!r}",
            field="body",
        )
    error = exc.errors()[0]
    if error["type"] == "json_invalid":
        why = error.get("ctx", {}).get("error", "it is broken")
        detail = f"expected JSON; at character {error['loc'][-1]}: {why}"
        return problem_response("malformed_body", detail, field="body")
    complaint = describe_validation_error(error, _fields(request))
    return problem_response(
        "invalid_input", complaint.detail, field=complaint.field, matches=complaint.matches
    )


def _on_http_exception(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    status = exc.status_code
    if status >= 500:
        return unexpected_problem(exc)
    if status == 400:
        return problem_response("malformed_body", str(exc.detail), field="body")
    detail = str(exc.detail)
    if status == 404:
        detail = f"nothing is at {request.url.path[:200]!r}"
    elif status == 405:
        detail = f"{request.url.path[:200]!r} does not take {request.method[:20]}"
    code = HTTP_CODES.get(status, "bad_request")
    field = "body" if code in ("body_too_large", "upload_timeout") else None
    return problem_response(code, detail, field=field, headers=exc.headers)


def install_problem_handlers(app: FastAPI) -> None:
    """Make every error of `app` a problem answer."""
    app.add_exception_handler(IPViTError, _on_ipvit_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
