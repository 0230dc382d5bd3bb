"""Errors as RFC 9457 `application/problem+json`: one table from code to status.

Every error answer has `type`, `title`, `status`, `detail` and `code`; where one field of the form
is to blame, `field` names it, and `matches` offers names close to an unknown one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from ipvit.errors import IPViTError
from ipvit.registry import Registry


@dataclass(frozen=True)
class ProblemKind:
    """One code: its HTTP status, its title, and what a caller can do about it."""

    name: str
    status: int
    title: str
    meaning: str


PROBLEMS: Registry[ProblemKind] = Registry(
    "problem",
    (
        ProblemKind(
            "malformed_body",
            400,
            "The request body cannot be read",
            "The body is not the multipart form that its Content-Type announces. Let the HTTP "
            "client build it, with curl for instance: -F image=@photo.jpg.",
        ),
        ProblemKind(
            "unauthorized",
            401,
            "An API key is needed",
            "This server asks for a key: send it as X-API-Key or as Authorization: Bearer.",
        ),
        ProblemKind("not_found", 404, "Nothing is here", "GET /docs lists what this server has."),
        ProblemKind(
            "unknown_job",
            404,
            "No job has this id",
            "It may have been deleted. GET /jobs lists the jobs.",
        ),
        ProblemKind(
            "method_not_allowed",
            405,
            "This path does not take that method",
            "The Allow header of the answer lists the methods this path takes.",
        ),
        ProblemKind(
            "upload_timeout",
            408,
            "The body arrived too slowly",
            "The whole body must arrive within IPVIT_TRANSFER_TIMEOUT_S seconds.",
        ),
        ProblemKind(
            "weights_unavailable",
            409,
            "The model's weights are not on this machine",
            "The detail names the command that fetches them. GET /models shows what is ready.",
        ),
        ProblemKind(
            "job_not_finished",
            409,
            "The job has no result",
            "It has not finished, or not succeeded. GET /jobs/{id} tells how far it is; "
            "partial=true asks for what there is.",
        ),
        ProblemKind(
            "dataset_exists",
            409,
            "A data set has this name already",
            "Choose another name, or delete the uploaded data set of this name first.",
        ),
        ProblemKind(
            "dataset_protected",
            409,
            "This data set cannot be deleted here",
            "Only uploaded data sets can, and only while no job works on them: samples ship with "
            "the project, others belong to whoever runs the server.",
        ),
        ProblemKind(
            "body_too_large",
            413,
            "The request body is too large",
            "A request holds one image of at most IPVIT_MAX_IMAGE_BYTES bytes and a few fields; an "
            "uploaded data set at most IPVIT_MAX_DATASET_BYTES bytes.",
        ),
        ProblemKind(
            "image_too_large",
            413,
            "The image is too large",
            "An image has at most IPVIT_MAX_IMAGE_BYTES bytes and IPVIT_MAX_PIXELS pixels.",
        ),
        ProblemKind(
            "unsupported_media_type",
            415,
            "The body is of the wrong type",
            "Send a form: Content-Type multipart/form-data.",
        ),
        ProblemKind(
            "invalid_input",
            422,
            "A field has a wrong value",
            "`field` names it; the detail says what was expected and what came.",
        ),
        ProblemKind(
            "invalid_image",
            422,
            "The file is not an image this server reads",
            "Send a whole JPEG, PNG, WebP, BMP or GIF. The format is told by the file's content, "
            "not by its name.",
        ),
        ProblemKind(
            "invalid_grid",
            422,
            "The grid does not fit the image",
            "A grid is ROWSxCOLUMNS, such as 14x14, and divides the model's input size.",
        ),
        ProblemKind(
            "invalid_dataset",
            422,
            "The data set cannot be used",
            "The detail says what was expected of its files or classes, and what is there.",
        ),
        ProblemKind(
            "token_unavailable",
            422,
            "The model has no such token",
            "Only models with a shape token answer token=shape; models without attention have "
            "no tokens. GET /models lists each model's tokens.",
        ),
        ProblemKind(
            "unknown_name",
            422,
            "No entry has this name",
            "`matches` holds close names. GET /models lists all models.",
        ),
        ProblemKind(
            "overloaded",
            429,
            "The server is busy",
            "Its queue is full. Try again after the seconds named in Retry-After.",
        ),
        ProblemKind(
            "rate_limited",
            429,
            "Too many requests from this caller",
            "Each key or address has IPVIT_RATE_LIMIT_PER_MINUTE requests a minute. Try again "
            "after the seconds named in Retry-After.",
        ),
        ProblemKind(
            "bad_request", 400, "The request is not understood", "The detail says what was wrong."
        ),
        ProblemKind(
            "error", 500, "The server failed", "The server's log tells more under the same id."
        ),
        ProblemKind(
            "capture_mismatch",
            500,
            "Attention was not captured as asked",
            "The model's blocks are not laid out as its spec says. This is a fault of the server.",
        ),
        ProblemKind(
            "training_diverged",
            500,
            "The training loss is not a number",
            "Start again from the last good checkpoint with a lower learning rate.",
        ),
        ProblemKind(
            "starting",
            503,
            "The server is still loading its models",
            "GET /readyz answers 200 once they are loaded and warmed.",
        ),
        ProblemKind(
            "store_unavailable",
            503,
            "The job database does not answer",
            "Jobs go on once it is back; single images are answered meanwhile.",
        ),
        ProblemKind(
            "no_worker",
            503,
            "No worker is there",
            "The service has no worker for this, or those that tried have died. Start one with: "
            "ipvit worker --queue interactive. GET /readyz tells which workers are there.",
        ),
        ProblemKind(
            "queue_unavailable",
            503,
            "The queue cannot be reached",
            "Redis, between the service and its workers, does not answer. Try again after the "
            "seconds named in Retry-After.",
        ),
        ProblemKind(
            "weights_corrupt",
            503,
            "A weights file is damaged",
            "Its hash or its state dict is wrong. Pull the model again.",
        ),
        ProblemKind(
            "storage_full",
            507,
            "The server's disk is full",
            "Nothing of the upload was kept. Delete data sets that are no longer needed.",
        ),
        ProblemKind(
            "deadline_exceeded",
            504,
            "The answer would have come too late",
            "It was not there within IPVIT_DEADLINE_S seconds. Ask for fewer variants, or later.",
        ),
    ),
)


class Starting(IPViTError):
    """The models are not loaded and warmed yet."""

    code = "starting"


class QueueUnavailable(IPViTError):
    """The broker between the service and its workers does not answer."""

    code = "queue_unavailable"


class NoWorker(IPViTError):
    """No worker takes requests, or those that took this one have died."""

    code = "no_worker"


def problem_response(
    code: str,
    detail: str,
    *,
    field: str | None = None,
    matches: Sequence[str] = (),
    instance: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Build the answer for `code`, one of `PROBLEMS`."""
    kind = PROBLEMS[code]
    body: dict[str, Any] = {
        "type": f"/problems/{code}",
        "title": kind.title,
        "status": kind.status,
        "detail": detail,
        "code": code,
    }
    if field is not None:
        body["field"] = field
    if matches:
        body["matches"] = list(matches)
    if instance is not None:
        body["instance"] = instance
    return Response(
        json.dumps(body).encode(),
        status_code=kind.status,
        media_type="application/problem+json",
        headers=dict(headers or {}),
    )
