"""How near the service comes to what this machine could do.

In one run, in turns and several times over: each part alone (bare forward pass, decoding, an empty
upload endpoint), then the real server. The ceiling of `/predict` is cores ÷ the sum of the parts'
core-seconds an image.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any

from benchmarks.machine import cores
from benchmarks.processes import ROOT, Server, load, server
from benchmarks.report import Report, heading, table

CLIENTS = 32
RATIOS = [round(0.1 * step, 1) for step in range(10)]
SEEDS = list(range(5))
ALLOWANCE_MS = 6.0

MANY_COLUMNS = (
    "model",
    "forward, core-ms",
    "as the engine runs it",
    "decoding",
    "empty upload",
    "ceiling, 1/s",
    "reached, 1/s",
    "of ceiling (≥ 0.9)",
    "CPU share",
    "p50, ms",
    "p95, ms",
)
ONE_COLUMNS = (
    "model",
    "`/predict` p50, ms",
    "bound, ms",
    "bare forward of 50, ms",
    "`/occlude` p50, ms",
    "of bare (≥ 0.9)",
    "with pictures, ms",
    "`/segment` p50, ms",
    "capturing ÷ bare forward, 1 image (≤ 1.15)",
    "16 images",
)

Samples = dict[str, list[float]]


class Components:
    """Orders measurements from the process of `benchmarks.components`."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def measure(self, name: str, model: str, seconds: float) -> dict[str, float]:
        """One measurement."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        order = {"measure": name, "model": model, "seconds": seconds}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"measuring {name} of {model} ended the process; see above")
        report: dict[str, float] = json.loads(answer)
        return report


@contextmanager
def components() -> Iterator[Components]:
    """The process that measures parts alone."""
    command = [sys.executable, "-m", "benchmarks.components"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=ROOT) as process:
        try:
            yield Components(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()


def measure(models: list[str], *, rounds: int, seconds: float) -> dict[str, Any]:
    """Medians over the rounds, by model."""
    samples: dict[str, Samples] = {model: {} for model in models}
    with (
        server("empty", "/docs") as empty,
        server("app", "/readyz", models) as app,
        components() as parts,
    ):
        for model in models:  # first forward passes choose kernels: not counted
            parts.measure("batched", model, 0.1)
        for _ in range(rounds):
            for model in models:
                _add(samples[model], _parts_alone(parts, empty, model, seconds))
                _add(samples[model], _together(app, model, seconds))
        resident_mb = app.resident_mb()
    medians = {
        model: {name: statistics.median(values) for name, values in taken.items()}
        for model, taken in samples.items()
    }
    return {
        "rounds": rounds,
        "seconds": seconds,
        "clients": CLIENTS,
        "resident_mb_with_random_models": resident_mb,
        "models": {model: {**taken, **_judge(taken)} for model, taken in medians.items()},
        "samples": samples,
    }


def _add(samples: Samples, report: dict[str, float]) -> None:
    for name, value in report.items():
        samples.setdefault(name, []).append(value)


def _parts_alone(parts: Components, empty: Server, model: str, seconds: float) -> dict[str, float]:
    report: dict[str, float] = {}
    for name in ("batched", "decoding", "single", "fifty", "capture"):
        measured = parts.measure(name, model, seconds)
        report |= {f"{name}_{key}": value for key, value in measured.items()}
    upload = load(empty, "/upload", clients=CLIENTS, seconds=seconds)
    return {**report, "upload_core_ms": upload.core_ms}


def _together(app: Server, model: str, seconds: float) -> dict[str, float]:
    report: dict[str, float] = {}
    many = load(app, "/predict", clients=CLIENTS, seconds=3 * seconds, model=model)
    report |= {f"predict_many_{key}": value for key, value in asdict(many).items()}
    one = load(app, "/predict", clients=1, seconds=seconds, model=model)
    report |= {"predict_one_p50_ms": one.p50_ms, "predict_one_p95_ms": one.p95_ms}
    variants = {"model": model, "ratio": RATIOS, "seed": SEEDS}
    for name, pictures in (("occlude", "false"), ("occlude_pictures", "true")):
        asked = load(
            app, "/occlude", clients=1, seconds=2 * seconds, include_images=pictures, **variants
        )
        report[f"{name}_p50_ms"] = asked.p50_ms
    if "capture_ratio_of_1" in report or "cnn" not in model:
        asked = load(
            app, "/segment", clients=1, seconds=seconds, include_images="false", model=model
        )
        report["segment_p50_ms"] = asked.p50_ms
    return report


def _judge(taken: dict[str, float]) -> dict[str, float]:
    """The ratios that have targets."""
    forward_ms = taken["batched_plain_core_ms"]
    ceiling_core_ms = forward_ms + taken["decoding_core_ms"] + taken["upload_core_ms"]
    ceiling = 1000 * cores() / ceiling_core_ms
    single_ms = min(taken["single_one_core_ms"], taken["single_all_cores_ms"])
    fifty_ms = min(taken["fifty_one_pass_ms"], taken["fifty_side_by_side_ms"])
    return {
        "ceiling_per_s": ceiling,
        "predict_share_of_ceiling": taken["predict_many_requests_per_s"] / ceiling,
        "predict_core_share": ceiling_core_ms / taken["predict_many_core_ms"],
        "predict_one_bound_ms": single_ms + taken["decoding_wall_ms"] + ALLOWANCE_MS,
        "predict_one_beyond_parts_ms": taken["predict_one_p50_ms"]
        - single_ms
        - taken["decoding_wall_ms"],
        "occlude_share_of_bare": fifty_ms / taken["occlude_p50_ms"],
        "occlude_pictures_share_of_bare": fifty_ms / taken["occlude_pictures_p50_ms"],
    }


def markdown(machine: Report, measured: Report) -> str:
    """The page."""
    models = measured["models"].items()
    lines = [
        *heading("Serving", machine),
        f"Medians of {measured['rounds']} rounds, parts and server in turns, photos of 500x400 px, "
        "everything on this machine, the load client included. `make bench` repeats it.",
        "",
        f"## `/predict`, {measured['clients']} clients",
        "",
        "Ceiling = cores ÷ (forward + decoding + upload). *CPU share* compares the CPU time of a "
        "request with the sum of its parts, whatever else the machine does.",
        "",
        *table(MANY_COLUMNS, ((name, *_many_cells(taken)) for name, taken in models)),
        "",
        "## One client",
        "",
        "`/predict` p50 must stay below the forward pass of one image (the faster of one core and "
        "all cores) + decoding + 6 ms; `/occlude` with 10 ratios × 5 seeds must reach 0.9 of 50 "
        "bare forwards (the faster of one pass over all cores and a share on each core).",
        "",
        *table(ONE_COLUMNS, ((name, *_one_cells(taken)) for name, taken in models)),
        "",
        "Resident memory of the server with all these models: "
        f"{measured['resident_mb_with_random_models']:.0f} MB.",
    ]
    return "\n".join([*lines, ""])


def _many_cells(taken: Report) -> tuple[str, ...]:
    costs = ("batched_plain", "batched_engine", "decoding", "upload")
    return (
        *(f"{taken[f'{part}_core_ms']:.2f}" for part in costs),
        f"{taken['ceiling_per_s']:.0f}",
        f"{taken['predict_many_requests_per_s']:.0f}",
        f"{taken['predict_share_of_ceiling']:.2f}",
        f"{taken['predict_core_share']:.2f}",
        f"{taken['predict_many_p50_ms']:.0f}",
        f"{taken['predict_many_p95_ms']:.0f}",
    )


def _one_cells(taken: Report) -> tuple[str, ...]:
    fifty_ms = min(taken["fifty_one_pass_ms"], taken["fifty_side_by_side_ms"])
    captures = ("segment_p50_ms", "capture_ratio_of_1", "capture_ratio_of_16")
    return (
        f"{taken['predict_one_p50_ms']:.1f}",
        f"{taken['predict_one_bound_ms']:.1f}",
        f"{fifty_ms:.0f}",
        f"{taken['occlude_p50_ms']:.0f}",
        f"{taken['occlude_share_of_bare']:.2f}",
        f"{taken['occlude_pictures_p50_ms']:.0f}",
        *(f"{taken[key]:.2f}" if key in taken else "–" for key in captures),
    )
