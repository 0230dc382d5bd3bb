"""Between records and rows."""

from dataclasses import asdict

from jobs.records import DatasetFacts, JobRequest, ShardOutcome, ShardPart, ShardPlan
from jobs.tables import JobRow, ShardRow

__all__ = ["new_job", "new_shard", "part_of", "request_of"]


def new_job(job_id: str, request: JobRequest, now: float) -> JobRow:
    """The row of a job that nobody has begun."""
    return JobRow(
        id=job_id,
        experiment=request.experiment,
        models=list(request.models),
        dataset=asdict(request.dataset),
        params=dict(request.params),
        seed=request.seed,
        state="queued",
        cancel_requested=False,
        images_total=request.dataset.images * len(request.models),
        created_at=now,
        finaliser_until=0.0,
        finalise_attempts=0,
    )


def new_shard(job_id: str, number: int, plan: ShardPlan) -> ShardRow:
    """The row of a shard that nobody has claimed."""
    return ShardRow(
        job_id=job_id,
        number=number,
        **asdict(plan),
        state="pending",
        claim=0,
        lease_until=0.0,
        failures=0,
        losses=0,
        images_done=0,
        failed_images=0,
    )


def request_of(job: JobRow) -> JobRequest:
    """What was asked for."""
    return JobRequest(
        experiment=job.experiment,
        models=tuple(job.models),
        dataset=DatasetFacts(**job.dataset),
        params=job.params,
        seed=job.seed,
    )


def part_of(row: ShardRow) -> ShardPart:
    """What a finished shard found; its `partial` must be loaded."""
    outcome = ShardOutcome(
        partial=row.partial or b"",
        failed=tuple(row.failed or ()),
        seconds=row.seconds or 0.0,
        precision=row.precision or "",
        device=row.device or "",
    )
    return ShardPart(row.number, row.model, row.start, row.stop, outcome)
