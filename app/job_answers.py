"""From the job store's records to what the API answers."""

from datetime import UTC, datetime

from app.schemas.jobs import (
    JobAnswer,
    JobDataset,
    JobFailure,
    JobLinks,
    JobProgress,
)
from ipvit.experiments import EXPERIMENTS
from jobs.records import Job

__all__ = ["job_answer"]


def job_answer(job: Job) -> JobAnswer:
    """One job as it stands."""
    request, progress = job.request, job.progress
    facts = request.dataset
    # A job of another version may name an experiment that is gone.
    known = EXPERIMENTS.get(request.experiment) if request.experiment in EXPERIMENTS else None
    return JobAnswer(
        id=job.id,
        experiment=request.experiment,
        title=known.title if known else request.experiment,
        models=list(request.models),
        dataset=JobDataset(
            name=facts.name,
            kind=facts.kind,
            fingerprint=facts.fingerprint,
            images=facts.images,
            classes=facts.classes,
        ),
        params=dict(request.params),
        seed=request.seed,
        state=job.state,
        created_at=_iso(job.created_at),
        started_at=None if job.started_at is None else _iso(job.started_at),
        finished_at=None if job.finished_at is None else _iso(job.finished_at),
        progress=JobProgress(
            done=progress.done,
            total=progress.total,
            images_per_s=_rounded(progress.images_per_s),
            eta_s=_rounded(progress.eta_s),
        ),
        error=JobFailure(code=job.error.code, detail=job.error.detail) if job.error else None,
        cancel_requested=job.cancel_requested,
        failed_images=job.failed_images,
        links=_links(job.id),
    )


def _links(job_id: str) -> JobLinks:
    return JobLinks(
        self=f"/jobs/{job_id}",
        events=f"/jobs/{job_id}/events",
        result=f"/jobs/{job_id}/result",
        page=f"/evaluations/{job_id}",
    )


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 2)
