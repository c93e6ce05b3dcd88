"""Charts: what is drawn where, for numbers as they come."""

from __future__ import annotations

import math
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdeblur.pipelines.html.axes import Axis, nice_ticks, tick_labels
from dpdeblur.pipelines.html.charts import MOST_POINTS, Point, histogram, histograms, pareto, scatter

numbers = st.floats(-1e4, 1e4)


def bars(svg: str) -> list[int]:
    return [int(count) for count in re.findall(r": (\d+) scenes?</title></rect>", svg)]


@settings(max_examples=60, deadline=None)
@given(st.lists(numbers, min_size=1, max_size=60), st.booleans())
def test_every_value_is_in_a_bar_or_said_to_be_left_out(values: list[float], signed: bool) -> None:
    svg = histogram(values, title="gain", unit="dB", signed=signed).svg
    beyond = re.search(r"; (\d+) scenes? beyond", svg)
    assert sum(bars(svg)) + (int(beyond[1]) if beyond else 0) == len(values)
    ElementTree.fromstring(svg)


def test_stragglers_do_not_squeeze_the_rest() -> None:
    svg = histogram([100.0 + i for i in range(99)] + [50_000.0], title="time", unit="ms").svg
    assert "1 scene beyond" in svg
    assert len(bars(svg)) >= 5


def test_charts_of_one_kind_share_their_axes() -> None:
    alone, beside = histograms({"one": [0.1, 0.2, 0.3], "two": [-4.0, 8.0, 8.1, 8.2]}, unit="dB", signed=True)
    ticks = [re.findall(r'<text class="tick".*?</text>', chart.svg) for chart in (alone, beside)]
    assert ticks[0] == ticks[1] and alone.zero_line and beside.zero_line
    assert sum(bars(alone.svg)) == 3 and sum(bars(beside.svg)) == 4


def test_losses_have_a_colour_of_their_own() -> None:
    svg = histogram([-1.0, -0.5, 0.5, 1.0, 1.5], title="gain", unit="dB", signed=True).svg
    assert sum(bars("".join(re.findall(r'<rect class="bar loss".*?</rect>', svg)))) == 2
    assert 'class="zero"' in svg


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(numbers, numbers), min_size=1, max_size=60))
def test_points_stay_inside(places: list[tuple[float, float]]) -> None:
    svg = scatter([Point(x, y, "p") for x, y in places], x_label="x", y_label="y", title="t").svg
    root = ElementTree.fromstring(svg)
    _, _, width, height = map(float, root.attrib["viewBox"].split())
    circles = root.findall("circle")
    assert len(circles) == len(places)
    assert all(0 <= float(c.attrib["cx"]) <= width and 0 <= float(c.attrib["cy"]) <= height for c in circles)


def test_a_great_many_points_are_thinned_and_it_says_so() -> None:
    svg = scatter([Point(i, i % 7, "p") for i in range(10_000)], x_label="x", y_label="y", title="t").svg
    assert svg.count("<circle") == MOST_POINTS
    assert f"{MOST_POINTS} of them drawn" in svg and 'class="trend"' in svg


def test_labels_are_escaped() -> None:
    hostile = '"><script>alert(1)</script>'
    for svg in (
        scatter([Point(1, 1, hostile)], x_label=hostile, y_label=hostile, title=hostile).svg,
        pareto([Point(1, 1, hostile)], x_label=hostile, y_label=hostile, title=hostile).svg,
        histogram([1.0], title=hostile, unit=hostile).svg,
    ):
        assert "<script" not in svg
        ElementTree.fromstring(svg)


def test_the_front_is_joined_from_cheap_to_dear() -> None:
    points = [Point(4, 30, "good"), Point(0.5, 25, "cheap"), Point(5, 26, "poor", strong=False)]
    root = ElementTree.fromstring(pareto(points, x_label="s", y_label="dB", title="t").svg)
    marks = {g.findtext("text"): g.find("circle") for g in root.findall("g")}
    ends = [f"{float(marks[name].attrib['cx']):.1f} {float(marks[name].attrib['cy']):.1f}" for name in ("cheap", "good")]  # type: ignore[union-attr]
    assert root.find("path").attrib["d"] == f"M{ends[0]} L{ends[1]}"  # type: ignore[union-attr]


def test_neighbours_labels_do_not_cover_each_other() -> None:
    root = ElementTree.fromstring(
        pareto([Point(1, 25 + i / 1000, f"run {i}") for i in range(4)], x_label="", y_label="", title="").svg
    )
    heights = sorted(float(text.attrib["y"]) for text in root.iterfind("g/text"))
    assert all(b - a > 10 for a, b in pairwise(heights))


@given(numbers, numbers)
def test_ticks_are_round_and_inside(a: float, b: float) -> None:
    low, high = min(a, b), max(a, b)
    ticks = nice_ticks(low, high)
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert len(ticks) <= 8 and all(low - slack <= tick <= high + slack for tick in ticks)


def test_labels_have_the_decimals_that_they_need() -> None:
    assert tick_labels([-0.5, 0.0, 0.5]) == ["\u22120.5", "0.0", "0.5"]
    assert tick_labels([10.0, 20.0]) == ["10", "20"]


def test_logarithmic_axis() -> None:
    axis = Axis(0.1, 10.0, 0.0, 100.0, log=True)
    assert [axis(0.1), axis(1.0), axis(10.0)] == pytest.approx([0, 50, 100])
    assert axis.ticks() == pytest.approx([0.1, 0.2, 0.5, 1, 2, 5, 10])
    assert all(math.isfinite(axis(tick)) for tick in axis.ticks())
