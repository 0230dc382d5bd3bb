"""What the scripts of the evaluation pages compute, asked of them in the browser that runs them."""

from typing import Any

import pytest
from playwright.sync_api import Page

READ_EVENTS = """async (pieces) => {
  const {readEvents} = await import("/static/js/event-stream.js");
  const encoder = new TextEncoder();
  const bytes = pieces.flatMap((piece) => [...encoder.encode(piece)]);
  const body = new ReadableStream({start(controller) {
    for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
    controller.close();
  }});
  const events = [];
  for await (const event of readEvents(body)) events.push(event);
  return events;
}"""

PARAMETERS = """async (schema) => {
  const {parametersOf} = await import("/static/js/components/schema-form/parameter-schema.js");
  return parametersOf(schema);
}"""

PARSE = """async ([parameter, text]) => {
  const {parseText} = await import("/static/js/components/schema-form/parameter-schema.js");
  try { return {value: parseText(parameter, text)}; }
  catch (error) { return {error: error.message}; }
}"""

CHART = """async ([rows, plot, models]) => {
  const {chartOf} = await import("/static/js/row-series.js");
  return chartOf([{label: "", rows, models, titles: new Map()}], plot, plot.metric, {});
}"""

MERGE = """async ([old, newer]) => {
  const {mergeRows} = await import("/static/js/row-series.js");
  return mergeRows(old, newer);
}"""

PLOT = {"kind": "line", "x": "ratio", "x_label": "share", "y_label": "accuracy (%)",
        "metric": "top1", "series": ["mode", "grid"], "y": None}  # fmt: skip


@pytest.fixture
def scripts(page: Page) -> Page:
    page.goto("/model-cards")
    return page


def _row(model: str, value: float, **condition: Any) -> dict[str, Any]:
    paper = condition.pop("paper", None)
    return {"model": model, "metric": "top1", "value": value, "condition": condition, "images": 10,
            "runs": 1, "standard_error": None, "low95": value - 1, "high95": value + 1,
            "paper": paper}  # fmt: skip


def test_events_are_read_byte_by_byte(scripts: Page) -> None:
    stream = ': alive\r\n\r\nid: 1\r\nevent: rows\r\ndata: {"é":\r\ndata: 1}\r\n\r\n\ndata:2\n\n'
    assert scripts.evaluate(READ_EVENTS, [stream]) == [
        {"type": "rows", "data": '{"é":\n1}', "id": "1"},
        {"type": "message", "data": "2", "id": "1"},
    ]


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "boolean", "default": True}, "switch"),
        ({"type": "integer", "minimum": 1}, "number"),
        ({"anyOf": [{"type": "string"}, {"type": "null"}], "default": None}, "text"),
        ({"enum": ["a", "b"], "type": "string"}, "choice"),
        ({"type": "array", "items": {"type": "number", "maximum": 1}}, "list"),
        ({"type": "array", "items": {"$ref": "#/$defs/Mode"}}, "several"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_control_suits_its_parameter(scripts: Page, schema: dict[str, Any], kind: str) -> None:
    defs = {"Mode": {"enum": ["random", "salient"], "type": "string"}}
    (parameter,) = scripts.evaluate(PARAMETERS, {"properties": {"it": schema}, "$defs": defs})
    assert parameter["kind"] == kind
    assert parameter["optional"] == ("anyOf" in schema)


def test_lists_are_read_and_what_is_none_is_told(scripts: Page) -> None:
    schema = {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 9}}
    (parameter,) = scripts.evaluate(PARAMETERS, {"properties": {"it": schema}})
    assert scripts.evaluate(PARSE, [parameter, " 1, 2;3 4"]) == {"value": [1, 2, 3, 4]}
    for text, words in {"1, x": "whole number", "0.5": "whole number", "10": "at most 9"}.items():
        assert words in scripts.evaluate(PARSE, [parameter, text])["error"]


def test_curves_are_named_by_what_tells_them_apart(scripts: Page) -> None:
    own_grids = {"a": "8x8", "b": "4x4"}
    rows = [
        _row(model, 50, mode=mode, grid=grid, ratio=ratio)
        for model, grid in own_grids.items()
        for mode in ("random", "salient")
        for ratio in (0.5, 0)
    ]
    series = scripts.evaluate(CHART, [rows, PLOT, ["a", "b"]])["series"]
    assert [one["title"] for one in series] == [
        "a · random", "a · salient", "b · random", "b · salient"
    ]  # fmt: skip
    assert [one["slot"] for one in series] == [1, 1, 2, 2]
    assert [one["dash"] for one in series] == [0, 1, 0, 1]
    assert [point["x"] for point in series[0]["points"]] == [0, 0.5]


def test_no_colour_changes_when_the_next_model_comes(scripts: Page) -> None:
    rows = [_row("b", 50, mode="random", grid="8x8", ratio=0.5)]
    (alone,) = scripts.evaluate(CHART, [rows, PLOT, ["a", "b"]])["series"]
    assert (alone["title"], alone["slot"]) == ("b", 2)


def test_the_paper_stands_beside_its_curve(scripts: Page) -> None:
    paper = {"value": 70.0, "source": "Fig. 3"}
    rows = [_row("a", 60, mode="random", grid="8x8", ratio=0.5, paper=paper),
            _row("a", 80, mode="random", grid="8x8", ratio=0)]  # fmt: skip
    chart = scripts.evaluate(CHART, [rows, PLOT, ["a"]])
    assert [(one["title"], one["paper"]) for one in chart["series"]] == [
        ("a", False), ("a, as published", True)
    ]  # fmt: skip
    assert [point["y"] for point in chart["series"][1]["points"]] == [70]
    assert chart["sources"] == ["Fig. 3"]


def test_names_and_doublings_have_an_axis_of_their_own(scripts: Page) -> None:
    bars = {**PLOT, "kind": "bar", "x": "corner", "series": []}
    rows = [_row("a", 50, corner=corner) for corner in ("left", "right")]
    assert scripts.evaluate(CHART, [rows, bars, ["a"]])["ticks"] == ["left", "right"]
    cells = {**PLOT, "x": "cells", "series": []}
    rows = [_row("a", 50, cells=count) for count in (1, 4, 64)]
    chart = scripts.evaluate(CHART, [rows, cells, ["a"]])
    assert (chart["ticks"], chart["doubling"]) == (None, True)


def test_newer_rows_replace_older_ones_of_the_same_condition(scripts: Page) -> None:
    old = [_row("a", 50, ratio=0), _row("a", 40, ratio=0.5)]
    newer = [_row("a", 45, ratio=0.5), _row("b", 30, ratio=0)]
    merged = scripts.evaluate(MERGE, [old, newer])
    assert [(row["model"], row["value"]) for row in merged] == [("a", 50), ("a", 45), ("b", 30)]


def test_a_curve_of_one_point_becomes_a_bar(scripts: Page) -> None:
    rows = [_row("a", 50, mode="random", grid="8x8", ratio=ratio) for ratio in (0.5, 0.75)]
    assert scripts.evaluate(CHART, [rows, PLOT, ["a"]])["kind"] == "line"
    chart = scripts.evaluate(CHART, [rows[:1], PLOT, ["a"]])
    assert (chart["kind"], chart["ticks"]) == ("bar", ["0.5"])
