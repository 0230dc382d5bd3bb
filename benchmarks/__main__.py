"""`make bench`: measure, write `benchmarks/results/`, print the pages.

`python -m benchmarks serving` or `… evaluation` measures only that.
"""

import argparse
import json
from pathlib import Path

from benchmarks import evaluation, serving
from benchmarks.machine import describe
from benchmarks.report import markdown

RESULTS = Path(__file__).parent / "results"
MODELS = ["pocket_deit", "pocket_cnn", "random_deit_t", "random_deit_s"]
PARTS = ("serving", "evaluation")


def main() -> None:
    """Run the benchmarks."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"{' or '.join(PARTS)}; both")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    serve = parser.add_argument_group("serving")
    serve.add_argument("--model", action="append", help="instead of the usual models; repeatable")
    serve.add_argument("--rounds", type=int, default=3, help="times each part is measured")
    serve.add_argument("--seconds", type=float, default=1.0, help="of one measurement")
    evaluate = parser.add_argument_group("evaluation")
    evaluate.add_argument("--images", type=int, default=1000, help="photos that are generated")
    evaluate.add_argument("--photos", type=Path, help="folder of class folders to take instead")
    evaluate.add_argument("--batch", type=int, default=evaluation.BATCH, help="images in a pass")
    evaluate.add_argument(
        "--memory",
        type=int,
        nargs="*",
        default=evaluation.MEMORY_SIZES,
        help="sizes of data sets whose memory is measured; none: leave it out",
    )
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"expected {' or '.join(PARTS)}, got {', '.join(sorted(unknown))}")
    parts = asked.parts or PARTS
    if "serving" in parts:
        _serving(asked)
    if "evaluation" in parts:
        machine = describe()
        measured = evaluation.measure(
            images=asked.images, batch=asked.batch, photos=asked.photos, memory_sizes=asked.memory
        )
        print(evaluation.write(asked.results, machine, measured))


def _serving(asked: argparse.Namespace) -> None:
    machine = describe()
    measured = serving.measure(asked.model or MODELS, rounds=asked.rounds, seconds=asked.seconds)
    page = markdown(machine, measured)
    asked.results.mkdir(parents=True, exist_ok=True)
    record = json.dumps({"machine": machine, "serving": measured}, indent=1)
    (asked.results / "serving.json").write_text(record + "\n", encoding="utf-8")
    (asked.results / "serving.md").write_text(page, encoding="utf-8")
    print(page)


if __name__ == "__main__":
    main()
