"""Runs over the same scenes, compared pair by pair: a pure function from runs to numbers.

The first run is the baseline, and every other run is set against it. Only scenes that all runs restored take part; only those
that all runs scored take part in scores. A scene that any run restored without error (PSNR +inf) is left out of the mean PSNR
of all runs, so that means stay over one and the same set of scenes; it counts among wins, losses and ties.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dpdeblur.transforms.records import Score, UsageError
from dpdeblur.transforms.scoring.comparability import Table, count, input_notes, left_out_notes, names_of, protocol_notes
from dpdeblur.transforms.scoring.paired import Paired, finite_mean, paired
from dpdeblur.transforms.tables.results import Run

METRICS = {"psnr_db": 1, "ssim": 1, "mae": -1}  # which way is better


@dataclass(frozen=True, slots=True)
class Entry:
    """One run over the shared scenes.

    Attributes:
        name: of the run's folder; `folder` in full.
        model, backend, protocol, threads, concurrency: as in its tables; several values are joined by commas.
        restored, failed: scenes in the run's own tables.
        left_out: scenes it restored that another run did not.
        psnr_db, ssim, mae: means over the scored scenes; None without any.
        input_psnr_db: the mean of the unprocessed pictures.
        cpu_s: mean over scenes of wall time of the model times its threads, in seconds: what one picture costs in CPU time.
        inference_p50_ms: median wall time of the model.
        ms_per_megapixel: total wall time of the model over total megapixels. These three are None where pictures that somebody
            else restored were scored: their cost is not known.
        front: its cost is known, and no other run is at least as good and as cheap, and better in one of the two.
    """

    name: str
    folder: str
    model: str
    backend: str
    protocol: str
    threads: str
    concurrency: str
    restored: int
    failed: int
    left_out: int
    psnr_db: float | None
    ssim: float | None
    mae: float | None
    input_psnr_db: float | None
    cpu_s: float | None
    inference_p50_ms: float | None
    ms_per_megapixel: float | None
    front: bool = False


@dataclass(frozen=True, slots=True)
class Contrast:
    """One run against the baseline, by one metric, over one subset; a positive mean is better (MAE is turned round)."""

    run: str
    baseline: str
    metric: str
    subset: str
    result: Paired


@dataclass(frozen=True, slots=True)
class SceneRow:
    """One shared scene: PSNR, SSIM and inference time of each run, in the order of `Comparison.names`."""

    scene_id: str
    subset: str
    psnr_db: tuple[float | None, ...]
    ssim: tuple[float | None, ...]
    inference_ms: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What several runs say of each other.

    Attributes:
        names: the runs as given; the first is the baseline.
        entries: ranked as the challenge ranks, by PSNR and then by SSIM.
        contrasts: each run but the first against the first: every metric, all scenes and each subset.
        scenes: the shared ones, by name.
        shared, scored: how many scenes all runs restored, and scored.
        notes: what a reader must know.
    """

    names: tuple[str, ...]
    entries: tuple[Entry, ...]
    contrasts: tuple[Contrast, ...]
    scenes: tuple[SceneRow, ...]
    shared: int
    scored: int
    notes: tuple[str, ...]


def compare(runs: Sequence[Run], *, any_protocol: bool = False) -> Comparison:
    """Compare runs over the scenes that all of them restored.

    Args:
        runs: two or more; the first is the baseline.
        any_protocol: compare scores of different metric protocols all the same, and say so.

    Raises:
        UsageError: fewer than two runs, no shared scene, or scores that were computed differently.
    """
    names = names_of(runs)
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
    finite = [scene for scene in scored if all(math.isfinite(table[scene].psnr_db or 0.0) for table in tables)]
    if len(finite) < len(scored):
        notes.append(
            f"Left out of every mean PSNR, as it is infinite in some run: {count(len(scored) - len(finite), 'scene')}. "
            "Wins, losses and ties count all."
        )
    entries = [_entry(name, run, table, shared, scored, finite) for name, run, table in zip(names, runs, tables, strict=True)]
    rows = [_row(scene, tables) for scene in shared]
    return Comparison(
        names=tuple(names),
        entries=tuple(sorted(with_front(entries), key=_rank)) if scored else tuple(entries),
        contrasts=tuple(_contrasts(names, tables, scored)),
        scenes=tuple(rows),
        shared=len(shared),
        scored=len(scored),
        notes=tuple(notes),
    )


def difference(scene: SceneRow, index: int) -> float | None:
    """PSNR of run `index` less that of the first; 0 where both are infinite, None where one has none."""
    first, second = scene.psnr_db[0], scene.psnr_db[index]
    if first is None or second is None:
        return None
    return 0.0 if first == second else second - first


def with_front(entries: Sequence[Entry]) -> list[Entry]:
    """The entries, with those on the Pareto front of PSNR and CPU time marked."""
    known = [entry for entry in entries if entry.cpu_s is not None]
    return [replace(entry, front=entry in known and not any(_dominates(other, entry) for other in known)) for entry in entries]


def _dominates(other: Entry, entry: Entry) -> bool:
    mine, theirs = (e.psnr_db if e.psnr_db is not None else -math.inf for e in (entry, other))
    cost, their_cost = (e.cpu_s or 0.0 for e in (entry, other))
    return theirs >= mine and their_cost <= cost and (theirs > mine or their_cost < cost)


def _rank(entry: Entry) -> tuple[float, float]:
    psnr, ssim = (-math.inf if value is None else value for value in (entry.psnr_db, entry.ssim))
    return -psnr, -ssim


def _entry(name: str, run: Run, table: Table, shared: Sequence[str], scored: Sequence[str], finite: Sequence[str]) -> Entry:
    rows = [table[scene] for scene in shared]
    psnr = [table[scene].psnr_db or 0.0 for scene in finite]
    inferred = all(row.intra_op_threads for row in rows)
    return Entry(
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
        psnr_db=finite_mean(psnr)[0] if finite else math.inf if scored else None,
        ssim=_mean(table, scored, "ssim"),
        mae=_mean(table, scored, "mae"),
        input_psnr_db=_mean(table, scored, "input_psnr_db"),
        cpu_s=float(np.mean([row.inference_ms * row.intra_op_threads for row in rows])) / 1e3 if inferred else None,
        inference_p50_ms=float(np.median([row.inference_ms for row in rows])) if inferred else None,
        ms_per_megapixel=sum(row.inference_ms for row in rows) / sum(row.megapixels for row in rows) if inferred else None,
    )


def _mean(table: Table, scenes: Sequence[str], key: str) -> float | None:
    return finite_mean([value for scene in scenes if (value := getattr(table[scene], key)) is not None])[0]


def _several(rows: Sequence[Score], key: str) -> str:
    return ", ".join(sorted({str(getattr(row, key)) for row in rows}))


def _contrasts(names: Sequence[str], tables: Sequence[Table], scored: Sequence[str]) -> list[Contrast]:
    subsets = sorted({tables[0][scene].subset for scene in scored})
    groups = {"all": scored}
    if len(subsets) > 1:
        groups |= {subset or "(none)": [scene for scene in scored if tables[0][scene].subset == subset] for subset in subsets}
    return [
        Contrast(name, names[0], metric, group, _paired(tables[0], table, scenes, metric))
        for name, table in zip(names[1:], tables[1:], strict=True)
        for metric in METRICS
        for group, scenes in groups.items()
        if scenes
    ]


def _paired(first: Table, second: Table, scenes: Sequence[str], metric: str) -> Paired:
    sign = METRICS[metric]
    before, after = ([sign * float(getattr(table[scene], metric)) for scene in scenes] for table in (first, second))
    return paired(before, after)


def _row(scene: str, tables: Sequence[Table]) -> SceneRow:
    found = [table[scene] for table in tables]
    return SceneRow(
        scene_id=scene,
        subset=found[0].subset,
        psnr_db=tuple(score.psnr_db for score in found),
        ssim=tuple(score.ssim for score in found),
        inference_ms=tuple(score.inference_ms for score in found),
    )
