"""Tables that grow while scenes arrive: each scene is entered once, however often an engine delivers it.

    RUN/metrics/2026-11-23T05.parquet    rows of the scenes finished in that hour, UTC
    RUN/failures/2026-11-23T05.parquet   likewise
    RUN/windows/2026-11-23T05.parquet    statistics of the windows that begin in that hour

An hour's file is written again, whole, whenever rows join it; so there is one file an hour, and never one a scene. What the
files say follows from the outcomes alone: telling the same ones again, in any order, changes nothing.

Of two outcomes of one scene the one with the higher revision counts: its files had changed. Of one revision a score counts
more than a failure, and of two scores, where a scene was done twice after a loss, the one finished later. No clock decides
which files are newer. One ledger may write at a time: a token in the folder says which, so that a job taken for dead cannot
write into the tables of the next.

A note says which windows are to be written before any row of theirs changes. Who finds it writes them: a kill between two
files leaves windows behind that the next `add` makes whole.
"""

from __future__ import annotations

import json
import uuid
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from dpdeblur.transforms.records import Failure, JobError, Latency, Outcome, Score, WindowLatency, now
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.parquet import TableError, read_table, write_table
from dpdeblur.transforms.tables.schemas import from_table, to_table
from dpdeblur.transforms.tables.sketch import latency_row, sketches, utc, window_rows

HOUR_S = 3600
_TOKEN = ".state/token"
_UNWRITTEN = ".state/unwritten-windows.json"
_ENTRY_COLUMNS = ["scene_id", "input_key", "revision", "finished_at"]
_ROWS: dict[str, type] = {"metrics": Score, "failures": Failure, "windows": WindowLatency}


class Done(NamedTuple):
    """What a finished scene depended on.

    Attributes:
        input_key: digest of its files and settings.
        revision: how often its files had changed before.
    """

    input_key: str
    revision: int = 0

    @classmethod
    def of(cls, outcome: Outcome) -> Done:
        """Return what an outcome depended on."""
        return cls(outcome.input_key, outcome.revision or 0)


@dataclass(frozen=True, slots=True)
class _Entry:
    """A scene in the tables: where its row is, and what it depended on."""

    table: str
    file: str
    done: Done
    finished_at: datetime

    def rank(self) -> tuple[int, bool, datetime]:
        """Return the rank that decides between two outcomes of one scene: the higher one counts."""
        return self.done.revision, self.table == "metrics", self.finished_at


class Ledger:
    """The growing tables of one run.

    Args:
        folder: of the run, a local path or a URI.
        window_s: length of the windows of the statistics, in seconds; whole windows make an hour.
        token: the right to write, from `take_over`.
    """

    def __init__(self, folder: str, window_s: float, token: str) -> None:
        self._folder, self._window_s, self._token = folder, window_s, token
        self._entries: dict[str, _Entry] = {}
        for table in ("metrics", "failures"):
            for uri in store.files_in(store.join(folder, table), "*.parquet"):
                file = uri.rsplit("/", 1)[-1]
                for row in self._read(table, file).select(_ENTRY_COLUMNS).to_pylist():
                    done = Done(row["input_key"], row["revision"] or 0)
                    self._entries[row["scene_id"]] = _Entry(table, file, done, row["finished_at"])
        self._unwritten = self._noted_windows()

    def done(self) -> dict[str, Done]:
        """Return what every scene in the tables depended on."""
        return {scene_id: entry.done for scene_id, entry in self._entries.items()}

    def restored(self) -> int:
        """Return how many scenes the metrics table holds."""
        return sum(entry.table == "metrics" for entry in self._entries.values())

    def add(self, outcomes: Iterable[Outcome]) -> int:
        """Put outcomes into the tables; returns how many of them the tables now hold that they did not hold before.

        Raises:
            JobError: another job writes these tables now.
            OSError: a table cannot be read or written.
        """
        new = self._new(outcomes)
        if not new and not self._unwritten:
            return 0
        check_right(self._folder, self._token)
        leaving: dict[tuple[str, str], set[str]] = defaultdict(set)
        joining: dict[tuple[str, str], list[Outcome]] = defaultdict(list)
        windows = self._unwritten
        for scene_id, (outcome, entry) in new.items():
            joining[entry.table, entry.file].append(outcome)
            windows.add(self._window(entry))
            if before := self._entries.get(scene_id):
                leaving[before.table, before.file].add(scene_id)
                windows.add(self._window(before))
        store.write_whole(self._note, json.dumps(sorted(windows)).encode())
        # First all leave, then others join: a kill in between leaves a scene to the journal alone, and never twice here.
        for (table, file), scene_ids in leaving.items():
            self._rewrite(table, file, scene_ids, [])
        for (table, file), rows in joining.items():
            self._rewrite(table, file, set(), rows)
        self._entries |= {scene_id: entry for scene_id, (_, entry) in new.items()}
        self._write_windows(windows)
        store.delete([self._note])
        self._unwritten = set()
        return len(new)

    def withdraw(self, scene_ids: Iterable[str]) -> None:
        """Take failures out that stood for a file which has been replaced.

        Raises:
            JobError: another job writes these tables now.
            OSError: a table cannot be read or written.
        """
        leaving: dict[str, set[str]] = defaultdict(set)
        for scene_id in scene_ids:
            if (entry := self._entries.get(scene_id)) and entry.table == "failures":
                leaving[entry.file].add(scene_id)
        if leaving:
            check_right(self._folder, self._token)
        for file, names in leaving.items():
            self._rewrite("failures", file, names, [])
            for name in names:
                del self._entries[name]

    def sum_up(self) -> None:
        """Write `latency.parquet`: the statistics of all scenes in the tables. A table without a row becomes an empty file."""
        for table in ("metrics", "failures"):
            if not store.files_in(store.join(self._folder, table), "*.parquet"):
                write_table(to_table([], _ROWS[table]), store.join(self._folder, table, _file(now())))
        files = {entry.file for entry in self._entries.values() if entry.table == "metrics"}
        scores = (row for file in sorted(files) for row in from_table(self._read("metrics", file), Score))
        rows = [latency_row(group, sketch) for group, sketch in sketches(scores).items()]
        rows.sort(key=lambda row: (row.group_by, row.group, row.stage))
        write_table(to_table(rows, Latency), store.join(self._folder, "latency.parquet"))

    def _new(self, outcomes: Iterable[Outcome]) -> dict[str, tuple[Outcome, _Entry]]:
        new: dict[str, tuple[Outcome, _Entry]] = {}
        for outcome in outcomes:
            entry, scene_id = _entry(outcome), outcome.scene_id
            known = new[scene_id][1] if scene_id in new else self._entries.get(scene_id)
            if known is None or entry.rank() > known.rank():
                new[scene_id] = outcome, entry
        return new

    def _rewrite(self, table: str, file: str, leaving: set[str], joining: list[Outcome]) -> None:
        before = self._read(table, file)
        stays = pc.invert(pc.is_in(before["scene_id"], value_set=pa.array(leaving, pa.string())))
        rows = pa.concat_tables([before.filter(stays), to_table(joining, _ROWS[table])])
        write_table(rows.sort_by("scene_id"), store.join(self._folder, table, file))

    @property
    def _note(self) -> str:
        return store.join(self._folder, _UNWRITTEN)

    def _noted_windows(self) -> set[float]:
        """Return the windows that an earlier writer was about to write when it ended."""
        return set(json.loads(store.read_whole(self._note) or b"[]"))

    def _window(self, entry: _Entry) -> float:
        """Begin of the window that a scene belongs to, in seconds since 1970."""
        return entry.finished_at.timestamp() // self._window_s * self._window_s

    def _write_windows(self, windows: set[float]) -> None:
        """Compute the statistics of these windows anew, from the rows in them."""
        by_file: dict[str, set[float]] = defaultdict(set)
        for start in windows:
            by_file[_file(utc(start))].add(start)
        for file, starts in by_file.items():
            before, scores = self._read("windows", file), self._read("metrics", file)
            rewritten = pa.array([utc(start) for start in starts], before.schema.field("window_start").type)
            stays = pc.invert(pc.is_in(before["window_start"], value_set=rewritten))
            rows = [row for start in sorted(starts) for row in window_rows(scores, start, self._window_s)]
            table = pa.concat_tables([before.filter(stays), to_table(rows, WindowLatency)])
            order = [(name, "ascending") for name in ("window_start", "group_by", "group", "stage")]
            write_table(table.sort_by(order), store.join(self._folder, "windows", file))

    def _read(self, table: str, file: str) -> pa.Table:
        """Return a table file; an empty table where there is none."""
        try:
            return read_table(store.join(self._folder, table, file), _ROWS[table])
        except FileNotFoundError:
            return to_table([], _ROWS[table])
        except TableError as error:
            raise OSError(f"{error}. Delete that file: its scenes will be restored again") from error


def take_over(folder: str) -> str:
    """Take over the right to write the tables of a run, and return a token for `Ledger`; an earlier token becomes invalid."""
    token = uuid.uuid4().hex
    store.write_whole(store.join(folder, _TOKEN), token.encode())
    return token


def check_right(folder: str, token: str) -> None:
    """Check that no other job has taken over.

    Raises:
        JobError: another job has.
    """
    if store.read_whole(store.join(folder, _TOKEN)) != token.encode():
        raise JobError(f"another job has taken over {folder}")


def _entry(outcome: Outcome) -> _Entry:
    table = "metrics" if isinstance(outcome, Score) else "failures"
    return _Entry(table, _file(outcome.finished_at), Done.of(outcome), outcome.finished_at)


def _file(time: datetime) -> str:
    return f"{time.astimezone(UTC):%Y-%m-%dT%H}.parquet"
