"""Evaluations: how close PatchDrop over a data set comes to the bare forward pass, and its memory.

`python -m benchmarks evaluation`; a part of `make bench`.
"""

import io
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.evaluation_data import make_photos, make_tiny_images
from benchmarks.report import Report, heading, table

PRECISIONS = ("fp32", "auto")
MEMORY_SIZES = (1_000, 10_000, 100_000)
BATCH = 64

SPEED_COLUMNS = (
    "precision",
    "evaluated, variants/s",
    "again, from the cache",
    "bare forward, variants/s",
    "of bare (≥ 0.92)",
    "by CPU time",
    "again",
    "the script's way, variants/s",
    "× that (fp32 ≥ 1.35, auto ≥ 3.2)",
    "decoding's share of CPU (< 5 %)",
    "decoded",
    "decoded again",
)


def measure(
    *,
    images: int = 1000,
    batch: int = BATCH,
    photos: Path | None = None,
    memory_sizes: Sequence[int] = MEMORY_SIZES,
) -> Report:
    """All measurements; `photos` is a folder of class folders instead of generated ones."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        if photos is None:
            photos = place / "photos"
            make_photos(photos, images)
        speed = [
            _ask(
                measure="speed",
                folder=str(photos.resolve()),
                cache=str(place / f"cache-{precision}"),
                precision=precision,
                batch=batch,
            )
            for precision in PRECISIONS
        ]
        memory = [_memory(place / f"tiny-{size}", size, batch) for size in memory_sizes]
    return {"speed": [_with_shares(taken) for taken in speed], "memory": memory}


def _memory(place: Path, size: int, batch: int) -> Report:
    make_tiny_images(place / "images", size)
    return _ask(
        measure="memory",
        folder=str(place / "images"),
        cache=str(place / "cache"),
        precision="fp32",
        batch=batch,
    )


def _ask(**order: object) -> Report:
    """Run one order in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.evaluation_parts", json.dumps(order)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    report: Report = json.loads(done.stdout)
    return report


def _with_shares(taken: Report) -> Report:
    """What the targets are about."""
    total = taken["images"] * taken["variants"]
    return taken | {
        "cold_per_s": total / taken["cold_wall_s"],
        "warm_per_s": taken["warm_images"] * taken["variants"] / taken["warm_wall_s"],
        "bare_per_s": total / taken["bare_wall_s"],
        "script_per_s": taken["images"] / taken["script_wall_s"],
        "to_script": total * taken["script_wall_s"] / (taken["cold_wall_s"] * taken["images"]),
        "cold_share_of_bare": taken["bare_wall_s"] / taken["cold_wall_s"],
        "cold_cpu_share_of_bare": taken["bare_cpu_s"] / taken["cold_cpu_s"],
        "warm_share_of_bare": taken["warm_bare_wall_s"] / taken["warm_wall_s"],
        "decoding_share": taken["decoding_cpu_s"] / taken["cold_cpu_s"],
    }


def markdown(machine: Report, measured: Report) -> str:
    """The page."""
    first = measured["speed"][0]
    lines = [
        *heading("Evaluations", machine),
        f"Random PatchDrop, DeiT-T architecture with random weights, {first['images']} photos of "
        f"about 500x400 px, {first['variants']} levels, one run, batches of {first['batch']}. "
        "Evaluation and bare forward pass (timm's module, images already normalised) take turns "
        "in parts of the data set. *The script's way* is measured between them: fp32, every image "
        "decoded again for each level, the same batches through timm's module.",
        "",
        *table(SPEED_COLUMNS, map(_speed_cells, measured["speed"])),
    ]
    if measured["memory"]:
        lines += [
            "",
            "## Memory",
            "",
            "The most memory a process holds while it evaluates a network of one narrow block on "
            "images of 32 px from a folder, indexing and decode cache included.",
            "",
            *table(
                ("images", "peak, MB", "before the first image, MB", "seconds"),
                (
                    (
                        f"{taken['images']:,}",
                        *(f"{taken[key]:.0f}" for key in ("peak_mb", "peak_before_mb", "seconds")),
                    )
                    for taken in measured["memory"]
                ),
            ),
            "",
            "![Peak memory by number of images](evaluation-memory.png)",
        ]
    return "\n".join([*lines, ""])


def _speed_cells(taken: Report) -> tuple[str, ...]:
    return (
        taken["precision"],
        *(f"{taken[key]:.1f}" for key in ("cold_per_s", "warm_per_s", "bare_per_s")),
        *(f"{taken[f'{key}_share_of_bare']:.3f}" for key in ("cold", "cold_cpu", "warm")),
        f"{taken['script_per_s']:.1f}",
        f"{taken['to_script']:.2f}",
        f"{100 * taken['decoding_share']:.1f} %",
        str(taken["decoded"]),
        str(taken["decoded_again"]),
    )


def memory_chart(memory: Sequence[Report]) -> bytes:
    """Peak memory by number of images, as PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 3.5), dpi=120, layout="constrained")
    axes = figure.add_subplot()
    sizes = [taken["images"] for taken in memory]
    axes.plot(sizes, [taken["peak_mb"] for taken in memory], marker="o", label="peak")
    before = [taken["peak_before_mb"] for taken in memory]
    axes.plot(sizes, before, marker="o", linestyle="--", label="before the first image")
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_xlabel("images in the data set")
    axes.set_ylabel("resident memory (MB)")
    axes.grid(alpha=0.3)
    axes.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png")
    return buffer.getvalue()
