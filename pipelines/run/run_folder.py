"""The folder of one run: what it holds, and how its tables are put in place.

    RUN/metrics/ failures/ latency.parquet images/ view/ summary.json manifest.json report.html log.txt
    RUN/.state/   journal/ (finished scenes, names of those in progress), work/ (what is to do), tables/ (being written),
                  generation.json (who may commit, and what), lock

`manifest.json` says `"finished": null` from the first moment to the last, so that no reader takes a run in progress, or one
that was killed while its tables were being put in place, for a finished one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dpdeblur.pipelines.console import complain
from dpdeblur.pipelines.run import provenance
from dpdeblur.pipelines.run.generation import Generations
from dpdeblur.pipelines.run.run_images import RunImages
from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.records import Latency, Scene, UsageError, scene_to_line
from dpdeblur.transforms.resuming.bucket_outcomes import TABLES
from dpdeblur.transforms.resuming.earlier import EarlierOutcomes, TableFiles, part_name, sound_part
from dpdeblur.transforms.resuming.work_files import WORK, write_lines
from dpdeblur.transforms.storage import reachable, store
from dpdeblur.transforms.storage.spool import buckets_for
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.parquet import ROWS_PER_FILE, DamagedTableError, TableError, count_rows, read_table
from dpdeblur.transforms.tables.statistics import RunStatistics


class RunFolder:
    """Paths and life cycle of a run folder.

    Args:
        uri: a local path, or any URI that Beam's file systems open.
        images: folder of the restored pictures, likewise; None for `images` in the run folder.

    Attributes:
        images: the restored pictures.

    Raises:
        UsageError: the store of a URI does not answer.
    """

    def __init__(self, uri: str, images: str | None = None) -> None:
        self.uri = store.absolute(uri, resolve=True)
        reachable.check(self.uri)
        self.images = RunImages(self.uri, images)
        reachable.check(self.images.uri)
        self.lock, self.log = self.path(".state", "lock"), self.path("log.txt")
        self.generations = Generations(self.uri)
        self._damaged: set[str] = set()  # files that the user knows of

    def path(self, *parts: str) -> str:
        """Return a path inside the folder."""
        return store.join(self.uri, *parts)

    def parts(self, table: str) -> list[str]:
        """Return the files of a table, "metrics" or "failures"."""
        return store.files_in(self.path(table), "*.parquet")

    def views(self) -> list[str]:
        """Return the copies of restored pictures to look at."""
        return store.files_in(self.path("view"), "*.jpg")

    def places_of_pictures(self, settings: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """Yield the files that are where a run with these settings writes the pictures of scenes, each with its suffix."""
        if settings.get("images") == "restored" and not self.images.apart:
            suffix = suffix_of({"settings": settings})
            yield from ((uri, suffix) for uri in self.images.files(suffix))
        if settings.get("view"):
            yield from ((uri, ".jpg") for uri in self.views())

    def manifest(self) -> dict[str, Any]:
        """Return the content of `manifest.json` in the folder.

        Empty if there is none or if it is damaged: the key of every row says what the row was made with.

        Raises:
            UsageError: the file exists, but is not from dpdeblur.
        """
        data = store.read_whole(self.path("manifest.json"))
        if data is None:
            return {}
        where = self.path("manifest.json")
        try:
            content = json.loads(data)
        except (ValueError, RecursionError):
            content = None
        if isinstance(content, dict) and isinstance(content.get("settings"), dict):
            return content
        if not (store.files_in(self.path("metrics"), "*.parquet") or self._state("journal")):
            raise UsageError(f"{where} is not a manifest of dpdeblur. Choose another --output.")
        if where not in self._damaged:
            complain(f"{where} is damaged. It is written again; rows that were made with the same settings are kept.")
        self._damaged.add(where)
        return {}

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write one of the JSON files of the run."""
        text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
        store.write_whole(self.path(name), text.encode(errors="backslashreplace"))  # names of files may be any bytes

    def buckets(self, scenes: int) -> int:
        """Return into how many buckets the scenes of a run are sorted.

        As many as its tables are split into already, unless it has grown so much that they would be more than twice as large
        as they should be.

        Args:
            scenes: of the input.
        """
        rows = sum(count_rows(uri) for table in TABLES for uri in self.parts(table))
        needed, before = buckets_for(max(scenes, rows), ROWS_PER_FILE), self.generations.current().buckets
        return before if before and needed <= 2 * before else needed

    def earlier(self, buckets: int) -> EarlierOutcomes:
        """Return what earlier attempts finished: the rows of the tables, and what the journal holds beyond them.

        A score whose picture is no longer there does not count, nor does what a damaged part of a table held.

        Args:
            buckets: into how many to sort it.

        Raises:
            UsageError: a table is of another version.
        """
        pictures = self.images.names(suffix_of(self.manifest()))
        return EarlierOutcomes(self.table_files(), self._sound_part, buckets, self.path(journal.FOLDER), pictures)

    def table_files(self) -> TableFiles:
        """Return the files of the tables."""
        parts = {table: self.parts(table) for table in TABLES}
        split = 0 if self.generations.pending() else self.generations.current().buckets
        ours = {part_name(bucket) for bucket in range(split)}
        strange = any(store.name(uri) not in ours for files in parts.values() for uri in files)
        return TableFiles.of(parts, 0 if strange else split)

    def under_way(self, process: int) -> set[str]:
        """Return the scenes that were in progress in a process of this machine when it was ended by force."""
        markers = self._state("journal", journal.UNDER_WAY)
        return {store.name(uri) for uri in markers if store.read_whole(uri) == str(process).encode()}

    def forget(self, *, everything: bool, failures: bool) -> None:
        """Delete what an attempt will do again, even if the attempt fails.

        Args:
            everything: whether to forget the run that the folder holds.
            failures: whether to forget which of its scenes have failed.

        Raises:
            UsageError: the folder's manifest is not from dpdeblur.
        """
        if everything:
            self.clear()
        elif failures:
            journal.drop_failures(self.path(journal.FOLDER))
            store.delete(self.parts("failures"))

    def statistics(self) -> RunStatistics:
        """Return the statistics of the present metrics and failures tables.

        Raises:
            TableError: one of them is damaged or of another version.
        """
        statistics, failed = RunStatistics(), list[pa.ChunkedArray]()
        for uri in self.parts("failures"):
            failures = read_table(uri, TABLES["failures"])
            failed.append(failures["scene_id"])
            statistics.add_failures(failures)
        for uri in self.parts("metrics"):
            metrics = read_table(uri, TABLES["metrics"])
            statistics.add_metrics(metrics)
            for ids in failed:
                statistics.failed_since += pc.sum(pc.is_in(ids, value_set=metrics["scene_id"])).as_py() or 0
        return statistics

    def is_whole(self) -> bool:
        """Return whether all files of a finished run exist, and are undamaged as far as `earlier` has read them."""
        try:
            read_table(self.path("latency.parquet"), Latency)
            json.loads(store.read_whole(self.path("summary.json")) or b"")
        except (TableError, FileNotFoundError, ValueError, RecursionError):
            return False
        parts = {table: self.parts(table) for table in TABLES}
        return all(parts.values()) and not any(uri in self._damaged for files in parts.values() for uri in files)

    def _sound_part(self, uri: str, row_type: type) -> pa.Table | None:
        """Return the rows of a part of a table; None, with a message, if it is damaged."""
        try:
            return sound_part(uri, row_type)
        except DamagedTableError as error:
            if uri not in self._damaged:
                complain(f"{error}. The scenes in it are restored again.")
            self._damaged.add(uri)
            return None

    def sweep(self) -> None:
        """Remove unfinished work of an interrupted attempt. Finished work stays, and committed files are put in place."""
        self.generations.finish()
        half_done = [
            *self._state("work"),
            *self._state("tables", "metrics"),
            *self._state("tables", "failures"),
            *self._state("tables"),
            *self._state("journal", journal.UNDER_WAY),
        ]
        partial = [
            uri
            for folder in (self.images.uri, *map(self.path, ("", ".state", "view", "metrics", "failures")))
            for uri in store.files_in(folder, f".*{store.PARTIAL}")
        ]
        store.delete([*half_done, *partial])

    def make_ready(self, *, restart: bool, forget_failures: bool) -> None:
        """Prepare the folder for an attempt; from now on only this attempt can commit.

        Args:
            restart: whether to forget the run that the folder holds.
            forget_failures: whether to have its failed scenes done again, whatever becomes of the attempt.

        Raises:
            UsageError: the folder's manifest is not from dpdeblur.
            JobError: another attempt begins at the same moment.
        """
        if not restart:
            self.sweep()
        self.forget(everything=restart, failures=forget_failures)
        self.generations.take_over(anew=restart)

    def write_work(self, todo: Iterable[Scene]) -> list[str]:
        """Write the scenes to do to files, and return their names."""
        return write_lines(self.path(WORK), "todo", todo, scene_to_line)

    def write_manifest(self, facts: dict[str, Any], *, finished: bool = False) -> dict[str, Any]:
        """Write `manifest.json`, with the start of the run, and return its content.

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
            UsageError: the folder's manifest is not from dpdeblur.
        """
        manifest = self.manifest()
        settings = manifest.get("settings", {})
        self.sweep()
        names = [f"{name}.parquet" for name in ("latency",)] + ["summary.json", "report.html", "manifest.json"]
        tables = [uri for name in (*TABLES, "windows") for uri in self.parts(name)]
        pictures = self.images.files(suffix_of(manifest)) if settings.get("images", "none") != "none" else []
        if settings.get("images") == "shards":
            pictures += [*self.images.shards(), *self.images.index()]
        views = self.views() if settings.get("view") else []
        store.delete([*tables, *pictures, *views, *self._state("journal"), *map(self.path, names)])

    def drop_work(self) -> None:
        """Delete the work files and the journal, once the tables hold everything."""
        store.delete([*self._state("work"), *self._state("journal")])

    def _state(self, *parts: str) -> list[str]:
        return store.files_in(self.path(".state", *parts))


def suffix_of(manifest: dict[str, Any]) -> str:
    """Return the suffix of the restored pictures of a run, given its manifest."""
    return codecs.WRITTEN[manifest.get("settings", {}).get("images_format", "png")]
