"""What the way over Redis adds to an analysis: the same call, embedded and on a worker."""

import asyncio
import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from app.backends import Backend, create_backend
from app.settings import Settings
from benchmarks.photos import photos
from ipvit.analyses.parameters import PredictParams
from ipvit.models.specs import MODELS

DEADLINE_S = 60.0
TOGETHER = 16


def measure_requests(settings: Settings, model: str, times: int) -> dict[str, Any]:
    """Median time of `/predict`'s task, one at a time, and how many a second for 16 callers.

    settings: with backend "celery", and a worker of the interactive queue running.
    """
    return asyncio.run(_measure(settings, model, times))


async def _measure(settings: Settings, model: str, times: int) -> dict[str, Any]:
    embedded = create_backend(settings.model_copy(update={"backend": "embedded"}), MODELS)
    over_redis = create_backend(settings, MODELS)
    backends = {"embedded": embedded, "celery": over_redis}
    photo = photos()[0]
    for backend in backends.values():
        await backend.start()
        while not backend.readiness().ready:
            await asyncio.sleep(0.05)
    try:
        return await _compare(backends, asdict(PredictParams([model], 5)), photo, times)
    finally:
        for backend in backends.values():
            await backend.close()


async def _compare(
    backends: Mapping[str, Backend], params: Mapping[str, Any], photo: bytes, times: int
) -> dict[str, Any]:
    async def ask(backend: Backend) -> float:
        started = time.perf_counter()
        await backend.run("predict", params, {"image": photo}, deadline_s=DEADLINE_S)
        return time.perf_counter() - started

    alone: dict[str, list[float]] = {kind: [] for kind in backends}
    for turn in range(times + 10):
        for kind, backend in backends.items():
            taken_s = await ask(backend)
            if turn >= 10:
                alone[kind].append(taken_s)
    report: dict[str, Any] = {"photo_bytes": len(photo), "callers": TOGETHER}
    for kind, backend in backends.items():
        started = time.perf_counter()
        for _ in range(max(1, times // TOGETHER)):
            await asyncio.gather(*(ask(backend) for _ in range(TOGETHER)))
        taken_s = time.perf_counter() - started
        report[kind] = {
            "alone_p50_ms": 1000 * statistics.median(alone[kind]),
            "together_per_s": TOGETHER * max(1, times // TOGETHER) / taken_s,
        }
    report["added_ms"] = report["celery"]["alone_p50_ms"] - report["embedded"]["alone_p50_ms"]
    return report
