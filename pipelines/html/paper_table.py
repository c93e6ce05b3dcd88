"""The table of a paper: methods against metrics, with the best marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.scoring.comparison import Comparison, MethodSummary, MetricColumn
from dpdeblur.transforms.wording import counted, did_you_mean

SIGNIFICANT = 0.05


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one picture: a column besides the metrics."""

    name: str
    label: str
    digits: int
    value: Callable[[MethodSummary], float | None]


COSTS = (
    Cost("cpu", "CPU s", 3, lambda method: method.cpu_s),
    Cost("p50", "p50 ms", 0, lambda method: method.inference_p50_ms),
    Cost("ms-per-mp", "ms/MP", 0, lambda method: method.ms_per_megapixel),
)


@dataclass(frozen=True, slots=True)
class Cell:
    """One value of the table.

    Attributes:
        value: None if it is not known.
        digits: behind the decimal point.
        place: 1 for the best of its column, 2 for the second, and so on, equal ones alike; as the digits shown are.
        differs: significantly worse than the best of its column.
    """

    value: float | None
    digits: int
    place: int
    differs: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """One column: the group it stands in (a subset, or the cost), its label, its direction and a cell a method."""

    group: str
    label: str
    name: str
    higher_is_better: bool
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class PaperTable:
    """Methods against columns, in the order given."""

    methods: tuple[str, ...]
    columns: tuple[Column, ...]
    notes: tuple[str, ...]
    caption: str
    protocol: str


def paper_table(comparison: Comparison, *, metrics: Sequence[str] = (), columns: Sequence[str] = ()) -> PaperTable:
    """Make the table of a comparison.

    Args:
        comparison: of two methods or more.
        metrics: names of metrics; all by default.
        columns: names of subsets, "all", or of costs; by default every subset and all.

    Raises:
        UsageError: there is no such metric or column.
    """
    known = {metric.name: metric for metric in comparison.metrics}
    costs = {cost.name: cost for cost in COSTS}
    chosen = [known[_among(name, known, "metric")] for name in metrics] or list(comparison.metrics)
    groups = [_among(name, [*comparison.subsets, *costs], "column") for name in columns] or list(comparison.subsets)
    made = [
        *(_column(comparison, metric, group) for group in groups if group not in costs for metric in chosen),
        *(_cost_column(comparison, costs[group]) for group in groups if group in costs),
    ]
    tested = any(cell.differs for column in made for cell in column.cells)
    return PaperTable(comparison.names, tuple(made), _notes(comparison, tested), _caption(comparison), _protocol(comparison))


def _column(comparison: Comparison, metric: MetricColumn, group: str) -> Column:
    values = [method.mean(metric.column, group) for method in comparison.in_order]
    ranks = places(values, metric.digits, higher_is_better=metric.higher_is_better)
    best = comparison.names[ranks.index(1)] if 1 in ranks else None
    worse = _significant(comparison, metric.column, group, best) if best is not None else set()
    cells = [
        Cell(value, metric.digits, place, differs=name in worse and place > 1)
        for name, value, place in zip(comparison.names, values, ranks, strict=True)
    ]
    return Column(group, metric.label, metric.name, metric.higher_is_better, tuple(cells))


def _cost_column(comparison: Comparison, cost: Cost) -> Column:
    values = [cost.value(method) for method in comparison.in_order]
    ranks = places(values, cost.digits, higher_is_better=False)
    cells = tuple(Cell(value, cost.digits, place) for value, place in zip(values, ranks, strict=True))
    return Column("cost", cost.label, cost.name, higher_is_better=False, cells=cells)


def places(values: Sequence[float | None], digits: int, *, higher_is_better: bool) -> list[int]:
    """Return the place of each value, 1 for the best, by the digits shown; unknown values have the last."""
    shown = [None if value is None else round(value, digits) * (1 if higher_is_better else -1) for value in values]
    ranked = sorted({value for value in shown if value is not None}, reverse=True)
    return [len(values) + 1 if value is None else ranked.index(value) + 1 for value in shown]


def _significant(comparison: Comparison, metric: str, group: str, best: str) -> set[str]:
    """The methods that differ from the best: Wilcoxon's test, p-values corrected for their number after Holm (1979)."""
    others = [name for name in comparison.names if name != best]
    found = [(name, comparison.contrast(name, best, metric, group)) for name in others]
    tested = sorted((r.p_wilcoxon, name) for name, r in found if r and r.p_wilcoxon is not None and (r.mean or 0) < 0)
    worse = set()
    for index, (p, name) in enumerate(tested):
        if p * (len(others) - index) >= SIGNIFICANT:
            break
        worse.add(name)
    return worse


def _notes(comparison: Comparison, tested: bool) -> tuple[str, ...]:
    test = (
        f"*: worse than the best of its column (p < {SIGNIFICANT}; Wilcoxon signed-rank test over scenes, two-sided, "
        "corrected after Holm).",
    )
    return ("Best in bold, second best underlined.", *(test if tested else ()), *comparison.notes)


def _caption(comparison: Comparison) -> str:
    units = [f", {metric.label} in {metric.unit}" for metric in comparison.metrics if metric.unit]
    return f"Means over {counted(comparison.scored, 'scene')}{''.join(units)}."


def _protocol(comparison: Comparison) -> str:
    return f"Metric protocol: {', '.join(sorted({method.protocol for method in comparison.methods}))}."


def _among(name: str, known: Sequence[str] | dict[str, MetricColumn], what: str) -> str:
    if name in known:
        return name
    raise UsageError(f"There is no {what} {name!r} here: there are {', '.join(known)}.{did_you_mean(name, known)}")
