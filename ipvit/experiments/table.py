"""A result as CSV: one line a row, one column for each part of the condition."""

import csv
import io
from collections.abc import Mapping
from typing import Any

__all__ = ["to_csv"]

_ORIGIN = ("experiment", "dataset", "seed")
_NUMBERS = ("value", "standard_error", "low95", "high95", "images", "runs")
_PAPER = ("paper_value", "paper_source")


def to_csv(result: Mapping[str, Any]) -> str:
    """The rows of a result with a header line; what does not exist is empty.

    Columns: experiment, dataset, seed, model, the condition's own, metric, value,
    standard_error, low95, high95, images, runs, paper_value, paper_source.
    """
    rows = result["rows"]
    conditions = list(dict.fromkeys(name for row in rows for name in row["condition"]))
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow([*_ORIGIN, "model", *conditions, "metric", *_NUMBERS, *_PAPER])
    head = (result["experiment"], result["dataset"]["name"], result["seed"])
    for row in rows:
        paper = row["paper"] or {}
        values = (
            *head,
            row["model"],
            *(row["condition"].get(name) for name in conditions),
            row["metric"],
            *(row[name] for name in _NUMBERS),
            paper.get("value"),
            paper.get("source"),
        )
        writer.writerow(["" if value is None else value for value in values])
    return buffer.getvalue()
