"""`make bench`: measure, write `benchmarks/results/`, print the pages.

`python -m benchmarks PART …` measures only these parts.
"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from benchmarks import evaluation, interactive, queue, serving
from benchmarks.machine import describe
from benchmarks.report import Report

RESULTS = Path(__file__).parent / "results"
MODELS = ["pocket_deit", "pocket_cnn", "random_deit_t", "random_deit_s"]

PAGES: dict[str, Callable[[Report, Report], str]] = {
    "serving": serving.markdown,
    "evaluation": evaluation.markdown,
    "interactive": interactive.markdown,
    "queue": queue.markdown,
}


def main() -> None:
    """Run the benchmarks."""
    asked = _read_options()
    measures: dict[str, Callable[[], Report]] = {
        "serving": lambda: serving.measure(
            asked.model or MODELS, rounds=asked.rounds, seconds=asked.seconds
        ),
        "evaluation": lambda: evaluation.measure(
            images=asked.images, photos=asked.photos, memory_sizes=asked.memory
        ),
        "interactive": interactive.measure,
        "queue": queue.measure,
    }
    asked.results.mkdir(parents=True, exist_ok=True)
    for part in asked.parts or PAGES:
        machine = describe()
        measured = measures[part]()
        page = PAGES[part](machine, measured)
        record = json.dumps({"machine": machine, part: measured}, indent=1)
        (asked.results / f"{part}.json").write_text(record + "\n", encoding="utf-8")
        (asked.results / f"{part}.md").write_text(page, encoding="utf-8")
        if chart := measured.get("memory"):
            path = asked.results / "evaluation-memory.png"
            path.write_bytes(evaluation.memory_chart(chart))
        print(page, flush=True)


def _read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{', '.join(PAGES)}; or all")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    serve = parser.add_argument_group("serving")
    serve.add_argument("--model", action="append", help="instead of the usual models; repeatable")
    serve.add_argument("--rounds", type=int, default=3, help="times each part is measured")
    serve.add_argument("--seconds", type=float, default=1.0, help="of one measurement")
    evaluate = parser.add_argument_group("evaluation")
    evaluate.add_argument("--images", type=int, default=1000, help="photos that are generated")
    evaluate.add_argument("--photos", type=Path, help="folder of class folders to take instead")
    evaluate.add_argument(
        "--memory",
        type=int,
        nargs="*",
        default=evaluation.MEMORY_SIZES,
        help="sizes of data sets whose memory is measured; none: leave it out",
    )
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PAGES):
        parser.error(f"expected {', '.join(PAGES)}, got {', '.join(sorted(unknown))}")
    return asked


if __name__ == "__main__":
    main()
