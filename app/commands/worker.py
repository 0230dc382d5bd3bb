"""`ipvit worker`: answer requests or work on jobs for a service with `IPVIT_BACKEND=celery`."""

from enum import StrEnum
from typing import Annotated

import typer


class Queue(StrEnum):
    """What a worker works on."""

    interactive = "interactive"
    evaluation = "evaluation"


def worker(
    queue: Annotated[
        Queue, typer.Option(help="interactive: single images; evaluation: shards of jobs.")
    ],
    concurrency: Annotated[
        int,
        typer.Option(
            min=0,
            help="Requests answered at once (interactive), or processes, one a device "
            "(evaluation); 0: enough for a full batch, and one process.",
        ),
    ] = 0,
) -> None:
    """Work for a service: take requests or shards of jobs from Redis (IPVIT_REDIS_URL)."""
    from app.catalogue import known_models
    from app.settings import Settings
    from ipvit.images import ImageLimits
    from workers.celery_app import run_worker
    from workers.celery_options import WorkerOptions

    settings = Settings()
    options = WorkerOptions(
        queue=queue.value,
        redis_url=settings.redis_url,
        specs=known_models(settings),
        cache_dir=settings.cache,
        device=settings.device,
        precision=settings.precision,
        threads=settings.threads,
        preload=settings.models,
        saliency_model=settings.saliency_model,
        max_batch=settings.max_batch,
        max_wait_ms=settings.max_wait_ms,
        max_queue=settings.max_queue,
        image_limits=ImageLimits(
            max_bytes=settings.max_image_bytes, max_pixels=settings.max_pixels
        ),
        database_url=settings.database_url,
        data_dir=settings.data_dir,
        decode_cache_bytes=settings.decode_cache_bytes,
        evaluation_batch=settings.evaluation_batch,
        lease_s=settings.lease_s,
        concurrency=concurrency,
        log_level=settings.log_level,
    )
    raise SystemExit(run_worker(options))
