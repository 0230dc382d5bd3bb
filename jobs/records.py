"""What the store takes and gives: frozen records, so that no row leaves its transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

__all__ = [
    "FINISHED",
    "STATES",
    "DatasetFacts",
    "Job",
    "JobError",
    "JobRequest",
    "JobState",
    "Lease",
    "Progress",
    "Shard",
    "ShardOutcome",
    "ShardPart",
    "ShardPlan",
    "Standing",
]

JobState = Literal["queued", "running", "succeeded", "failed", "cancelled"]
STATES: tuple[JobState, ...] = ("queued", "running", "succeeded", "failed", "cancelled")
FINISHED: tuple[JobState, ...] = ("succeeded", "failed", "cancelled")

Standing = Literal["mine", "cancelled", "lost"]
"""What became of a lease: "mine", the job was "cancelled" (or has failed), somebody else's."""


@dataclass(frozen=True)
class DatasetFacts:
    """The data set as it was when the job was submitted.

    classes: how many. fingerprint: a worker that finds another one refuses to go on.
    """

    name: str
    kind: str
    fingerprint: str
    images: int
    classes: int


@dataclass(frozen=True)
class JobRequest:
    """What somebody asked for; params are valid and JSON-able."""

    experiment: str
    models: tuple[str, ...]
    dataset: DatasetFacts
    params: Mapping[str, Any]
    seed: int


@dataclass(frozen=True)
class ShardPlan:
    """One piece of a job: a model on images start … stop - 1.

    forwards: images that pass through the network, all conditions together.
    """

    model: str
    start: int
    stop: int
    forwards: int


@dataclass(frozen=True)
class JobError:
    """Why a job failed; `code` as in `ipvit.errors`."""

    code: str
    detail: str


@dataclass(frozen=True)
class Progress:
    """How far a job is, in images x models.

    images_per_s, eta_s: None while nothing has been measured or nobody works on it.
    shards_done: grows whenever there is more of the result to see.
    """

    done: int
    total: int
    shards_done: int
    shards: int
    images_per_s: float | None = None
    eta_s: float | None = None


@dataclass(frozen=True)
class Job:
    """One job as it stands. Times are seconds since 1970."""

    id: str
    request: JobRequest
    state: JobState
    cancel_requested: bool
    created_at: float
    started_at: float | None
    finished_at: float | None
    error: JobError | None
    failed_images: int
    progress: Progress

    @property
    def finished(self) -> bool:
        """Whether nothing will change any more."""
        return self.state in FINISHED


@dataclass(frozen=True)
class Lease:
    """The right to work on one shard, until it runs out or somebody else claims it."""

    job_id: str
    number: int
    owner: str
    claim: int


@dataclass(frozen=True)
class Shard:
    """A claimed shard, with all a worker needs to know of its job."""

    lease: Lease
    request: JobRequest
    model: str
    start: int
    stop: int

    @property
    def images(self) -> int:
        """How many images it covers."""
        return self.stop - self.start


@dataclass(frozen=True)
class ShardOutcome:
    """What a worker found.

    partial: a packed `ipvit.experiments` Partial.
    failed: {"path", "error"} of each image that could not be read.
    seconds: from the claim's first image to its last.
    """

    partial: bytes
    failed: tuple[Mapping[str, str], ...]
    seconds: float
    precision: str
    device: str


@dataclass(frozen=True)
class ShardPart:
    """A shard that is done, as the result is built from it."""

    number: int
    model: str
    start: int
    stop: int
    outcome: ShardOutcome
