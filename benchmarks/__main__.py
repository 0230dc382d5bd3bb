"""`make bench`: measure, write `benchmarks/results/`, print the page."""

import argparse
import json
from pathlib import Path

from benchmarks import serving
from benchmarks.machine import describe
from benchmarks.report import markdown

RESULTS = Path(__file__).parent / "results"
MODELS = ["pocket_deit", "pocket_cnn", "random_deit_t", "random_deit_s"]


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=main.__doc__)
    parser.add_argument("--model", action="append", help="instead of the usual models; repeatable")
    parser.add_argument("--rounds", type=int, default=3, help="times each part is measured")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one measurement")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder to write to")
    asked = parser.parse_args()
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
