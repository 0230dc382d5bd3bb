"""Read jobs with their progress. Each function is one transaction's work."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from ipvit.errors import UnknownJob
from jobs.records import Job, JobError, JobState, Progress
from jobs.rows import request_of
from jobs.tables import JobRow, ShardRow

__all__ = ["job_of", "jobs_before", "read_job", "require_job"]


JOB_ID = re.compile(r"[0-9a-f]{12}")


class Total(NamedTuple):
    """One model of a job: its images, and what they took so far."""

    job_id: str
    model: str
    shards: float
    images: float
    images_done: float
    failed_images: float
    shards_done: float
    measured_images: float
    measured_s: float
    running: float
    running_images: float
    running_s: float


def require_job(session: Session, job_id: str, *, lock: bool = False) -> JobRow:
    """The job's row; raises UnknownJob."""
    # Nothing but an id of ours reaches the database: PostgreSQL refuses some characters.
    row = None
    if JOB_ID.fullmatch(job_id):
        row = session.get(JobRow, job_id, with_for_update=True if lock else None)
    if row is None:
        raise UnknownJob(f"no job has the id {job_id[:40]!r}")
    return row


def read_job(session: Session, now: float, job_id: str) -> Job:
    """One job; raises UnknownJob."""
    return job_of(session, now, [require_job(session, job_id)])[0]


def jobs_before(
    session: Session,
    now: float,
    *,
    states: Sequence[str],
    experiment: str | None,
    limit: int,
    before: str | None,
) -> list[Job]:
    """The newest jobs first, those older than the job `before` if it is given."""
    query = select(JobRow).order_by(JobRow.created_at.desc(), JobRow.id.desc()).limit(limit)
    if states:
        query = query.where(JobRow.state.in_(states))
    if experiment is not None:
        query = query.where(JobRow.experiment == experiment)
    if before is not None:
        last = require_job(session, before)
        older = (JobRow.created_at < last.created_at) | (
            (JobRow.created_at == last.created_at) & (JobRow.id < last.id)
        )
        query = query.where(older)
    return job_of(session, now, session.scalars(query).all())


def job_of(session: Session, now: float, rows: Sequence[JobRow]) -> list[Job]:
    """The records of some rows, with one more query for the progress of all."""
    by_job: dict[str, list[Total]] = {row.id: [] for row in rows}
    for line in _totals(session, now, by_job):
        by_job[line.job_id].append(line)
    return [_record(row, by_job[row.id]) for row in rows]


def _totals(session: Session, now: float, job_ids: Iterable[str]) -> Sequence[Total]:
    """A line for each job and model: images, and what they took."""
    done = ShardRow.state == "done"
    running = (ShardRow.state == "running") & (ShardRow.lease_until >= now)
    images = ShardRow.stop - ShardRow.start

    def total(condition: Any, value: Any) -> Any:
        return func.coalesce(func.sum(case((condition, value), else_=0)), 0)

    query = (
        select(
            ShardRow.job_id,
            ShardRow.model,
            func.count(),
            func.sum(images),
            func.sum(ShardRow.images_done),
            func.sum(ShardRow.failed_images),
            total(done, 1),
            total(done, images),
            total(done, ShardRow.seconds),
            total(running, 1),
            total(running, ShardRow.images_done),
            total(running & (ShardRow.images_done > 0), now - ShardRow.claimed_at),
        )
        .where(ShardRow.job_id.in_(list(job_ids)))
        .group_by(ShardRow.job_id, ShardRow.model)
    )
    # PostgreSQL's sums are decimals.
    return [Total(job, model, *map(float, sums)) for job, model, *sums in session.execute(query)]


def _record(row: JobRow, totals: Sequence[Total]) -> Job:
    error = None
    if row.error_code is not None:
        error = JobError(row.error_code, row.error_detail or "")
    return Job(
        id=row.id,
        request=request_of(row),
        state=cast(JobState, row.state),
        cancel_requested=row.cancel_requested,
        created_at=row.created_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
        error=error,
        failed_images=int(sum(line.failed_images for line in totals)),
        progress=_progress(row, totals),
    )


def _progress(row: JobRow, totals: Sequence[Total]) -> Progress:
    done = int(sum(line.images_done for line in totals))
    rate, eta_s = None, None
    if row.state == "running":
        rate, eta_s = _speed(totals)
    return Progress(
        done=done,
        total=row.images_total,
        shards_done=int(sum(line.shards_done for line in totals)),
        shards=int(sum(line.shards for line in totals)),
        images_per_s=rate,
        eta_s=eta_s,
    )


def _speed(totals: Sequence[Total]) -> tuple[float | None, float | None]:
    """Images a second of all workers together, and seconds until the end.

    A model not measured yet is taken to be as fast as the others are on average.
    """
    seconds_an_image: Mapping[str, float] = {
        line.model: seconds / images
        for line in totals
        if (images := line.measured_images + line.running_images)
        and (seconds := line.measured_s + line.running_s) > 0
    }
    workers = sum(line.running for line in totals)
    if not seconds_an_image or not workers:
        return None, None
    average = sum(seconds_an_image.values()) / len(seconds_an_image)
    left_s = sum(
        (line.images - line.images_done) * seconds_an_image.get(line.model, average)
        for line in totals
    )
    rate = sum(
        line.running / seconds_an_image.get(line.model, average) for line in totals if line.running
    )
    return rate, left_s / workers
