"""Statistics of a part of a run as JSON, so that the parts of all workers can be merged."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from typing import Any

from dpdeblur.transforms.tables.sketch import Sketch
from dpdeblur.transforms.tables.statistics import Cause, Gains, Quality, RunStatistics


def to_json(statistics: RunStatistics) -> dict[str, Any]:
    """Return statistics in a form that JSON can hold: dictionaries whose keys are not text become lists of pairs."""
    return {
        "quality": {name: _columns(quality) for name, quality in statistics.quality.items()},
        "failed": statistics.failed,
        "failed_since": statistics.failed_since,
        "gains": dataclasses.asdict(statistics.gains),
        "causes": [(kind, dataclasses.asdict(cause)) for kind, cause in statistics.causes.items()],
        "protocols": sorted(statistics.protocols),
        "against_lossy_targets": statistics.against_lossy_targets,
        "times": [
            (group, {**dataclasses.asdict(sketch), "buckets": list(sketch.buckets.items())})
            for group, sketch in statistics.times.items()
        ],
    }


def from_json(content: dict[str, Any]) -> RunStatistics:
    """Return the statistics that `to_json` was given."""
    return RunStatistics(
        quality={name: _quality(quality) for name, quality in content["quality"].items()},
        failed=content["failed"],
        failed_since=content["failed_since"],
        gains=Gains(**content["gains"]),
        causes={(stage, error): Cause(**cause) for (stage, error), cause in content["causes"]},
        protocols=set(content["protocols"]),
        against_lossy_targets=content["against_lossy_targets"],
        times={tuple(group): _sketch(sketch) for group, sketch in content["times"]},
    )


def _columns(quality: Quality) -> dict[str, Any]:
    return {column.name: getattr(quality, column.name) for column in dataclasses.fields(quality)}


def _quality(content: dict[str, Any]) -> Quality:
    by_column = ("measured", "finite", "total", "infinite")
    counted = {name: defaultdict(float if name == "total" else int, content[name]) for name in by_column}
    return Quality(content["restored"], content["scored"], **counted)


def _sketch(content: dict[str, Any]) -> Sketch:
    return Sketch(**{**content, "buckets": {int(bucket): times for bucket, times in content["buckets"]}})
