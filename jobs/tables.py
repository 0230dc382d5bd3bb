"""The tables of the job store. `jobs.migrations` makes and changes them; a test compares both.

Times are seconds since 1970, by the database's own clock where it has one, so that workers on
machines whose clocks differ agree on when a lease has run out.
"""

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

__all__ = ["Base", "JobRow", "ResultRow", "ShardRow"]


class Base(DeclarativeBase):
    """What `jobs.migrations` compares the database with."""


class JobRow(Base):
    """One job: what was asked for, and how it went.

    dataset: {"name", "kind", "fingerprint", "images", "classes"} as they were when submitted.
    finaliser_until: until when somebody builds the result; finalise_attempts: how often one began.
    """

    __tablename__ = "jobs"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    experiment: Mapped[str] = mapped_column(String(100))
    models: Mapped[list[str]] = mapped_column(JSON)
    dataset: Mapped[dict[str, Any]] = mapped_column(JSON)
    params: Mapped[dict[str, Any]] = mapped_column(JSON)
    seed: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16))
    cancel_requested: Mapped[bool] = mapped_column(Boolean)
    images_total: Mapped[int] = mapped_column(BigInteger)
    created_at: Mapped[float] = mapped_column(Double)
    started_at: Mapped[float | None] = mapped_column(Double)
    finished_at: Mapped[float | None] = mapped_column(Double)
    error_code: Mapped[str | None] = mapped_column(String(64))
    error_detail: Mapped[str | None] = mapped_column(Text)
    finaliser_until: Mapped[float] = mapped_column(Double)
    finalise_attempts: Mapped[int] = mapped_column(Integer)

    __table_args__ = (
        Index("ix_jobs_created_at", "created_at", "id"),
        Index("ix_jobs_state", "state", "created_at"),
    )


class ShardRow(Base):
    """One model on images start … stop - 1 of the data set.

    claim: how often the shard was claimed; with `owner` it tells a lease from a later one.
    failures: attempts that ended in an error; losses: leases that ran out.
    forwards: images that pass through the network, all conditions together.
    partial: the packed `Partial`, until the job's result is built.
    """

    __tablename__ = "shards"

    job_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    model: Mapped[str] = mapped_column(String(200))
    start: Mapped[int] = mapped_column(BigInteger)
    stop: Mapped[int] = mapped_column(BigInteger)
    forwards: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16))
    owner: Mapped[str | None] = mapped_column(String(200))
    claim: Mapped[int] = mapped_column(Integer)
    claimed_at: Mapped[float | None] = mapped_column(Double)
    lease_until: Mapped[float] = mapped_column(Double)
    failures: Mapped[int] = mapped_column(Integer)
    losses: Mapped[int] = mapped_column(Integer)
    images_done: Mapped[int] = mapped_column(BigInteger)
    finished_at: Mapped[float | None] = mapped_column(Double)
    seconds: Mapped[float | None] = mapped_column(Double)
    precision: Mapped[str | None] = mapped_column(String(16))
    device: Mapped[str | None] = mapped_column(String(100))
    partial: Mapped[bytes | None] = mapped_column(LargeBinary, deferred=True)
    failed: Mapped[list[dict[str, str]] | None] = mapped_column(JSON)
    failed_images: Mapped[int] = mapped_column(Integer)

    __table_args__ = (
        Index("ix_shards_state", "state", "lease_until"),
        Index("ix_shards_model", "model", "state", "finished_at"),
    )


class ResultRow(Base):
    """The finished result of a job, as JSON; apart from the job because it is large."""

    __tablename__ = "results"

    job_id: Mapped[str] = mapped_column(
        String(32), ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True
    )
    body: Mapped[str] = mapped_column(Text)
