"""Charts as inline SVG: pure functions from numbers to markup.

Colours and fonts come from the page's style sheet through class names, so that one chart serves light and dark. Each chart
has a title and a description for screen readers, and each mark a tooltip. Every string is escaped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from dpdeblur.pipelines.html.axes import Axis, around, nice_step, tick_labels
from dpdeblur.transforms.wording import counted

FEWEST_FOR_HISTOGRAM = 20  # values: fewer are better read one by one
WIDTH, HEIGHT = 380, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 16, 12, 44
MOST_POINTS = 3000  # drawn of a scatter: more cannot be told apart, and slow a browser down


@dataclass(frozen=True, slots=True)
class Point:
    """One mark: where it is, what its tooltip says, and whether it is drawn with emphasis."""

    x: float
    y: float
    label: str
    strong: bool = True


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart as markup.

    Attributes:
        svg: the element.
        zero_line: a dashed line at zero is in it, which its legend must name.
    """

    svg: str
    zero_line: bool = False


def histogram(values: Sequence[float], *, title: str, unit: str, signed: bool = False) -> Chart:
    """Draw how many scenes fall into each range of values; see `histograms`."""
    return histograms({title: values}, unit=unit, signed=signed)[0]


def histograms(series: Mapping[str, Sequence[float]], *, unit: str, signed: bool = False) -> list[Chart]:
    """Draw how many scenes fall into each range of values: one chart for each series, all with the same axes.

    Args:
        series: by title (what is counted, for the axis and for screen readers) finite numbers, at least one each.
        unit: of the values.
        signed: values below 0 are drawn in the colour of losses.
    """
    arrays = [np.asarray(values, dtype=np.float64) for values in series.values()]
    pooled = np.concatenate(arrays)
    pooled = pooled[pooled <= _ceiling(pooled)]
    edges = _edges(pooled)
    counts = [np.histogram(np.clip(a[a <= pooled.max()], edges[0], edges[-1]), edges)[0] for a in arrays]
    x = Axis(edges[0], edges[-1], _LEFT, WIDTH - _RIGHT)
    y = Axis(0, max(1, *(int(each.max()) for each in counts)) * 1.05, HEIGHT - _BOTTOM, _TOP)
    return [
        _histogram(title, unit, array, count, edges, x, y, signed)
        for title, array, count in zip(series, arrays, counts, strict=True)
    ]


def _histogram(
    title: str,
    unit: str,
    array: NDArray[np.float64],
    counts: NDArray[np.int64],
    edges: list[float],
    x: Axis,
    y: Axis,
    signed: bool,
) -> Chart:
    bars = [
        f'<rect class="{"bar loss" if signed and high <= 1e-12 else "bar"}" x="{x(low) + 0.75:.2f}" y="{y(count):.2f}"'
        f' width="{max(1.0, x(high) - x(low) - 1.5):.2f}" height="{y(0) - y(count):.2f}">'
        f"<title>{_number(low)} to {_number(high)} {escape(unit)}: {_scenes(count)}</title></rect>"
        for low, high, count in zip(edges[:-1], edges[1:], counts, strict=True)
        if count
    ]
    zero_line = signed and edges[0] < 0 < edges[-1]
    if zero_line:
        bars.append(f'<line class="zero" x1="{x(0):.2f}" x2="{x(0):.2f}" y1="{y(0):.2f}" y2="{_TOP}"/>')
    hidden = len(array) - int(counts.sum())
    note = f"; {_scenes(hidden)} beyond {_number(edges[-1])} {unit} not drawn" if hidden else ""
    described = f"{_scenes(len(array))}, median {_number(float(np.median(array)))} {unit}{note}"
    body = _frame(x, y, f"{title} ({unit})", "scenes", whole=True) + "".join(bars)
    return Chart(_svg(title, described, body), zero_line)


def scatter(points: Sequence[Point], *, x_label: str, y_label: str, title: str) -> Chart:
    """Draw one dot a scene, with the median of each eighth of them where there are 40 or more.

    Args:
        points: at least one, all finite; no gain is a dashed line.
        x_label: what the horizontal axis shows, with its unit.
        y_label: what the vertical axis shows, with its unit.
        title: for screen readers.
    """
    drawn = points if len(points) <= MOST_POINTS else [points[i * len(points) // MOST_POINTS] for i in range(MOST_POINTS)]
    x = around([point.x for point in points], _LEFT, WIDTH - _RIGHT)
    y = around([*(point.y for point in points), 0.0], HEIGHT - _BOTTOM, _TOP)
    dots = [
        f'<circle class="{"dot" if point.strong else "dot loss"}" cx="{x(point.x):.1f}" cy="{y(point.y):.1f}" r="3.2">'
        f"<title>{escape(point.label)}</title></circle>"
        for point in drawn
    ]
    zero = f'<line class="zero" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(0):.2f}" y2="{y(0):.2f}"/>'
    trend = _trend(points, x, y) if len(points) >= 40 else ""
    note = f"; {len(drawn)} of them drawn" if len(drawn) < len(points) else ""
    body = _frame(x, y, x_label, y_label) + zero + "".join(dots) + trend
    return Chart(_svg(title, f"{_scenes(len(points))}{note}", body), zero_line=True)


def pareto(points: Sequence[Point], *, x_label: str, y_label: str, title: str) -> Chart:
    """Draw quality (up) against cost (logarithmic, left is cheaper); `strong` points form the front, which a line joins.

    Args:
        points: at least one; x above 0, all finite.
        x_label: what the horizontal axis shows, with its unit.
        y_label: what the vertical axis shows, with its unit.
        title: for screen readers.
    """
    low, high = min(point.x for point in points), max(point.x for point in points)
    x = Axis(low / 1.6, high * 1.6, _LEFT, WIDTH - _RIGHT, log=True)
    y = around([point.y for point in points], HEIGHT - _BOTTOM, _TOP)
    front = sorted((point for point in points if point.strong), key=lambda point: point.x)
    steps = " ".join(f"{'M' if i == 0 else 'L'}{x(p.x):.1f} {y(p.y):.1f}" for i, p in enumerate(front))
    line = f'<path class="front" d="{steps}"/>' if len(front) > 1 else ""
    marks = [
        f'<g class="{"mark" if point.strong else "mark off"}"><circle cx="{x(point.x):.1f}" cy="{y(point.y):.1f}" r="5"/>'
        f'<text x="{x(point.x):.1f}" y="{y(point.y) + shift:.1f}" text-anchor="{_anchor(x(point.x))}">'
        f"{escape(point.label)}</text></g>"
        for point, shift in zip(points, _label_shifts([(x(point.x), y(point.y)) for point in points]), strict=True)
    ]
    described = "; ".join(f"{p.label}: {_number(p.x)}, {_number(p.y)}{' (on the front)' if p.strong else ''}" for p in points)
    return Chart(_svg(title, described, _frame(x, y, x_label, y_label) + line + "".join(marks)))


def _ceiling(array: NDArray[np.float64]) -> float:
    """Return an upper limit for the axis: beyond it a few outliers would squeeze all others into one bar."""
    typical = float(np.quantile(array, 0.95))
    return 1.5 * typical if typical > 0 and array.max() > 3 * typical and len(array) > 20 else float(array.max())


def _edges(array: NDArray[np.float64]) -> list[float]:
    """Borders of 4 to 30 bins at round numbers, their width after Freedman & Diaconis (1981)."""
    low, high = float(array.min()), float(array.max())
    spread = high - low
    if spread <= 1e-9 * max(abs(high), 1.0):  # all alike: one bar in the middle
        step = nice_step(max(abs(high), 1.0) * 0.02)
        return [(round(high / step) + offset) * step for offset in (-2.5, -1.5, -0.5, 0.5, 1.5, 2.5)]
    q25, q75 = np.quantile(array, [0.25, 0.75])
    width = min(max(2 * float(q75 - q25) / len(array) ** (1 / 3), spread / 30), spread / 8)
    step = nice_step(width)
    first, last = math.floor(low / step + 1e-9), math.floor(high / step + 1e-9) + 1
    return [index * step for index in range(first, last + 1)]


def _trend(points: Sequence[Point], x: Axis, y: Axis) -> str:
    ordered = np.array(sorted((point.x, point.y) for point in points))
    middles = [(float(np.median(part[:, 0])), float(np.median(part[:, 1]))) for part in np.array_split(ordered, 8)]
    path = " ".join(f"{'M' if i == 0 else 'L'}{x(px):.1f} {y(py):.1f}" for i, (px, py) in enumerate(middles))
    return f'<path class="trend" d="{path}"><title>Median of each eighth of the scenes</title></path>'


def _frame(x: Axis, y: Axis, x_label: str, y_label: str, *, whole: bool = False) -> str:
    """Grid, tick labels and axis labels; `whole` leaves fractions off the vertical axis."""
    foot, ups = HEIGHT - _BOTTOM, y.ticks()
    ups = [tick for tick in ups if tick == int(tick)] if whole else ups
    parts = [
        f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(tick):.2f}" y2="{y(tick):.2f}"/>'
        f'<text class="tick" x="{_LEFT - 8}" y="{y(tick) + 4:.2f}" text-anchor="end">{label}</text>'
        for tick, label in zip(ups, tick_labels(ups), strict=True)
    ]
    along = x.ticks()
    parts += [
        f'<text class="tick" x="{x(tick):.2f}" y="{foot + 18}" text-anchor="middle">{label}</text>'
        for tick, label in zip(along, tick_labels(along), strict=True)
    ]
    parts.append(f'<line class="base" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{foot}" y2="{foot}"/>')
    parts.append(
        f'<text class="axis" x="{(_LEFT + WIDTH - _RIGHT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{escape(x_label)}</text>'
    )
    middle = (_TOP + foot) / 2
    parts.append(
        f'<text class="axis" x="10" y="{middle}" text-anchor="middle" transform="rotate(-90 10 {middle})">'
        f"{escape(y_label)}</text>"
    )
    return "".join(parts)


def _svg(title: str, described: str, body: str) -> str:
    return (
        f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}. {escape(described)}.">'
        f"{body}</svg>"
    )


def _label_shifts(places: Sequence[tuple[float, float]]) -> list[float]:
    """How far above or below its mark each label stands, so that labels of neighbours do not cover each other."""
    taken: list[tuple[float, float]] = []
    shifts = []
    for x, y in places:
        near = [other for at, other in taken if abs(at - x) < 110]
        shift = next((s for s in (-11, 20, -25, 34, -39, 48) if all(abs(y + s - other) > 12 for other in near)), -11)
        taken.append((x, y + shift))
        shifts.append(float(shift))
    return shifts


def _anchor(x: float) -> str:
    return "start" if x < WIDTH * 0.25 else "end" if x > WIDTH * 0.75 else "middle"


def _number(value: float) -> str:
    return f"{value:.4g}".replace("-", "\u2212")


def _scenes(count: int) -> str:
    return counted(count, "scene")
