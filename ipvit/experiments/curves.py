"""Which curves a chart of results has: one a model and series, the paper's numbers beside."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Curve", "Point", "curves_of"]

Value = str | int | float
Result = Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """A row on a chart; low, high: its 95 % interval, the value itself where there is none."""

    x: Value
    y: Value | None
    value: float
    low: float
    high: float
    paper: float | None


@dataclass(frozen=True)
class Curve:
    """The points of a model under one series of conditions, in the order of the rows."""

    label: str
    points: list[Point] = field(default_factory=list)


def curves_of(results: Sequence[Result], metric: str | None = None) -> list[Curve]:
    """The curves of results of one experiment, labelled by what tells them apart.

    metric: None is the one that the experiment's plot draws first.
    """
    curves: dict[tuple[Any, ...], Curve] = {}
    plot = results[0]["plot"]
    shown = metric or plot["metric"]
    varying = _varying(results, plot, shown)
    for index, result in enumerate(results):
        titles = {model["name"]: model["title"] for model in result["models"]}
        for row in result["rows"]:
            if row["metric"] != shown or plot["x"] not in row["condition"]:
                continue
            if row["value"] is None:
                continue
            series = tuple(row["condition"].get(name) for name in plot["series"])
            key = (index, row["model"], series)
            if key not in curves:
                title = titles.get(row["model"], row["model"])
                words = [title, *_words(plot["series"], series, varying)]
                curves[key] = Curve(", ".join([*words, *_origin(results, index)]))
            curves[key].points.append(_point(row, plot))
    return list(curves.values())


def _point(row: Result, plot: Result) -> Point:
    value = row["value"]
    return Point(
        x=row["condition"][plot["x"]],
        y=None if plot["y"] is None else row["condition"].get(plot["y"]),
        value=value,
        low=value if row["low95"] is None else row["low95"],
        high=value if row["high95"] is None else row["high95"],
        paper=None if row["paper"] is None else row["paper"]["value"],
    )


def _varying(results: Sequence[Result], plot: Result, metric: str) -> set[str]:
    """The series columns that do not have the same value everywhere."""
    rows = [row for result in results for row in result["rows"] if row["metric"] == metric]
    return {
        name
        for name in plot["series"]
        if len({(row["model"], row["condition"].get(name)) for row in rows})
        > len({row["model"] for row in rows})
    }


def _words(names: Sequence[str], values: Sequence[Value | None], shown: set[str]) -> list[str]:
    """Values of the columns shown; a bare number says what it is."""
    return [
        value.replace("_", "-") if isinstance(value, str) else f"{name.replace('_', ' ')} {value}"
        for name, value in zip(names, values, strict=True)
        if name in shown and value is not None
    ]


def _origin(results: Sequence[Result], index: int) -> list[str]:
    """What tells this result from the others: data set, seed, precision, or its place."""
    if len(results) == 1:
        return []
    origins = [
        (
            result["dataset"]["name"],
            f"seed {result['seed']}",
            "/".join(dict.fromkeys(model["precision"] for model in result["models"])),
        )
        for result in results
    ]
    columns = [part for part in range(3) if len({origin[part] for origin in origins}) > 1]
    words = [origins[index][part] for part in columns]
    distinct = len({tuple(origin[part] for part in columns) for origin in origins})
    alike = _conditions(results)
    return words if distinct == len(results) or not alike else [*words, f"({index + 1})"]


def _conditions(results: Sequence[Result]) -> bool:
    """Whether two results have a model in common, so that labels could be the same."""
    names = [model["name"] for result in results for model in result["models"]]
    return len(set(names)) < len(names)
