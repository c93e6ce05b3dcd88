"""The folder of one run: what it already holds, and how its tables come to stand in it.

    RUN/metrics/ failures/ latency.parquet images/ summary.json manifest.json report.html log.txt
    RUN/.state/   journal/ (finished scenes, names of those under way), work/ (what is to do), tables/ (being written), lock

`manifest.json` says `"finished": null` from the first moment to the last, so that no reader takes a run under way, or one
that was killed while its tables were being put in place, for a finished one.
"""

from __future__ import annotations

import json
import uuid
from collections import Counter
from typing import Any

import pyarrow as pa

from dpdeblur.pipelines.console import complain
from dpdeblur.pipelines.run import provenance
from dpdeblur.transforms import worklist
from dpdeblur.transforms.records import Failure, JobError, Latency, Outcome, Scene, Score, UsageError, scene_to_line
from dpdeblur.transforms.storage import reachable, store
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.parquet import DamagedTableError, OtherVersionError, TableError, read_table, read_tables
from dpdeblur.transforms.tables.schemas import arrow_schema, from_table
from dpdeblur.transforms.wording import counted

TABLES = (("metrics", Score), ("failures", Failure))


class RunFolder:
    """Paths and life cycle of a run folder.

    Args:
        uri: a local path, or any URI that Beam's file systems open.

    Raises:
        UsageError: the store of the URI does not answer.
    """

    def __init__(self, uri: str) -> None:
        self.uri = store.absolute(uri, resolve=True)
        reachable.check(self.uri)
        self.lock, self.log = self.path(".state", "lock"), self.path("log.txt")
        self._reported: set[str] = set()  # damaged files that the user knows of

    def path(self, *parts: str) -> str:
        """Return a path inside the folder."""
        return store.join(self.uri, *parts)

    def manifest(self) -> dict[str, Any]:
        """Return what `manifest.json` says of the run in the folder; empty where there is none.

        Raises:
            UsageError: the file is there, but is no manifest.
        """
        data = store.read_whole(self.path("manifest.json"))
        if data is None:
            return {}
        try:
            return dict(json.loads(data))
        except (ValueError, TypeError):
            raise UsageError(f"{self.path('manifest.json')} is not a manifest of dpdeblur. Choose another --output.") from None

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write one of the JSON files of the run."""
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        store.write_whole(self.path(name), text.encode(errors="backslashreplace"))  # names of files may be any bytes

    def outcomes(self) -> list[Outcome]:
        """Return what earlier attempts finished: the rows of the tables, and what the journal holds beyond them.

        A score whose picture is no longer there does not count, nor does what a damaged part of a table held.

        Raises:
            UsageError: a table is of another version.
        """
        stood = [row for name, row_type in TABLES for row in from_table(self._sound_parts(name, row_type), row_type)]
        found = [*stood, *journal.read(self.path(journal.FOLDER))]
        pictures = {store.name(uri) for uri in store.files_in(self.path("images"), "*.png")}
        return [outcome for outcome in found if not (path := _picture(outcome)) or store.name(path) in pictures]

    def under_way(self, process: int) -> set[str]:
        """Return the scenes that were under way in a process of this machine when it was ended by force."""
        markers = self._state("journal", journal.UNDER_WAY)
        return {store.name(uri) for uri in markers if store.read_whole(uri) == str(process).encode()}

    def forget_failures(self) -> None:
        """Have the failed scenes done again, whatever happens to the attempt that begins now."""
        before = self._state("journal")
        scores = [outcome for outcome in journal.read(self.path(journal.FOLDER)) if isinstance(outcome, Score)]
        if scores:
            lines = "".join(map(journal.to_line, scores))
            store.write_whole(self.path(journal.FOLDER, f"{uuid.uuid4().hex}.jsonl"), lines.encode())
        store.delete([*before, *store.files_in(self.path("failures"), "*.parquet")])

    def tables(self) -> tuple[pa.Table, pa.Table, pa.Table]:
        """Return the metrics, failures and latency tables as they stand.

        Raises:
            TableError: one of them is damaged or of another version.
            FileNotFoundError: there are no latency statistics.
        """
        metrics, failures = (read_tables(store.files_in(self.path(name), "*.parquet"), row_type) for name, row_type in TABLES)
        return metrics, failures, read_table(self.path("latency.parquet"), Latency)

    def is_whole(self) -> bool:
        """Return whether everything that a finished run leaves is there and undamaged."""
        try:
            self.tables()
            json.loads(store.read_whole(self.path("summary.json")) or b"")
        except (TableError, FileNotFoundError, ValueError):
            return False
        return all(store.files_in(self.path(name), "*.parquet") for name, _ in TABLES)

    def _sound_parts(self, name: str, row_type: type) -> pa.Table:
        """Return what the undamaged parts of a table hold; say which parts are damaged."""
        sound = [arrow_schema(row_type).empty_table()]
        for uri in store.files_in(self.path(name), "*.parquet"):
            try:
                sound.append(read_table(uri, row_type))
            except OtherVersionError as error:
                raise UsageError(f"{error}. Use --restart, or another --output.") from error
            except DamagedTableError as error:
                if uri not in self._reported:
                    complain(f"{error}. What it held is done again.")
                self._reported.add(uri)
        return pa.concat_tables(sound)

    def sweep(self) -> None:
        """Remove what an interrupted attempt left half done. What it finished stays."""
        half_done = [
            *self._state("work"),
            *self._state("tables", "metrics"),
            *self._state("tables", "failures"),
            *self._state("tables"),
            *self._state("journal", journal.UNDER_WAY),
        ]
        partial = [
            uri
            for folder in ("", "images", "metrics", "failures")
            for uri in store.files_in(self.path(folder), f".*{store.PARTIAL}")
        ]
        store.delete([*half_done, *partial])

    def make_ready(self, *, restart: bool, forget_failures: bool) -> None:
        """Make the folder ready for an attempt.

        Args:
            restart: whether to forget the run that the folder holds.
            forget_failures: whether to have its failed scenes done again, whatever becomes of the attempt.
        """
        if restart:
            self.clear()
        elif forget_failures:
            self.forget_failures()
        self.sweep()

    def write_work(self, todo: list[Scene], kept: list[Outcome]) -> tuple[list[str], list[str]]:
        """Write the scenes to do and the outcomes that are kept to files, and return the names of both."""
        folder = self.path(worklist.FOLDER)
        scenes = worklist.write_lines(folder, "todo", todo, scene_to_line)
        return scenes, worklist.write_lines(folder, "kept", kept, journal.to_line)

    def write_manifest(self, facts: dict[str, Any], *, finished: bool = False) -> dict[str, Any]:
        """Write what is run, and since when, to `manifest.json`; return what it says.

        Args:
            facts: of the job; where they hold no start, it is now.
            finished: whether the run has just finished.
        """
        started = facts.get("started") or provenance.now()
        content = {**facts, "started": started, "finished": provenance.now() if finished else None}
        self.write_json("manifest.json", content)
        return content

    def clear(self) -> None:
        """Forget the run in the folder: its tables, its pictures, its journal. Files of others stay.

        Raises:
            UsageError: the folder's manifest is none of ours.
        """
        wrote_pictures = self.manifest().get("settings", {}).get("images") == "restored"
        self.sweep()
        names = [f"{name}.parquet" for name in ("latency",)] + ["summary.json", "report.html", "manifest.json"]
        tables = [uri for name in ("metrics", "failures", "windows") for uri in store.files_in(self.path(name), "*.parquet")]
        pictures = store.files_in(self.path("images"), "*.png") if wrote_pictures else []
        store.delete([*tables, *pictures, *self._state("journal"), *map(self.path, names)])

    def commit(self, expected: Counter[str]) -> None:
        """Put the new tables in the place of the old, and drop the journal that they now replace.

        A kill in between loses nothing: old and new tables and the journal agree on every scene they share, and the manifest
        does not yet say that the run has finished.

        Args:
            expected: how many rows the new tables must hold of each scene.

        Raises:
            JobError: rows are missing or there twice, or a table is damaged. An engine that says DONE proves nothing.
        """
        staged = {name: store.files_in(self.path(".state", "tables", name), "*.parquet") for name, _ in TABLES}
        try:
            metrics, failures = (read_tables(staged[name], row_type) for name, row_type in TABLES)
        except TableError as error:
            raise JobError(f"The engine reported success, but {error}.") from error
        found = Counter([*metrics["scene_id"].to_pylist(), *failures["scene_id"].to_pylist()])
        if found != expected:
            missing, twice = (expected - found).total(), (found - expected).total()
            raise JobError(
                "The engine reported success, but that is not what the tables hold: "
                f"{counted(missing, 'scene')} missing, {counted(twice, 'scene')} there twice."
            )
        store.delete(self._orphans(set(metrics["image_path"].to_pylist())))
        for name, _ in TABLES:
            names = {store.name(uri) for uri in staged[name]}
            for uri in staged[name]:
                store.move(uri, self.path(name, store.name(uri)))
            store.delete([uri for uri in store.files_in(self.path(name), "*.parquet") if store.name(uri) not in names])
        store.move(self.path(".state", "tables", "latency.parquet"), self.path("latency.parquet"))
        store.delete([*self._state("work"), *self._state("journal")])

    def _orphans(self, staged: set[str]) -> list[str]:
        """Return the pictures of earlier rows that no new row has: their scenes were pruned, or have failed since."""
        before = {path for outcome in self.outcomes() if (path := _picture(outcome))}
        return [self.path("images", store.name(path)) for path in before - staged]

    def _state(self, *parts: str) -> list[str]:
        return store.files_in(self.path(".state", *parts))


def _picture(outcome: Outcome) -> str:
    return (outcome.image_path or "") if isinstance(outcome, Score) else ""
