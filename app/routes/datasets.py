"""`/datasets`: what can be evaluated on; take in a zip, delete it."""

from dataclasses import asdict
from urllib.parse import quote

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from app.deps import ServicesDep
from app.problems import problem_response
from app.schemas.datasets import UPLOAD_BODY, DatasetFacts, DatasetList
from app.schemas.responses import problem_responses
from ipvit.datasets.catalogue import DatasetInfo
from ipvit.errors import UnknownName

__all__ = ["router"]

router = APIRouter(tags=["evaluations"])


@router.get("/datasets", summary="List the data sets", responses=problem_responses("unauthorized"))
def datasets(services: ServicesDep) -> DatasetList:
    """List what ships with the lab, then what lies in the server's data folder.

    `curl http://127.0.0.1:8000/datasets`
    """
    return DatasetList(datasets=[_facts(info) for info in services.dataset_desk.list()])


@router.post(
    "/datasets",
    status_code=201,
    summary="Upload a data set",
    openapi_extra=UPLOAD_BODY,
    responses=problem_responses(
        "malformed_body",
        "unauthorized",
        "upload_timeout",
        "dataset_exists",
        "body_too_large",
        "unsupported_media_type",
        "invalid_input",
        "invalid_dataset",
        "overloaded",
        "storage_full",
    ),
)
async def upload(request: Request, services: ServicesDep, response: Response) -> DatasetFacts:
    """Take in a zip of images; it stays on the server until it is deleted.

    `curl -F name=my-photos -F file=@photos.zip http://127.0.0.1:8000/datasets`
    """
    info = await services.dataset_desk.upload(request)
    response.headers["Location"] = f"/datasets/{quote(info.name)}"
    return _facts(info, whole=True)


@router.get(
    "/datasets/{name:path}",
    summary="Describe a data set",
    response_model=DatasetFacts,
    responses=problem_responses("unauthorized", "not_found"),
)
def dataset(name: str, services: ServicesDep) -> DatasetFacts | Response:
    """Answer one data set, the names of its classes included."""
    try:
        return _facts(services.dataset_desk.info(name), whole=True)
    except UnknownName as error:
        return _not_found(error)


@router.delete(
    "/datasets/{name:path}",
    status_code=204,
    summary="Delete an uploaded data set",
    response_class=Response,
    responses=problem_responses(
        "unauthorized", "not_found", "dataset_protected", "store_unavailable"
    ),
)
def delete(name: str, services: ServicesDep) -> Response:
    """Delete the images from the server; results of evaluations that used them stay."""
    try:
        services.dataset_desk.delete(name)
    except UnknownName as error:
        return _not_found(error)
    return Response(status_code=204)


def _facts(info: DatasetInfo, *, whole: bool = False) -> DatasetFacts:
    facts = {**asdict(info), "indexed": info.indexed}
    names = facts.pop("class_names")
    return DatasetFacts(**facts, class_names=list(names) if whole and info.indexed else None)


def _not_found(error: UnknownName) -> Response:
    # In a path a name that does not exist is a place where nothing is.
    return problem_response("not_found", str(error), field="name", matches=error.matches)
