"""What `/experiments` and `/jobs` take and answer."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from ipvit.analyses.parameters import MAX_SEED
from jobs.records import JobState

__all__ = [
    "Estimate",
    "ExperimentFacts",
    "ExperimentList",
    "JobAnswer",
    "JobDataset",
    "JobFailure",
    "JobLinks",
    "JobList",
    "JobProgress",
    "JobSubmission",
    "ModelFit",
]

MAX_MODELS = 16
NAME_LENGTH = 200


class ModelFit(BaseModel):
    """Whether a model can take part in an experiment."""

    name: str = Field(description="Name of the model.")
    ready: bool = Field(description="Whether its weights are on this machine.")
    supported: bool = Field(description="Whether the experiment makes sense for it.")
    why: str | None = Field(description="Why not, or the command that fetches its weights.")


class ExperimentFacts(BaseModel):
    """One experiment: a figure or table of a paper."""

    name: str = Field(description="Its name in the `experiment` field.")
    title: str = Field(description="Its name for people.")
    paper: str = Field(description="Section, figure or table that it repeats.")
    summary: str = Field(description="What is done.")
    look_for: str = Field(description="What to look for in the result.")
    needs: list[Literal["labels", "masks"]] = Field(description="What the data set must have.")
    metrics: dict[str, str] = Field(description="Its metrics: name to meaning and unit.")
    plot: dict[str, Any] = Field(description="How its rows become a picture.")
    incremental: bool = Field(description="Whether rows of a part of the images mean something.")
    parameters: dict[str, Any] = Field(description="JSON schema of `params`.")
    models: list[ModelFit] = Field(description="Every model, and whether it can take part.")


class ExperimentList(BaseModel):
    """`GET /experiments`."""

    experiments: list[ExperimentFacts] = Field(description="In the order of the papers.")


class JobSubmission(BaseModel):
    """`POST /jobs`: what to evaluate."""

    model_config = ConfigDict(extra="forbid")

    experiment: str = Field(
        max_length=NAME_LENGTH, description="A name of GET /experiments.", examples=["patch-drop"]
    )
    models: list[str] = Field(
        min_length=1,
        max_length=MAX_MODELS,
        description="Models to compare, names of GET /models.",
        examples=[["pocket_deit", "pocket_cnn"]],
    )
    dataset: str = Field(
        max_length=NAME_LENGTH, description="A name of GET /datasets.", examples=["cifar10-sample"]
    )
    params: dict[str, Any] = Field(
        default_factory=dict,
        description="Parameters of the experiment; those left out have their defaults.",
        examples=[{"ratios": [0.0, 0.25, 0.5, 0.75], "runs": 3}],
    )
    seed: int = Field(
        0, ge=0, le=MAX_SEED, description="Of all random draws; run r draws with seed + r."
    )


class JobDataset(BaseModel):
    """The data set as it was when the job was submitted."""

    name: str = Field(description="Its name.")
    kind: str = Field(description="How its files are laid out.")
    fingerprint: str = Field(description="SHA-256 over its images' names and contents.")
    images: int = Field(description="How many images it holds.")
    classes: int = Field(description="How many classes it has.")


class JobProgress(BaseModel):
    """How far a job is, in images × models."""

    done: int = Field(description="Images evaluated, counted once for each model.")
    total: int = Field(description="Images to evaluate, counted once for each model.")
    images_per_s: float | None = Field(description="All workers together; null if not known.")
    eta_s: float | None = Field(description="Time left (seconds); null if not known.")


class JobFailure(BaseModel):
    """Why a job failed."""

    code: str = Field(description="Stable name of this kind of error.", examples=["error"])
    detail: str = Field(description="What happened.")


class JobLinks(BaseModel):
    """Where to go from here."""

    self: str = Field(description="The job itself.")
    events: str = Field(description="Server-sent events while it runs.")
    result: str = Field(description="Its result.")
    page: str = Field(description="Its page for people.")


class JobAnswer(BaseModel):
    """One job as it stands."""

    id: str = Field(description="Its id.", examples=["3f2a9c41d07b"])
    experiment: str = Field(description="Name of the experiment.")
    title: str = Field(description="The experiment's name for people.")
    models: list[str] = Field(description="Models it compares.")
    dataset: JobDataset = Field(description="What it is evaluated on.")
    params: dict[str, Any] = Field(description="All parameters, defaults included.")
    seed: int = Field(description="Seed of all random draws.")
    state: JobState = Field(description="How it stands.")
    created_at: str = Field(description="When it was submitted (ISO 8601, UTC).")
    started_at: str | None = Field(description="When a worker began; null if none has.")
    finished_at: str | None = Field(description="When it ended; null if it has not.")
    progress: JobProgress = Field(description="How far it is.")
    error: JobFailure | None = Field(description="Why it failed; null if it did not.")
    cancel_requested: bool = Field(description="Whether somebody cancelled it.")
    failed_images: int = Field(
        description="Images that could not be read, counted once for each model."
    )
    links: JobLinks = Field(description="Where to go from here.")


class JobList(BaseModel):
    """`GET /jobs`."""

    jobs: list[JobAnswer] = Field(description="Newest first.")
    next: str | None = Field(description="`before` of the next page; null on the last one.")


class Estimate(BaseModel):
    """`POST /jobs/estimate`: how much a job is."""

    images: int = Field(description="Images to evaluate, counted once for each model.")
    forwards: int = Field(description="Images that pass through a network, all conditions.")
    shards: int = Field(description="Pieces that workers share among them.")
    seconds: float = Field(description="Time by one worker alone (seconds).")
    basis: Literal["measured", "guess"] = Field(
        description="measured: from earlier jobs of the same models; guess: from their size."
    )
