"""The estimated time and cost of scenes on other machines, from times measured here."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dpdeblur.transforms.records import Latency
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.parquet import TableError, read_table


@dataclass(frozen=True, slots=True)
class SceneTime:
    """How long one scene takes.

    Attributes:
        seconds: from its first byte read to its last byte written.
        threads: cores that it keeps busy meanwhile.
        source: where the figure comes from, in words.
    """

    seconds: float
    threads: int
    source: str

    def wall_s(self, scenes: int, cores: int) -> float:
        """Return the time that scenes take on so many cores, in seconds: so many at once as fit, one round after another."""
        at_once = max(1, cores // self.threads)
        return math.ceil(scenes / at_once) * self.seconds

    def core_hours(self, scenes: int) -> float:
        """Return the hours of work of one core that scenes take."""
        return scenes * self.seconds * self.threads / 3600


def of_run(run: str, threads: int, megapixels: float) -> SceneTime | None:
    """Return the time of one scene as a run has measured it; None if its folder holds no latency statistics.

    Args:
        run: folder of the run.
        threads: that a scene used in it.
        megapixels: of the scenes to come; times grow with them.
    """
    uri = store.join(run, "latency.parquet")
    try:
        rows = read_table(uri, Latency).to_pylist()
    except (OSError, TableError):
        return None
    totals = [row for row in rows if (row["group_by"], row["stage"]) == ("all", "total") and row["mean_ms_per_megapixel"]]
    if not totals:
        return None
    per_megapixel = totals[0]["mean_ms_per_megapixel"]
    source = f"{totals[0]['count']} scenes in {uri}, {per_megapixel:.0f} ms/MP at {megapixels:.2f} MP"
    return SceneTime(per_megapixel * megapixels / 1e3, threads, source)
