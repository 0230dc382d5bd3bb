"""Claim, renew, complete and give back shards. Each function is one transaction's work.

A worker claims a shard for a time and renews the claim while it computes. If it dies, the lease
runs out and somebody else claims the shard. `ShardRow.claim` counts up with each claim, so that
a worker which was only slow cannot be taken for the one that came after it.
"""

from typing import Any, cast

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Select,
    UpdateBase,
    and_,
    func,
    or_,
    select,
    update,
)
from sqlalchemy.orm import Session

from jobs.records import (
    JobError,
    Lease,
    Shard,
    ShardOutcome,
    Standing,
)
from jobs.rows import request_of
from jobs.tables import JobRow, ShardRow

__all__ = [
    "MAX_FAILURES",
    "MAX_LOSSES",
    "available",
    "changed_rows",
    "claim",
    "complete",
    "fail_attempt",
    "fail_job",
    "release",
    "renew",
    "standing",
]

MAX_FAILURES = 3
MAX_LOSSES = 10
"""A shard on which this many workers vanished is taken to be what kills them."""

UNFINISHED = ("queued", "running")


def available(session: Session, now: float) -> int:
    """How many shards could be claimed now."""
    claimable = _claimable(now).with_only_columns(func.count(ShardRow.number)).order_by(None)
    return session.scalar(claimable) or 0


def claim(session: Session, now: float, owner: str, lease_s: float) -> Shard | None:
    """Take the next shard: of the oldest job, the first that is pending or whose lease ran out.

    A shard that has lost too many workers fails its job instead, and the next one is taken.
    """
    while (row := _next_row(session, now)) is not None:
        job = session.get_one(JobRow, row.job_id)
        if row.state == "running":
            row.losses += 1
            if row.losses >= MAX_LOSSES:
                detail = (
                    f"{row.losses} workers in a row were lost on images {row.start} to "
                    f"{row.stop - 1} of model {row.model!r}; their logs tell more"
                )
                fail_job(session, now, row.job_id, JobError("error", detail))
                continue
        row.state, row.owner, row.claim = "running", owner, row.claim + 1
        row.claimed_at, row.lease_until, row.images_done = now, now + lease_s, 0
        changed_rows(
            session,
            update(JobRow)
            .where(JobRow.id == row.job_id, JobRow.state == "queued")
            .values(state="running", started_at=now),
        )
        lease = Lease(row.job_id, row.number, owner, row.claim)
        return Shard(lease, request_of(job), row.model, row.start, row.stop)
    return None


def renew(session: Session, now: float, lease: Lease, lease_s: float, images_done: int) -> Standing:
    """Hold on to a shard and say how far it is.

    A lease that ran out while nobody else wanted it (a suspended laptop, say) is still ours.
    """
    state = session.scalar(select(JobRow.state).where(JobRow.id == lease.job_id))
    if state not in UNFINISHED:
        return "cancelled"
    held = changed_rows(
        session,
        update(ShardRow)
        .where(_is_held(lease))
        .values(lease_until=now + lease_s, images_done=images_done),
    )
    return "mine" if held else "lost"


def standing(session: Session, lease: Lease) -> Standing:
    """What became of a lease; writes nothing."""
    state = session.scalar(select(JobRow.state).where(JobRow.id == lease.job_id))
    if state not in UNFINISHED:
        return "cancelled"
    held = session.scalar(select(ShardRow.number).where(_is_held(lease)))
    return "lost" if held is None else "mine"


def complete(session: Session, now: float, lease: Lease, outcome: ShardOutcome) -> bool:
    """Write what a shard found, once; whether it was the last one of its job.

    Whoever comes first counts: a late worker's numbers are the same. The job's row is locked, so
    that of two last shards one sees the other.
    """
    job = session.get(JobRow, lease.job_id, with_for_update=True)
    if job is None or job.state not in UNFINISHED:
        return False
    shard = session.get_one(ShardRow, (lease.job_id, lease.number))
    if shard.state != "done":
        shard.state, shard.owner, shard.lease_until = "done", lease.owner, 0.0
        shard.images_done = shard.stop - shard.start
        shard.partial = outcome.partial
        shard.failed = [dict(image) for image in outcome.failed]
        shard.failed_images = len(outcome.failed)
        shard.seconds, shard.finished_at = outcome.seconds, now
        shard.precision, shard.device = outcome.precision, outcome.device
        session.flush()
    return not _undone(session, lease.job_id)


def release(session: Session, lease: Lease) -> bool:
    """Give a shard back unfinished, as a worker does that is told to stop; whether it was held."""
    given_back = changed_rows(
        session,
        update(ShardRow)
        .where(_is_held(lease))
        .values(state="pending", owner=None, lease_until=0.0, images_done=0),
    )
    return bool(given_back)


def fail_attempt(
    session: Session, now: float, lease: Lease, error: JobError, *, final: bool = False
) -> None:
    """Give a shard back after an error; the third one, or a final one, fails its job."""
    shard = session.scalar(select(ShardRow).where(_is_held(lease)).with_for_update())
    if shard is None:
        return
    shard.failures += 1
    shard.state, shard.owner, shard.lease_until, shard.images_done = "pending", None, 0.0, 0
    if final or shard.failures >= MAX_FAILURES:
        fail_job(session, now, lease.job_id, error)


def fail_job(session: Session, now: float, job_id: str, error: JobError) -> None:
    """End an unfinished job with an error; what its shards found stays."""
    session.flush()
    changed_rows(
        session,
        update(JobRow)
        .where(JobRow.id == job_id, JobRow.state.in_(UNFINISHED))
        .values(state="failed", finished_at=now, error_code=error.code, error_detail=error.detail),
    )


def changed_rows(session: Session, statement: UpdateBase) -> int:
    """Run an UPDATE or DELETE past the session's objects; how many rows it touched."""
    result = session.execute(statement, execution_options={"synchronize_session": False})
    return cast(CursorResult[Any], result).rowcount


def _claimable(now: float) -> Select[ShardRow]:
    ran_out = and_(ShardRow.state == "running", ShardRow.lease_until < now)
    return (
        select(ShardRow)
        .join(JobRow, JobRow.id == ShardRow.job_id)
        .where(JobRow.state.in_(UNFINISHED), or_(ShardRow.state == "pending", ran_out))
        .order_by(JobRow.created_at, JobRow.id, ShardRow.number)
    )


def _next_row(session: Session, now: float) -> ShardRow | None:
    """The first claimable shard, locked; workers beside us skip it and take the next."""
    query = _claimable(now).limit(1).with_for_update(skip_locked=True, of=ShardRow)
    return session.scalar(query)


def _is_held(lease: Lease) -> ColumnElement[bool]:
    return and_(
        ShardRow.job_id == lease.job_id,
        ShardRow.number == lease.number,
        ShardRow.state == "running",
        ShardRow.owner == lease.owner,
        ShardRow.claim == lease.claim,
    )


def _undone(session: Session, job_id: str) -> int:
    query = select(func.count()).where(ShardRow.job_id == job_id, ShardRow.state != "done")
    return session.scalar(query) or 0
