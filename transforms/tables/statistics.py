"""Statistics of a run's tables, computed file by file and merged, so that only one file is in memory at a time."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dpdeblur.transforms.records import Latency, Score
from dpdeblur.transforms.tables.sketch import STAGES, Group, Sketch, latency_row

_COLUMNS = tuple(column.name for column in dataclasses.fields(Score))
SCORES = tuple(name for name in _COLUMNS if f"input_{name}" in _COLUMNS)
"""Columns of the metrics table that have a counterpart `input_…`, for the unprocessed picture."""
LOSS_DB = 0.1  # PSNR below that of the unprocessed picture: less is noise


@dataclass(slots=True)
class Quality:
    """Scores of a group of scenes.

    Attributes:
        restored: scenes.
        scored: those of them that have a target.
        measured: of the scored, how many have a value, by column.
        finite: of these, how many are finite.
        total: sum of the finite ones.
        infinite: how many are infinite: pictures that equal their target.
    """

    restored: int = 0
    scored: int = 0
    measured: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    finite: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    total: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    infinite: dict[str, int] = field(default_factory=lambda: defaultdict(int))

    def add(self, metrics: pa.Table) -> None:
        """Add rows of the metrics table."""
        scored = metrics.filter(pc.is_valid(metrics["psnr_db"]))
        self.restored += metrics.num_rows
        self.scored += scored.num_rows
        for name in (column for score in SCORES for column in (score, f"input_{score}")):
            column = scored[name]
            finite = column.filter(pc.is_finite(column))
            self.measured[name] += len(column) - column.null_count
            self.finite[name] += len(finite)
            self.total[name] += pc.sum(finite).as_py() or 0.0
            self.infinite[name] += pc.sum(pc.is_inf(column)).as_py() or 0

    def merge(self, other: Quality) -> None:
        """Add the scores of other scenes."""
        self.restored += other.restored
        self.scored += other.scored
        for name in ("measured", "finite", "total", "infinite"):
            mine: dict[str, float] = getattr(self, name)
            for column, value in getattr(other, name).items():
                mine[column] += value

    def mean(self, column: str) -> float | None:
        """Return the mean of the finite values of a column; None if there are none."""
        return self.total[column] / self.finite[column] if self.finite[column] else None


@dataclass(slots=True)
class Gains:
    """PSNR of the restored pictures less that of the unprocessed ones.

    Attributes:
        worse: scenes that lost more than `LOSS_DB`.
        count: scenes with a finite gain.
        total_db: sum of these gains.
        inferred: whether a model of this run restored a scene.
    """

    worse: int = 0
    count: int = 0
    total_db: float = 0.0
    inferred: bool = False

    def add(self, metrics: pa.Table) -> None:
        """Add rows of the metrics table."""
        after, before = (metrics[name].to_numpy() for name in ("psnr_db", "input_psnr_db"))  # NaN where there is no score
        known = np.isfinite(after) & np.isfinite(before)
        gains = after[known] - before[known]
        self.worse += int((gains < -LOSS_DB).sum())
        self.count += len(gains)
        self.total_db += float(gains.sum())
        self.inferred |= bool(pc.max(metrics["intra_op_threads"]).as_py())

    def merge(self, other: Gains) -> None:
        """Add the gains of other scenes."""
        self.worse += other.worse
        self.count += other.count
        self.total_db += other.total_db
        self.inferred |= other.inferred


@dataclass(slots=True)
class Cause:
    """Scenes that failed for the same reason: how many, and the first of them by id, with its message."""

    scenes: int
    scene_id: str
    message: str


@dataclass(slots=True)
class RunStatistics:
    """Statistics of a run as a whole.

    Attributes:
        quality: of all scenes, under the empty name, and of each subset.
        failed: how many scenes failed.
        failed_since: how many of them were restored before: their files are no longer all there, and their score stays.
        gains: over the unprocessed pictures.
        causes: the failures, by stage and type of error.
        protocols: signatures of the metric protocols.
        against_lossy_targets: scenes scored against a target from a lossy file.
        times: sketches of the stages' milliseconds, by group.
    """

    quality: dict[str, Quality] = field(default_factory=lambda: {"": Quality()})
    failed: int = 0
    failed_since: int = 0
    gains: Gains = field(default_factory=Gains)
    causes: dict[tuple[str, str], Cause] = field(default_factory=dict)
    protocols: set[str] = field(default_factory=set)
    against_lossy_targets: int = 0
    times: dict[Group, Sketch] = field(default_factory=dict)

    @property
    def scores(self) -> int:
        """Return how many rows of scores there are."""
        return self.quality[""].restored

    @property
    def restored(self) -> int:
        """Return how many scenes were restored, and have not failed since."""
        return self.scores - self.failed_since

    @property
    def scenes(self) -> int:
        """Return how many scenes the run has finished, well or not."""
        return self.restored + self.failed

    def add(self, metrics: pa.Table, failures: pa.Table) -> None:
        """Add all rows of some scenes."""
        self.failed_since += pc.sum(pc.is_in(failures["scene_id"], value_set=metrics["scene_id"])).as_py() or 0
        self.add_metrics(metrics)
        self.add_failures(failures)

    def add_metrics(self, metrics: pa.Table) -> None:
        """Add rows of the metrics table."""
        self.gains.add(metrics)
        self.quality[""].add(metrics)
        for name in filter(None, pc.unique(metrics["subset"]).to_pylist()):
            self.quality.setdefault(name, Quality()).add(metrics.filter(pc.equal(metrics["subset"], name)))
        self.protocols |= set(pc.unique(metrics["protocol"]).to_pylist())
        lossy = pc.match_substring_regex(metrics["source_lossy"], r"\btarget\b")
        self.against_lossy_targets += pc.sum(pc.and_(lossy, pc.is_valid(metrics["psnr_db"]))).as_py() or 0
        for group, sketch in sketches_of(metrics):
            self.times[group] = self.times[group].merge(sketch) if group in self.times else sketch

    def add_failures(self, failures: pa.Table) -> None:
        """Add rows of the failures table."""
        self.failed += failures.num_rows
        alike = failures.sort_by("scene_id").group_by(["stage", "error_type"], use_threads=False)
        for row in alike.aggregate([("scene_id", "count"), ("scene_id", "first"), ("message", "first")]).to_pylist():
            cause = Cause(row["scene_id_count"], row["scene_id_first"], row["message_first"])
            self._add_cause((row["stage"], row["error_type"]), cause)

    def merge(self, other: RunStatistics) -> None:
        """Add the statistics of other scenes."""
        for name, quality in other.quality.items():
            self.quality.setdefault(name, Quality()).merge(quality)
        self.failed += other.failed
        self.failed_since += other.failed_since
        self.gains.merge(other.gains)
        for kind, cause in other.causes.items():
            self._add_cause(kind, cause)
        self.protocols |= other.protocols
        self.against_lossy_targets += other.against_lossy_targets
        for group, sketch in other.times.items():
            self.times[group] = self.times[group].merge(sketch) if group in self.times else sketch

    def _add_cause(self, kind: tuple[str, str], more: Cause) -> None:
        cause = self.causes.setdefault(kind, Cause(0, more.scene_id, more.message))
        cause.scenes += more.scenes
        if more.scene_id < cause.scene_id:
            cause.scene_id, cause.message = more.scene_id, more.message

    def latency(self) -> list[Latency]:
        """Return the rows of `latency.parquet`, in the order of that table."""
        rows = [latency_row(group, sketch) for group, sketch in self.times.items()]
        return sorted(rows, key=lambda row: (row.group_by, row.group, row.stage))


def sketches_of(metrics: pa.Table) -> Iterator[tuple[Group, Sketch]]:
    """Yield the times of rows of the metrics table, by group, as `sketch.sketches` does of single rows."""
    if not metrics.num_rows:
        return
    times = {stage: metrics[f"{stage}_ms"].to_numpy() for stage in STAGES}
    times["total"] = np.sum([times[stage] for stage in STAGES], axis=0)
    megapixels = metrics["megapixels"].to_numpy()
    sizes = pc.binary_join_element_wise(*(metrics[name].cast(pa.string()) for name in ("width", "height")), "x")
    for group_by, names in (("all", None), ("size", sizes), ("subset", metrics["subset"])):
        for group, rows in _rows_by_name(names, metrics.num_rows):
            if group or group_by == "all":
                for stage, values in times.items():
                    yield (stage, group_by, group), Sketch.of(values[rows], megapixels[rows])


def _rows_by_name(names: pa.ChunkedArray | None, count: int) -> Iterator[tuple[str, NDArray[np.int64]]]:
    """Yield each name with the numbers of its rows; all rows under an empty name where there are no names."""
    if names is None:
        yield "", np.arange(count)
        return
    encoded = names.combine_chunks().dictionary_encode()
    codes = encoded.indices.to_numpy()
    order = np.argsort(codes, kind="stable")
    ends = np.cumsum(np.bincount(codes, minlength=len(encoded.dictionary)))
    yield from zip(encoded.dictionary.to_pylist(), np.split(order, ends[:-1]), strict=True)
