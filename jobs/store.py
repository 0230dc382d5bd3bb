"""The job store: what was asked for, how far it is, and what came out. It is the truth.

Brokers only wake workers; whoever wakes claims the next shard here. Every method is one
transaction and safe to repeat; when the database is away it tries again until its patience ends,
then raises StoreUnavailable.
"""

import json
import secrets
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session, undefer

from jobs import leases, listing, results
from jobs.database import Database
from jobs.records import (
    FINISHED,
    Job,
    JobError,
    JobRequest,
    Lease,
    Shard,
    ShardOutcome,
    ShardPart,
    ShardPlan,
    Standing,
)
from jobs.rows import new_job, new_shard, part_of
from jobs.tables import JobRow, ShardRow

__all__ = ["JobStore"]

SPEED_SHARDS = 20


class JobStore:
    """Jobs, shards and results in one database, made and migrated at first use.

    url: "sqlite:///…" or "postgresql://…". patience_s: how long a call tries again.
    clock: seconds since 1970; by default the database server's.
    """

    def __init__(
        self, url: str, *, patience_s: float = 5.0, clock: Callable[[], float] | None = None
    ) -> None:
        self._database = Database(url, patience_s=patience_s, clock=clock)

    def close(self) -> None:
        """Let the connections go."""
        self._database.close()

    # Jobs ------------------------------------------------------------------------------------

    def create_job(self, request: JobRequest, plan: Sequence[ShardPlan]) -> Job:
        """Queue a job, cut into the shards of `plan`."""
        job_id = secrets.token_hex(6)

        def work(session: Session, now: float) -> Job:
            # A repeated attempt may find that the first one did arrive.
            if session.get(JobRow, job_id) is None:
                session.add(new_job(job_id, request, now))
                session.flush()
                session.add_all(new_shard(job_id, n, shard) for n, shard in enumerate(plan))
                session.flush()
            return listing.read_job(session, now, job_id)

        return self._database.write(work)

    def job(self, job_id: str) -> Job:
        """One job; raises UnknownJob."""
        return self._database.read(lambda session, now: listing.read_job(session, now, job_id))

    def jobs(
        self,
        *,
        states: Sequence[str] = (),
        experiment: str | None = None,
        limit: int = 50,
        before: str | None = None,
    ) -> list[Job]:
        """The newest jobs first; before: the id of the last job of the page before this one."""
        return self._database.read(
            lambda session, now: listing.jobs_before(
                session, now, states=states, experiment=experiment, limit=limit, before=before
            )
        )

    def request_cancel(self, job_id: str) -> Job:
        """Cancel a job that has not finished; its workers see it at their next look."""

        def work(session: Session, now: float) -> Job:
            job = listing.require_job(session, job_id, lock=True)
            if job.state not in FINISHED:
                job.state, job.cancel_requested, job.finished_at = "cancelled", True, now
                session.flush()
            return listing.read_job(session, now, job_id)

        return self._database.write(work)

    def delete_job(self, job_id: str) -> None:
        """Forget a job and all that belongs to it; raises UnknownJob."""

        def work(session: Session, now: float) -> None:
            session.delete(listing.require_job(session, job_id, lock=True))

        self._database.write(work)

    def delete_finished(self, *, older_than_s: float) -> int:
        """Forget the jobs that ended longer ago; how many there were."""

        def work(session: Session, now: float) -> int:
            old = delete(JobRow).where(
                JobRow.state.in_(FINISHED), JobRow.finished_at < now - older_than_s
            )
            return leases.changed_rows(session, old)

        return self._database.write(work)

    # Shards ----------------------------------------------------------------------------------

    def available(self) -> int:
        """How many shards could be claimed now."""
        return self._database.read(leases.available)

    def claim_shard(self, owner: str, lease_s: float) -> Shard | None:
        """Take the next shard for `lease_s` seconds; None if there is nothing to do.

        owner: the worker's name, for people who look into the database.
        """
        return self._database.write(lambda session, now: leases.claim(session, now, owner, lease_s))

    def renew(self, lease: Lease, lease_s: float, images_done: int) -> Standing:
        """Hold on to a shard and say how far it is; whether to go on."""
        return self._database.write(
            lambda session, now: leases.renew(session, now, lease, lease_s, images_done)
        )

    def standing(self, lease: Lease) -> Standing:
        """Whether to go on with a shard; cheaper than `renew`, and holds on to nothing."""
        return self._database.read(lambda session, _: leases.standing(session, lease))

    def complete(self, lease: Lease, outcome: ShardOutcome) -> bool:
        """Write what a shard found; whether all shards of its job are done now."""
        return self._database.write(
            lambda session, now: leases.complete(session, now, lease, outcome)
        )

    def release(self, lease: Lease) -> bool:
        """Give a shard back unfinished; whether it was still held."""
        return self._database.write(lambda session, _: leases.release(session, lease))

    def fail_attempt(self, lease: Lease, error: JobError, *, final: bool = False) -> None:
        """Give a shard back after an error; the third, or a final one, fails the job."""
        self._database.write(
            lambda session, now: leases.fail_attempt(session, now, lease, error, final=final)
        )

    def parts(self, job_id: str, model: str, *, known: Collection[int] = ()) -> Iterator[ShardPart]:
        """What the finished shards of a model found, in the order of the images.

        known: numbers of shards that are not wanted again. One shard is in memory at a time.
        """
        numbers = self._database.read(
            lambda session, _: session.scalars(
                select(ShardRow.number)
                .where(ShardRow.job_id == job_id, ShardRow.model == model, ShardRow.state == "done")
                .order_by(ShardRow.start)
            ).all()
        )
        for number in numbers:
            if number not in known and (part := self._part(job_id, number)) is not None:
                yield part

    def forwards_per_s(self, model: str) -> float | None:
        """How fast the last shards of a model went, one worker alone; None if none is known."""

        def work(session: Session, _: float) -> float | None:
            recent = (
                select(ShardRow.forwards, ShardRow.seconds)
                .where(ShardRow.model == model, ShardRow.state == "done", ShardRow.seconds > 0)
                .order_by(ShardRow.finished_at.desc())
                .limit(SPEED_SHARDS)
                .subquery()
            )
            total = session.execute(
                select(func.sum(recent.c.forwards), func.sum(recent.c.seconds))
            ).one()
            return float(total[0]) / total[1] if total[1] else None

        return self._database.read(work)

    # Results ---------------------------------------------------------------------------------

    def claim_finalising(self, lease_s: float) -> Job | None:
        """Take a job whose shards are all done, to build its result within `lease_s` seconds."""
        return self._database.write(
            lambda session, now: results.claim_finalising(session, now, lease_s)
        )

    def succeed(self, job_id: str, result: Mapping[str, Any]) -> None:
        """Keep the result, end the job, and drop what the shards found."""
        body = json.dumps(result, allow_nan=False)
        self._database.write(lambda session, now: results.succeed(session, now, job_id, body))

    def fail_finalising(self, job_id: str, error: JobError) -> None:
        """Say why a result could not be built; the third time fails the job."""
        self._database.write(
            lambda session, now: results.fail_finalising(session, now, job_id, error)
        )

    def result(self, job_id: str) -> dict[str, Any]:
        """The result of a job that succeeded; raises UnknownJob and JobNotFinished."""
        body = self._database.read(lambda session, _: results.read(session, job_id))
        result: dict[str, Any] = json.loads(body)
        return result

    def _part(self, job_id: str, number: int) -> ShardPart | None:
        def work(session: Session, _: float) -> ShardRow | None:
            return session.get(ShardRow, (job_id, number), options=[undefer(ShardRow.partial)])

        row = self._database.read(work)
        return None if row is None or row.partial is None else part_of(row)
