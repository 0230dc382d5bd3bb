"""Turn finished shards into a job's result. Each function is one transaction's work."""

from sqlalchemy import Select, select, update
from sqlalchemy.orm import Session

from ipvit.errors import JobNotFinished
from jobs import listing
from jobs.leases import changed_rows, fail_job
from jobs.records import FINISHED, Job, JobError
from jobs.tables import JobRow, ResultRow, ShardRow

__all__ = ["MAX_FINALISE_ATTEMPTS", "claim_finalising", "fail_finalising", "read", "succeed"]

MAX_FINALISE_ATTEMPTS = 3


def claim_finalising(session: Session, now: float, lease_s: float) -> Job | None:
    """Take the oldest job whose shards are all done, for `lease_s` seconds.

    A job on which that many finalisers vanished fails.
    """
    while (row := session.scalar(_finalisable(now))) is not None:
        if row.finalise_attempts >= MAX_FINALISE_ATTEMPTS:
            detail = (
                f"{row.finalise_attempts} processes in a row were lost while building the result"
            )
            fail_job(session, now, row.id, JobError("error", detail))
            continue
        row.finaliser_until, row.finalise_attempts = now + lease_s, row.finalise_attempts + 1
        session.flush()
        return listing.read_job(session, now, row.id)
    return None


def succeed(session: Session, now: float, job_id: str, body: str) -> None:
    """Keep the result, end the job, and drop what the shards found."""
    job = session.get(JobRow, job_id, with_for_update=True)
    if job is None or job.state in FINISHED:
        return
    job.state, job.finished_at = "succeeded", now
    session.merge(ResultRow(job_id=job_id, body=body))
    changed_rows(
        session, update(ShardRow).where(ShardRow.job_id == job_id).values(partial=None, failed=None)
    )


def fail_finalising(session: Session, now: float, job_id: str, error: JobError) -> None:
    """Let somebody else try; after the third time the job fails."""
    job = session.get(JobRow, job_id, with_for_update=True)
    if job is None:
        return
    job.finaliser_until = 0.0
    if job.finalise_attempts >= MAX_FINALISE_ATTEMPTS:
        fail_job(session, now, job_id, error)


def read(session: Session, job_id: str) -> str:
    """The result as JSON; raises UnknownJob and JobNotFinished."""
    state = listing.require_job(session, job_id).state
    body = session.scalar(select(ResultRow.body).where(ResultRow.job_id == job_id))
    if body is None:
        raise JobNotFinished(f"expected a job that succeeded; job {job_id} is {state}")
    return body


def _finalisable(now: float) -> Select[JobRow]:
    undone = select(ShardRow.number).where(ShardRow.job_id == JobRow.id, ShardRow.state != "done")
    return (
        select(JobRow)
        .where(JobRow.state == "running", JobRow.finaliser_until < now, ~undone.exists())
        .order_by(JobRow.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
