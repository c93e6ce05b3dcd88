"""Mergeable sketches of times: merged parts equal the sketch of the whole; and the latency statistics made from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from dpdeblur.transforms.records import Latency, Score, WindowLatency
from dpdeblur.transforms.tables.schemas import from_table

STAGES = ("read", "decode", "inference", "score", "write")
ACCURACY = 5e-4  # of a quantile, relative
_LOG_GAMMA = math.log((1 + ACCURACY) / (1 - ACCURACY))
_RESOLUTION_MS = 1e-6  # of the clock
_ZERO = -(2**31)  # bucket of times below it


@dataclass(slots=True)
class Sketch:
    """Count, mean, spread, extremes and quantiles of a set of times; merging in any order gives the same.

    Mean and squared deviations are updated and merged after Chan, Golub & LeVeque (1979). Quantiles come from buckets whose
    borders grow geometrically, so that each is known within a relative `ACCURACY` (DDSketch: Masson, Rim & Lee, VLDB 2019).
    """

    count: int = 0
    mean: float = 0.0
    squares: float = 0.0
    low: float = math.inf
    high: float = -math.inf
    megapixels: float = 0.0
    buckets: dict[int, int] = field(default_factory=dict)

    def add(self, ms: float, megapixels: float) -> Sketch:
        """Add one more time, in milliseconds and at least 0, of a picture of so many megapixels; returns itself."""
        self.count += 1
        shift = ms - self.mean
        self.mean += shift / self.count
        self.squares += shift * (ms - self.mean)
        self.low, self.high = min(self.low, ms), max(self.high, ms)
        self.megapixels += megapixels
        bucket = _bucket(ms)
        self.buckets[bucket] = self.buckets.get(bucket, 0) + 1
        return self

    @classmethod
    def of(cls, ms: NDArray[np.float64], megapixels: NDArray[np.float64]) -> Sketch:
        """Return the sketch of many times at once, as `add` makes it of one after the other.

        Args:
            ms: times in milliseconds, at least 0; not empty.
            megapixels: of the picture of each.
        """
        mean = float(ms.mean())
        logs = np.log(ms, where=ms > _RESOLUTION_MS, out=np.full_like(ms, -np.inf, dtype=np.float64)) / _LOG_GAMMA
        numbers, counts = np.unique(np.where(np.isneginf(logs), _ZERO, np.ceil(logs)).astype(np.int64), return_counts=True)
        return cls(
            len(ms),
            mean,
            float(np.square(ms - mean).sum()),
            float(ms.min()),
            float(ms.max()),
            float(megapixels.sum()),
            dict(zip(numbers.tolist(), counts.tolist(), strict=True)),
        )

    def merge(self, other: Sketch) -> Sketch:
        """Return both sets together, as a new sketch."""
        count = self.count + other.count
        if not self.count or not other.count:
            return self if self.count else other
        shift = other.mean - self.mean
        buckets = dict(self.buckets)
        for bucket, times in other.buckets.items():
            buckets[bucket] = buckets.get(bucket, 0) + times
        return Sketch(
            count,
            self.mean + shift * other.count / count,
            self.squares + other.squares + shift * shift * self.count * other.count / count,
            min(self.low, other.low),
            max(self.high, other.high),
            self.megapixels + other.megapixels,
            buckets,
        )

    def quantile(self, q: float) -> float:
        """Return the smallest time that a share `q` of the set does not exceed, within a relative `ACCURACY`.

        Raises:
            ValueError: the set is empty.
        """
        rank, seen = max(1, math.ceil(q * self.count)), 0
        for bucket in sorted(self.buckets):
            seen += self.buckets[bucket]
            if seen >= rank:
                return min(max(_middle(bucket), self.low), self.high)
        raise ValueError("an empty set has no quantiles")


def _bucket(ms: float) -> int:
    return math.ceil(math.log(ms) / _LOG_GAMMA) if ms > _RESOLUTION_MS else _ZERO


def _middle(bucket: int) -> float:
    return 0.0 if bucket == _ZERO else 2 * math.exp(bucket * _LOG_GAMMA) / (math.exp(_LOG_GAMMA) + 1)


Group = tuple[str, str, str]  # stage, group_by, group


def timings(score: Score) -> Iterator[tuple[Group, tuple[float, float]]]:
    """Return the times of one row, in milliseconds with its megapixels, for every group that it belongs to."""
    groups = [("all", ""), ("size", f"{score.width}x{score.height}")]
    if score.subset:
        groups.append(("subset", score.subset))
    times = {stage: float(getattr(score, f"{stage}_ms")) for stage in STAGES}
    times["total"] = sum(times.values())
    for stage, ms in times.items():
        for group_by, group in groups:
            yield (stage, group_by, group), (ms, score.megapixels)


def sketches(scores: Iterable[Score]) -> dict[Group, Sketch]:
    """Return the times of rows, by group: what `LatencyStatistics` computes in parts."""
    found: dict[Group, Sketch] = {}
    for score in scores:
        for group, (ms, megapixels) in timings(score):
            found.setdefault(group, Sketch()).add(ms, megapixels)
    return found


def latency_row(group: Group, sketch: Sketch) -> Latency:
    """Return the statistics of one group as a row of `latency.parquet`."""
    return Latency(
        stage=group[0],
        group_by=group[1],
        group=group[2],
        count=sketch.count,
        mean_ms=sketch.mean,
        std_ms=math.sqrt(sketch.squares / (sketch.count - 1)) if sketch.count > 1 else 0.0,
        min_ms=sketch.low,
        p50_ms=sketch.quantile(0.50),
        p90_ms=sketch.quantile(0.90),
        p95_ms=sketch.quantile(0.95),
        p99_ms=sketch.quantile(0.99),
        max_ms=sketch.high,
        mean_ms_per_megapixel=sketch.mean * sketch.count / sketch.megapixels,
    )


def window_rows(scores: pa.Table, start: float, window_s: float) -> Iterator[WindowLatency]:
    """Latency statistics and throughput of one window, for every group of scenes in it.

    Args:
        scores: rows of the metrics table, those of other times among them.
        start: begin of the window, in seconds since 1970.
        window_s: its length in seconds.
    """
    time = scores["finished_at"]
    inside = pc.and_(pc.greater_equal(time, _scalar(start, time.type)), pc.less(time, _scalar(start + window_s, time.type)))
    for group, sketch in sketches(from_table(scores.filter(inside), Score)).items():
        yield WindowLatency(
            **asdict(latency_row(group, sketch)),
            window_start=utc(start),
            window_s=window_s,
            scenes_per_s=sketch.count / window_s,
            megapixels_per_s=sketch.megapixels / window_s,
        )


def utc(seconds: float) -> datetime:
    """Return a time that is given in seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def _scalar(seconds: float, kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(utc(seconds), kind)
