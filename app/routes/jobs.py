"""`/jobs`: submit an evaluation, watch it, take its result, cancel it."""

from collections.abc import AsyncIterator
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.sse import EventSourceResponse, ServerSentEvent
from starlette.responses import JSONResponse, Response

from app.deps import ServicesDep
from app.job_answers import job_answer
from app.job_events import job_events
from app.schemas.jobs import Estimate, JobAnswer, JobList, JobSubmission
from app.schemas.responses import Responses, problem_responses
from ipvit.experiments import EXPERIMENTS
from jobs.records import JobState

__all__ = ["router"]

router = APIRouter(tags=["evaluations"])

SUBMISSION_PROBLEMS = problem_responses(
    "malformed_body",
    "unauthorized",
    "weights_unavailable",
    "body_too_large",
    "unsupported_media_type",
    "invalid_input",
    "unknown_name",
    "rate_limited",
    "store_unavailable",
)
JOB_PROBLEMS = problem_responses("unauthorized", "unknown_job", "store_unavailable")
RESULT_RESPONSES: Responses = {
    200: {
        "description": "The result in the format asked for.",
        "content": {
            "application/json": {},
            "text/csv": {},
            "image/png": {"schema": {"type": "string", "format": "binary"}},
        },
    },
    **problem_responses("unauthorized", "unknown_job", "job_not_finished", "store_unavailable"),
}

PageLimit = Annotated[int, Query(ge=1, le=200, description="Jobs of one answer.")]


@router.post(
    "/jobs", status_code=202, summary="Submit an evaluation", responses=SUBMISSION_PROBLEMS
)
def submit(submission: JobSubmission, services: ServicesDep, response: Response) -> JobAnswer:
    """Queue an experiment over a data set, after checking that it can run.

    ```sh
    curl http://127.0.0.1:8000/jobs -H 'Content-Type: application/json' -d '{
      "experiment": "patch-drop", "models": ["pocket_deit", "pocket_cnn"],
      "dataset": "cifar10-sample", "params": {"ratios": [0, 0.25, 0.5, 0.75]}}'
    ```
    """
    job = job_answer(services.evaluations.submit(submission))
    response.headers["Location"] = job.links.self
    return job


@router.post("/jobs/estimate", summary="Say how long it would take", responses=SUBMISSION_PROBLEMS)
def estimate(submission: JobSubmission, services: ServicesDep) -> Estimate:
    """Check a submission and say how much work it is, without queueing it."""
    found = services.evaluations.estimate(submission)
    return Estimate(
        images=found.images,
        forwards=found.forwards,
        shards=found.shards,
        seconds=round(found.seconds, 1),
        basis=found.basis,
    )


@router.get("/jobs", summary="List the jobs", responses=JOB_PROBLEMS)
def list_jobs(
    services: ServicesDep,
    state: Annotated[
        list[JobState], Query(default_factory=list, description="Only these states; repeats.")
    ],
    experiment: Annotated[str | None, Query(description="Only this experiment.")] = None,
    limit: PageLimit = 50,
    before: Annotated[str | None, Query(description="`next` of the page before.")] = None,
) -> JobList:
    """List jobs, newest first, a page at a time."""
    if experiment is not None:
        experiment = EXPERIMENTS[experiment].name
    found = services.evaluations.store.jobs(
        states=state, experiment=experiment, limit=limit + 1, before=before
    )
    page = found[:limit]
    return JobList(
        jobs=[job_answer(job) for job in page],
        next=page[-1].id if len(found) > limit else None,
    )


@router.get("/jobs/{job_id}", summary="Look at a job", responses=JOB_PROBLEMS)
def one_job(job_id: str, services: ServicesDep) -> JobAnswer:
    """Say how a job stands."""
    return job_answer(services.evaluations.store.job(job_id))


@router.delete(
    "/jobs/{job_id}",
    status_code=202,
    summary="Cancel or delete a job",
    responses=problem_responses(
        "unauthorized", "unknown_job", "invalid_input", "store_unavailable"
    ),
)
def cancel(
    job_id: str,
    services: ServicesDep,
    purge: Annotated[
        bool, Query(description="Delete a finished job and its result for good.")
    ] = False,
) -> JobAnswer:
    """Cancel a job: its workers stop within a second, and what they found so far is kept.

    A finished job stays as it is, unless `purge=true` deletes it.
    """
    evaluations = services.evaluations
    if not purge:
        return job_answer(evaluations.store.request_cancel(job_id))
    job = evaluations.store.job(job_id)
    evaluations.delete(job_id)
    return job_answer(job)


def known_job(job_id: str, services: ServicesDep) -> str:
    """The id, if there is such a job: a stream that has begun cannot answer 404."""
    return services.evaluations.store.job(job_id).id


@router.get(
    "/jobs/{job_id}/events",
    summary="Watch a job",
    response_class=EventSourceResponse,
    responses=JOB_PROBLEMS,
)
async def watch(
    job_id: Annotated[str, Depends(known_job)], services: ServicesDep
) -> AsyncIterator[ServerSentEvent]:
    """Stream server-sent events: `job` on every change, `rows` as the result grows, and `end`.

    `job` holds what `GET /jobs/{job_id}` answers; `rows` holds {"rows", "images"} with rows as in
    the result; `end` holds {"state"}.
    """
    async for event in job_events(services.evaluations, job_id, services.closing):
        yield event


@router.get(
    "/jobs/{job_id}/result",
    summary="Take a job's result",
    response_class=Response,
    responses=RESULT_RESPONSES,
)
def result(
    job_id: str,
    services: ServicesDep,
    format: Annotated[
        Literal["json", "csv", "png"],
        Query(description="json: everything; csv: the rows; png: the plot."),
    ] = "json",
    partial: Annotated[
        bool, Query(description="Answer with what is done when the job has not succeeded.")
    ] = False,
) -> Response:
    """Answer the numbers, with all that is needed to get them again."""
    record = services.evaluations.result(job_id, partial=partial)
    name = f"{record['experiment']}-{job_id}.{format}"
    headers = {"Content-Disposition": f'inline; filename="{name}"'}
    if format == "csv":
        from ipvit.experiments.table import to_csv

        return Response(to_csv(record), media_type="text/csv", headers=headers)
    if format == "png":
        from ipvit.experiments.figure import draw

        return Response(draw([record]), media_type="image/png", headers=headers)
    return JSONResponse(record, headers=headers)
