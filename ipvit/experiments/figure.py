"""Results as a chart (PNG): our curves with 95 % intervals, the paper's numbers hollow and dashed.

Drawn by Matplotlib without its global state, so that threads may draw at the same time.
"""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ipvit.errors import InvalidInput
from ipvit.experiments.curves import Curve, Point, curves_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

WIDTH_IN, HEIGHT_IN, DPI = 8.0, 5.0, 150
MAX_LEGEND = 24
PAPER = ", paper"

# Okabe and Ito's colours, told apart by colour-blind readers; yellow is too pale on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")

Result = Mapping[str, Any]


def draw(results: Sequence[Result], *, metric: str | None = None) -> bytes:
    """One chart of one or several results of the same experiment.

    metric: None is the one that the experiment's plot names.
    Returns a PNG of 1200x750 px or, with several heat maps, more.
    Raises InvalidInput if there is no result, or if they are of different experiments or the
    metric is none of theirs.
    """
    from matplotlib.figure import Figure

    _check(results, metric)
    plot, name = results[0]["plot"], metric or results[0]["plot"]["metric"]
    curves = curves_of(results, metric)
    figure = Figure(figsize=(WIDTH_IN, HEIGHT_IN), dpi=DPI, layout="constrained")
    heading = f"{results[0]['title']} ({results[0]['paper']})"
    figure.suptitle(_plain(f"{heading}\n{_caption(results, curves)}"), fontsize=9)
    words = name.replace("_", " ")
    if not curves:
        _say_empty(figure)
    elif plot["kind"] == "heatmap":
        _draw_heatmaps(figure, curves, plot, words)
    else:
        axes = figure.add_subplot()
        axes.set_xlabel(_plain(plot["x_label"]))
        axes.set_ylabel(_plain(plot["y_label"] if name == plot["metric"] else words))
        (_draw_lines if plot["kind"] == "line" else _draw_bars)(axes, curves, plot)
        _finish(figure, axes, curves)
    buffer = io.BytesIO()
    metadata = {"Title": results[0]["title"], "Description": results[0]["command"]}
    figure.savefig(buffer, format="png", metadata=metadata)
    return buffer.getvalue()


def _check(results: Sequence[Result], metric: str | None) -> None:
    if not results:
        raise InvalidInput("expected at least one result, got none", field="job")
    names = {result["experiment"] for result in results}
    if len(names) > 1:
        raise InvalidInput(
            f"expected results of one experiment, got {', '.join(sorted(names))}", field="job"
        )
    known = results[0]["metrics"]
    if metric is not None and metric not in known:
        raise InvalidInput(f"expected one of {', '.join(known)}, got {metric!r}", field="metric")


def _plain(text: str) -> str:
    """Dollar signs would start a formula."""
    return text.replace("$", r"\$")


def _caption(results: Sequence[Result], curves: Sequence[Curve]) -> str:
    """The data sets, and what the marks mean that are there."""
    data = dict.fromkeys((r["dataset"]["name"], r["dataset"]["images"]) for r in results)
    sentences = ["; ".join(f"{name}, {images} images" for name, images in data)]
    points = [point for curve in curves for point in curve.points]
    if any(point.low < point.high for point in points):
        sentences.append("Bars: 95 % interval over images")
    if any(point.paper is not None for point in points):
        sentences.append("Hollow: the paper, on its own data")
    return ". ".join(sentences) + "."


def _say_empty(figure: "Figure") -> None:
    axes = figure.add_subplot()
    axes.set_axis_off()
    axes.text(0.5, 0.5, "no numbers yet", ha="center", va="center", transform=axes.transAxes)


def _style(index: int) -> tuple[str, str]:
    """Colour and marker: as many pairs as there are colours times markers."""
    turn, colour = divmod(index, len(COLOURS))
    return COLOURS[colour], MARKERS[(colour + turn) % len(MARKERS)]


def _positions(curves: Sequence[Curve]) -> dict[Any, float]:
    """Where each x stands: numbers at their value, words side by side in order."""
    values = list(dict.fromkeys(point.x for curve in curves for point in curve.points))
    if any(isinstance(value, str) for value in values):
        return {value: float(place) for place, value in enumerate(values)}
    return {value: float(value) for value in values}


def _draw_lines(axes: "Axes", curves: Sequence[Curve], plot: Result) -> None:
    positions = _positions(curves)
    if any(isinstance(x, str) for x in positions):
        axes.set_xticks(list(positions.values()), [_plain(str(x)) for x in positions])
    elif plot.get("x_scale") == "log" and min(positions) > 0:
        axes.set_xscale("log")
        ticks = sorted(positions.values())
        axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
    for index, curve in enumerate(curves):
        colour, marker = _style(index)
        points = sorted(curve.points, key=lambda point: positions[point.x])
        xs = [positions[point.x] for point in points]
        axes.errorbar(
            xs,
            [point.value for point in points],
            yerr=_whiskers(points),
            color=colour,
            marker=marker,
            markersize=4,
            capsize=2,
            linewidth=1.5,
            label=_plain(curve.label),
        )
        reported = [(x, p.paper) for x, p in zip(xs, points, strict=True) if p.paper is not None]
        if reported:
            axes.plot(
                *zip(*reported, strict=True),
                color=colour,
                linestyle="--",
                marker=marker,
                markersize=7,
                markerfacecolor="none",
                linewidth=1,
                clip_on=False,
                zorder=3,
                label=_plain(f"{curve.label}{PAPER}"),
            )


def _draw_bars(axes: "Axes", curves: Sequence[Curve], _plot: Result) -> None:
    values = list(dict.fromkeys(point.x for curve in curves for point in curve.points))
    width = 0.8 / len(curves)
    axes.set_xticks(range(len(values)), [_plain(str(value)) for value in values])
    for index, curve in enumerate(curves):
        colour, _ = _style(index)
        shift = (index - (len(curves) - 1) / 2) * width
        xs = [values.index(point.x) + shift for point in curve.points]
        axes.bar(
            xs,
            [point.value for point in curve.points],
            width=width,
            yerr=_whiskers(curve.points),
            color=colour,
            alpha=0.8,
            capsize=2,
            label=_plain(curve.label),
        )
        reported = [
            (x, p.paper) for x, p in zip(xs, curve.points, strict=True) if p.paper is not None
        ]
        if reported:
            axes.plot(
                *zip(*reported, strict=True),
                linestyle="none",
                marker="D",
                markersize=7,
                markerfacecolor="white",
                markeredgecolor=colour,
                clip_on=False,
                zorder=3,
                label=_plain(f"{curve.label}{PAPER}"),
            )


def _draw_heatmaps(figure: "Figure", curves: Sequence[Curve], plot: Result, label: str) -> None:
    """One map a curve, side by side, with one scale of colours."""
    from matplotlib.colors import Normalize

    figure.set_size_inches(max(WIDTH_IN, 4 * len(curves) + 1), HEIGHT_IN)
    xs = sorted({point.x for curve in curves for point in curve.points})
    ys = sorted({point.y for curve in curves for point in curve.points if point.y is not None})
    values = [point.value for curve in curves for point in curve.points]
    scale = Normalize(min(values), max(values))
    panels = figure.subplots(1, len(curves), squeeze=False)[0]
    for panel, curve in zip(panels, curves, strict=True):
        grid = np.full((len(ys), len(xs)), np.nan)
        for point in curve.points:
            if point.y is not None:
                grid[ys.index(point.y), xs.index(point.x)] = point.value
        image = panel.imshow(grid, norm=scale, cmap="viridis", origin="lower", aspect="auto")
        panel.set_title(_plain(curve.label), fontsize=9)
        panel.set_xticks(range(len(xs)), [_plain(str(x)) for x in xs])
        panel.set_yticks(range(len(ys)), [_plain(str(y)) for y in ys])
        panel.set_xlabel(_plain(plot["x_label"]))
        panel.set_ylabel(_plain(plot["y_label"]))
    figure.colorbar(image, ax=list(panels), label=_plain(label))


def _whiskers(points: Sequence[Point]) -> np.ndarray:
    """How far the interval reaches below and above: (2, n)."""
    below = [max(0.0, point.value - point.low) for point in points]
    above = [max(0.0, point.high - point.value) for point in points]
    return np.array([below, above])


def _finish(figure: "Figure", axes: "Axes", curves: Sequence[Curve]) -> None:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    lowest = min(point.low for curve in curves for point in curve.points)
    axes.set_ylim(bottom=min(0.0, lowest))
    if len(curves) <= MAX_LEGEND:
        handles, labels = axes.get_legend_handles_labels()
        by_label = dict(sorted(zip(labels, handles, strict=True), key=_ours_first))
        figure.legend(
            list(by_label.values()),
            list(by_label),
            loc="outside lower center",
            ncols=2 if max(map(len, by_label)) > 24 else 3,
            fontsize=8,
            frameon=False,
        )


def _ours_first(entry: tuple[str, object]) -> bool:
    """Sorts the paper's numbers behind ours."""
    return entry[0].endswith(PAPER)
