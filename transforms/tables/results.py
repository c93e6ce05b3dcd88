"""Reading a run folder back: its tables as Arrow, its manifest and its summary.

    from dpdeblur.transforms.tables.results import read_run

    run = read_run("RUN")
    run.metrics.to_pandas()

A run folder is what `dpdeblur deblur` and `dpdeblur score` leave behind; `docs/schema.md` lists the columns.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dpdeblur.transforms.records import Failure, Latency, Member, Score, Source, UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.parquet import DamagedTableError, OtherVersionError, count_rows, read_table, read_tables
from dpdeblur.transforms.tables.schemas import from_table
from dpdeblur.transforms.wording import cause_of

_AFRESH = "Run again into an empty folder."
_REPAIR = "Run the same command again: it restores only what is lost."


@dataclass(frozen=True)
class Run:
    """One finished run.

    Attributes:
        folder: where it is, as given.
        metrics, failures, latency: its tables, with the columns of `Score`, `Failure` and `Latency`; metrics and failures
            are sorted by scene_id.
        manifest: what was run: command, options, versions, model, machine, times.
        summary: the numbers of the run as a whole.
        sampled: whether metrics and failures are samples of larger tables; see `read_sample`.
    """

    folder: str
    metrics: pa.Table
    failures: pa.Table
    latency: pa.Table
    manifest: dict[str, Any]
    summary: dict[str, Any]
    sampled: bool = False

    @property
    def failed(self) -> int:
        """Return how many scenes failed."""
        return int(self.summary["scenes"]["failed"]) if self.sampled else int(self.failures.num_rows)

    @property
    def scenes(self) -> int:
        """Return how many scenes the run knows, restored or failed."""
        if self.sampled:
            return sum(self.summary["scenes"].values())
        return int(self.metrics.num_rows + self.failures.num_rows) - scored_and_failed(self.metrics, self.failures)

    @property
    def name(self) -> str:
        """Return the folder's own name."""
        return store.name(store.absolute(self.folder, resolve=True))

    @cached_property
    def scores(self) -> tuple[Score, ...]:
        """Return the rows of `metrics` as values."""
        return tuple(from_table(self.metrics, Score))

    def picture(self, score: Score) -> Source:
        """Return where the restored picture of a row is: a file, or a part of a shard. The run must have kept it."""
        place = store.relative_to(self.folder, str(score.image_path))
        return self._in_shards.get(score.scene_id) or Source(place)

    @cached_property
    def _in_shards(self) -> dict[str, Source]:
        return {member.scene_id: self.source_of(member) for member in self.members()}

    def members(self) -> Iterator[Member]:
        """Yield where each restored picture is that is in a shard, as the index says it, file by file."""
        if self.manifest.get("settings", {}).get("images") == "shards":
            for uri in store.files_in(store.join(self._images, "index"), "*.parquet"):
                yield from from_table(read_table(uri, Member), Member)

    def source_of(self, member: Member) -> Source:
        """Return the part of a shard that is a restored picture."""
        return Source(store.join(self._images, member.shard), member.offset, member.size)

    @property
    def _images(self) -> str:
        return self.manifest.get("settings", {}).get("images_output") or self.path("images")

    def parts(self, table: str) -> list[str]:
        """Return the files of a table, "metrics" or "failures"."""
        return store.files_in(self.path(table), "*.parquet")

    def path(self, relative: str) -> str:
        """Return the address of a file in the folder."""
        return store.join(self.folder, relative)


def read_run(folder: str | Path) -> Run:
    """Read a finished run.

    Args:
        folder: its path, or any URI that Beam's file systems open.

    Raises:
        UsageError: the folder is not there, is not a run, is of a run that has not finished, or mixes two runs.
    """
    return read_sample(folder, None)


def read_sample(folder: str | Path, most: int | None) -> Run:
    """Read a finished run; of tables with very many rows every n-th row of each file, one file in memory at a time.

    Args:
        folder: its path, or any URI that Beam's file systems open.
        most: how many rows of each table to read, about; None for all.

    Raises:
        UsageError: as `read_run`. That a run mixes two is seen only where all of it is read.
    """
    where = str(folder)
    try:
        store.require_folder(where)
    except OSError as error:
        raise UsageError(f"{cause_of(error)}: give the folder of a run, the --output of dpdeblur deblur.") from None
    if not store.files_in(where, "manifest.json"):
        raise UsageError(f"{where} is not the folder of a run: it has no manifest.json. Give the --output of dpdeblur deblur.")
    manifest = _json(where, "manifest.json", _REPAIR)
    if not manifest.get("finished") or not store.files_in(where, "summary.json"):
        raise UsageError(f"The run in {where} has not finished. Run the same command again: it resumes where it stopped.")
    steps = [_step(where, name, most) for name in ("metrics", "failures")]
    run = Run(
        folder=where,
        metrics=_table(where, Score, "metrics", "*.parquet", step=steps[0]).sort_by("scene_id"),
        failures=_table(where, Failure, "failures", "*.parquet", step=steps[1]).sort_by("scene_id"),
        latency=_table(where, Latency, "latency.parquet"),
        manifest=manifest,
        summary=_json(where, "summary.json", _REPAIR),
        sampled=max(steps) > 1,
    )
    if not run.sampled:
        _check_unique(run)
    return run


def _step(folder: str, table: str, most: int | None) -> int:
    """Return n, if every n-th row is to be read."""
    if most is None:
        return 1
    rows = sum(map(count_rows, store.files_in(store.join(folder, table), "*.parquet")))
    return max(1, -(-rows // most))


def scored_and_failed(metrics: pa.Table, failures: pa.Table) -> int:
    """Return how many scenes were restored once, and failed since because their files are no longer all there.

    Args:
        metrics: table of the scores, which keeps their rows.
        failures: table of the failures.
    """
    return int(pc.sum(pc.is_in(failures["scene_id"], value_set=metrics["scene_id"])).as_py() or 0)


def _check_unique(run: Run) -> None:
    tried = run.failures.filter(pc.not_equal(run.failures["stage"], "find"))
    for ids in ([run.metrics["scene_id"], tried["scene_id"]], [run.failures["scene_id"]]):
        rows = pc.value_counts(pa.chunked_array([chunk for column in ids for chunk in column.chunks], pa.string()))
        twice = rows.filter(pc.greater(rows.field("counts"), 1)).field("values")
        for scene_id in twice[:1].to_pylist():
            raise UsageError(f"{run.folder} mixes two runs: scene {scene_id!r} is in its tables twice. {_AFRESH}")


def _table(folder: str, row_type: type, *pattern: str, step: int = 1) -> pa.Table:
    files = store.files_in(store.join(folder, *pattern[:-1]), pattern[-1])
    if not files:
        raise UsageError(f"The run in {folder} is incomplete: {'/'.join(pattern)} is missing. {_REPAIR}")
    try:
        return read_tables(files, row_type, step)
    except OtherVersionError as error:
        raise UsageError(f"{error}. {_AFRESH}") from error
    except (DamagedTableError, OSError) as error:
        raise UsageError(f"{error}. {_REPAIR}") from error


def _json(folder: str, name: str, way_out: str) -> dict[str, Any]:
    where = store.join(folder, name)
    try:
        value = json.loads(store.read_whole(where) or b"")
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{where} is not readable as JSON ({error}). {way_out}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{where} is not the {name} of a run. {way_out}")
    return value
