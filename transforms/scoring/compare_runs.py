"""Methods over the same scenes, compared pair by pair: a pure function from runs to numbers.

Each run stands for one method. Only scenes that all runs restored take part; only those that all runs scored take part in
scores. A scene that any run restored without error (PSNR +inf) is left out of the mean PSNR of all, so that means stay over
one and the same set of scenes; it counts among wins, losses and ties.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np

from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.records import Score
from dpdeblur.transforms.scoring.comparability import Rows, input_notes, left_out_notes, names_of, protocol_notes
from dpdeblur.transforms.scoring.comparison import (
    ALL,
    METRICS,
    MORE_METRICS,
    Comparison,
    Contrast,
    MethodSummary,
    MetricColumn,
    SceneRow,
)
from dpdeblur.transforms.scoring.paired import Paired, finite_mean, paired
from dpdeblur.transforms.tables.results import Run
from dpdeblur.transforms.wording import counted


def compare_runs(runs: Sequence[Run], *, names: Sequence[str] | None = None, any_protocol: bool = False) -> Comparison:
    """Compare runs over the scenes that all of them restored.

    Args:
        runs: two or more; the first is the baseline.
        names: what to call them; by default their methods' names, or their folders' where these do not tell them apart.
        any_protocol: compare scores of different metric protocols all the same, and say so.

    Returns:
        The comparison.

    Raises:
        UsageError: fewer than two runs, no shared scene, or scores that were computed differently.
    """
    names = names_of(runs, names)
    tables = [{score.scene_id: score for score in run.scores} for run in runs]
    shared = sorted(set(tables[0]).intersection(*tables[1:]))
    if not shared:
        raise UsageError(f"No scene was restored by all of {', '.join(names)}. Compare runs over the same collection.")
    scored = [scene for scene in shared if all(table[scene].psnr_db is not None for table in tables)]
    notes = [
        *protocol_notes(names, tables, scored, any_protocol=any_protocol),
        *left_out_notes(names, tables, shared, scored),
        *input_notes(tables, scored),
    ]
    infinite = {scene for scene in scored if any(math.isinf(table[scene].psnr_db or 0.0) for table in tables)}
    if infinite:
        notes.append(
            f"Left out of every mean PSNR, as it is infinite in some run: {counted(len(infinite), 'scene')}. "
            "Wins, losses and ties count all."
        )
    groups = _groups(tables[0], scored)
    more = (m for m in MORE_METRICS if all(getattr(table[scene], m.column) is not None for table in tables for scene in scored))
    metrics = (*METRICS, *(more if scored else ()))
    methods = [
        _summary(name, run, table, shared, groups, metrics, infinite)
        for name, run, table in zip(names, runs, tables, strict=True)
    ]
    return Comparison(
        names=tuple(names),
        metrics=metrics,
        methods=tuple(sorted(with_front(methods), key=_rank)) if scored else tuple(methods),
        subsets=tuple(groups),
        contrasts=tuple(_contrasts(names, tables, groups, metrics)),
        scenes=tuple(_row(scene, tables) for scene in shared),
        shared=len(shared),
        scored=len(scored),
        notes=tuple(notes),
    )


def with_front(methods: Sequence[MethodSummary]) -> list[MethodSummary]:
    """Return the methods, with those on the Pareto front of PSNR and CPU time marked."""
    known = [method for method in methods if method.cpu_s is not None]
    return [replace(one, front=one in known and not any(_dominates(other, one) for other in known)) for one in methods]


def _dominates(other: MethodSummary, method: MethodSummary) -> bool:
    mine, theirs = (-math.inf if (psnr := one.mean("psnr_db")) is None else psnr for one in (method, other))
    cost, their_cost = (one.cpu_s or 0.0 for one in (method, other))
    return theirs >= mine and their_cost <= cost and (theirs > mine or their_cost < cost)


def _rank(method: MethodSummary) -> tuple[float, float]:
    psnr, ssim = (-math.inf if (mean := method.mean(name)) is None else mean for name in ("psnr_db", "ssim"))
    return -psnr, -ssim


def _groups(first: Rows, scored: Sequence[str]) -> dict[str, Sequence[str]]:
    """The scored scenes of each subset, where there are several, and all of them."""
    subsets = sorted({first[scene].subset for scene in scored})
    several = subsets if len(subsets) > 1 else []
    return {
        **{subset or "(none)": [scene for scene in scored if first[scene].subset == subset] for subset in several},
        ALL: scored,
    }


def _summary(
    name: str,
    run: Run,
    table: Rows,
    shared: Sequence[str],
    groups: Mapping[str, Sequence[str]],
    metrics: Sequence[MetricColumn],
    infinite: set[str],
) -> MethodSummary:
    rows = [table[scene] for scene in shared]
    inferred = all(row.intra_op_threads for row in rows)
    means = {
        metric.column: {subset: _mean(table, scenes, metric.column, infinite) for subset, scenes in groups.items()}
        for metric in metrics
    }
    return MethodSummary(
        name=name,
        folder=run.folder,
        model=_several(rows, "model"),
        backend=_several(rows, "backend"),
        protocol=_several(rows, "protocol"),
        threads=_several(rows, "intra_op_threads"),
        concurrency=_several(rows, "concurrency"),
        restored=run.metrics.num_rows,
        failed=run.failures.num_rows,
        left_out=run.metrics.num_rows - len(shared),
        means=means,
        input_psnr_db=_mean(table, groups[ALL], "input_psnr_db", set()),
        cpu_s=float(np.mean([row.inference_ms * row.intra_op_threads for row in rows])) / 1e3 if inferred else None,
        inference_p50_ms=float(np.median([row.inference_ms for row in rows])) if inferred else None,
        ms_per_megapixel=sum(row.inference_ms for row in rows) / sum(row.megapixels for row in rows) if inferred else None,
    )


def _mean(table: Rows, scenes: Sequence[str], column: str, infinite: set[str]) -> float | None:
    """The mean of a column; of PSNR without the scenes that are infinite somewhere, and infinite where all are."""
    kept = [scene for scene in scenes if column != "psnr_db" or scene not in infinite]
    if scenes and not kept:
        return math.inf
    return finite_mean([value for scene in kept if (value := getattr(table[scene], column)) is not None])[0]


def _several(rows: Sequence[Score], key: str) -> str:
    return ", ".join(sorted({str(getattr(row, key)) for row in rows}))


def _contrasts(
    names: Sequence[str], tables: Sequence[Rows], groups: Mapping[str, Sequence[str]], metrics: Sequence[MetricColumn]
) -> list[Contrast]:
    pairs = list(combinations(zip(names, tables, strict=True), 2))
    return [
        Contrast(name, baseline, metric.column, subset, _paired(first, second, scenes, metric))
        for (baseline, first), (name, second) in pairs
        for metric in metrics
        for subset, scenes in sorted(groups.items(), key=lambda group: group[0] != ALL)
        if scenes
    ]


def _paired(first: Rows, second: Rows, scenes: Sequence[str], metric: MetricColumn) -> Paired:
    before, after = (
        [metric.sign * float(getattr(table[scene], metric.column)) for scene in scenes] for table in (first, second)
    )
    return paired(before, after)


def _row(scene: str, tables: Sequence[Rows]) -> SceneRow:
    found = [table[scene] for table in tables]
    return SceneRow(
        scene_id=scene,
        subset=found[0].subset,
        psnr_db=tuple(score.psnr_db for score in found),
        ssim=tuple(score.ssim for score in found),
        inference_ms=tuple(score.inference_ms if score.intra_op_threads else None for score in found),
    )
