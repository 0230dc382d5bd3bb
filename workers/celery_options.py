"""What a worker process is started with. Torch-free: a Celery parent reads it too."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from ipvit.images import ImageLimits
from ipvit.models.specs import ModelSpec

Queue = Literal["interactive", "evaluation"]

MIN_THREADS = 32


@dataclass(frozen=True)
class WorkerOptions:
    """One worker of one queue.

    concurrency: requests answered at once by an interactive worker; processes, one a device, of
        an evaluation worker. 0: enough for a full batch, and one.
    device: "cuda" gives process number i of an evaluation worker the device cuda:i.
    The others are as in the settings of the same names.
    """

    queue: Queue
    redis_url: str = field(repr=False)
    specs: Mapping[str, ModelSpec] = field(repr=False)
    cache_dir: Path
    device: str
    precision: str
    threads: int
    preload: tuple[str, ...]
    saliency_model: str | None
    max_batch: int
    max_wait_ms: float
    max_queue: int
    image_limits: ImageLimits
    database_url: str = field(repr=False)
    data_dir: Path
    decode_cache_bytes: int
    evaluation_batch: int
    lease_s: float
    concurrency: int = 0
    log_level: str = "info"

    @property
    def processes_or_threads(self) -> int:
        """`concurrency`, settled."""
        if self.concurrency:
            return self.concurrency
        return 1 if self.queue == "evaluation" else max(MIN_THREADS, self.max_batch)

    @property
    def threads_a_process(self) -> int:
        """Cores for each process of an evaluation worker."""
        cores = self.threads or len(os.sched_getaffinity(0))
        return max(1, cores // self.processes_or_threads)
