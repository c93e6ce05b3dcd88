"""The outcomes of earlier attempts, bucket by bucket: rows of the tables, and lines of the journal beyond them.

The tables of a run are split by the same buckets (`part-00003.parquet` is bucket 3), so that most often a bucket is one file
of each. Where they are not, as in a run of an earlier version, or one whose input has grown manyfold, their rows are sorted
into buckets first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import count, repeat
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from dpdeblur.transforms.records import Failure, Outcome, Score, UsageError
from dpdeblur.transforms.resuming.diff import Done, of_outcome, pictures_of
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.spool import Spool, bucket_of
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.parquet import OtherVersionError, read_table
from dpdeblur.transforms.tables.schemas import arrow_schema, to_table
from dpdeblur.transforms.wording import counted

TABLES: dict[str, type] = {"metrics": Score, "failures": Failure}
_TABLES_IN_MEMORY = 64  # parts of tables that are being sorted into buckets

_log = logging.getLogger("dpdeblur")


def part_name(bucket: int) -> str:
    """Return the name of the file of a bucket, in the folder of its table."""
    return f"part-{bucket:05d}.parquet"


@dataclass(frozen=True, slots=True)
class BucketOutcomes:
    """The outcomes of one bucket.

    Attributes:
        tables: rows of the metrics and of the failures table, by the name of the table.
        journaled: outcomes that the journal holds.
        done: what matters of all of them, in the order metrics, failures, journal; but for scores that have lost their picture.
        in_place: whether each table is one file, whole, named as this bucket's, and none of its rows has lost its picture.
    """

    tables: Mapping[str, pa.Table]
    journaled: Sequence[Outcome]
    done: Sequence[Done]
    in_place: bool

    def with_pictures(self, there: Container[str]) -> BucketOutcomes:
        """Return the outcomes without scores whose picture is not among the existing ones."""
        return self._only([one for one in self.done if not one.image_path or store.name(one.image_path) in there])

    def without_pictures(self, lost: Container[str]) -> BucketOutcomes:
        """Return the outcomes without scores whose picture is among the lost ones."""
        return self._only([one for one in self.done if not one.image_path or store.name(one.image_path) not in lost])

    def _only(self, done: Sequence[Done]) -> BucketOutcomes:
        return replace(self, done=done, in_place=self.in_place and len(done) == len(self.done))

    def and_also(self, outcomes: Sequence[Outcome]) -> BucketOutcomes:
        """Return the outcomes with further ones from the journal, whose pictures exist."""
        first = sum(table.num_rows for table in self.tables.values()) + len(self.journaled)
        more = [of_outcome(outcome, first + row) for row, outcome in enumerate(outcomes)]
        return replace(self, journaled=[*self.journaled, *outcomes], done=[*self.done, *more])

    def rows(self, done: Sequence[Done], keys: Mapping[str, str]) -> dict[str, pa.Table]:
        """Return the whole rows of some outcomes, by the name of their table.

        Args:
            done: which; all from `self.done`.
            keys: the `input_key` to give to a scene's row instead of its own.
        """
        rows, begin, first = dict[str, pa.Table](), 0, sum(table.num_rows for table in self.tables.values())
        journaled = [self.journaled[one.row - first] for one in done if one.row >= first]
        for name, row_type in TABLES.items():
            end = begin + self.tables[name].num_rows
            stay = [one for one in done if begin <= one.row < end]
            table = self.tables[name].take(pa.array([one.row - begin for one in stay], pa.int64()))
            begin = end
            if any(one.scene_id in keys for one in stay):
                position = table.schema.get_field_index("input_key")
                present = pa.array([keys.get(one.scene_id, one.input_key) for one in stay], pa.string())
                table = table.set_column(position, table.schema.field(position), present)
            rows[name] = pa.concat_tables([table, to_table((o for o in journaled if isinstance(o, row_type)), row_type)])
        return rows


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The files of a run's tables.

    Attributes:
        parts: address of each file by its name, by the name of its table.
        split: into how many buckets they are split; 0 where that is not known.
    """

    parts: Mapping[str, Mapping[str, str]]
    split: int

    @classmethod
    def of(cls, parts: Mapping[str, Sequence[str]], split: int) -> TableFiles:
        """Return the files of these addresses, by table."""
        return cls({table: {store.name(uri): uri for uri in uris} for table, uris in parts.items()}, split)

    def are_buckets(self, buckets: int) -> bool:
        """Return whether the rows of each of so many buckets are files of their own."""
        return buckets in (1, self.split)

    def of_bucket(self, table: str, number: int, buckets: int) -> list[str]:
        """Return the files of a table that hold one bucket, where they are buckets."""
        parts, own = self.parts[table], part_name(number)
        return list(parts.values()) if buckets == 1 else [parts[own]] if own in parts else []

    def are_one(self, number: int, buckets: int) -> bool:
        """Return whether each table has one file for a bucket, and that has the name of the bucket."""
        return all(part_name(number) in parts and (buckets > 1 or len(parts) == 1) for parts in self.parts.values())


class EarlierOutcomes:
    """What earlier attempts have finished.

    Args:
        files: of the tables.
        read_part: from a file and its row type to its rows; None where it is damaged, which is said.
        buckets: into how many the outcomes are to be sorted; a power of two.
        journal_folder: of the run.
        pictures: names of the pictures that are there; a score whose picture is not does not count.
    """

    def __init__(
        self,
        files: TableFiles,
        read_part: Callable[[str, type], pa.Table | None],
        buckets: int,
        journal_folder: str,
        pictures: Iterator[str],
    ) -> None:
        self._files, self._read_part, self._buckets = files, read_part, buckets
        self._sorted = Spool[tuple[str, pa.Table]](_TABLES_IN_MEMORY)
        if not files.are_buckets(buckets):
            for name, parts in files.parts.items():
                for uri in parts.values():
                    if (table := read_part(uri, TABLES[name])) is not None:
                        for number, rows in by_bucket(table, buckets):
                            self._sorted.add_to(number, (name, rows))
        self._journal = journal_lines(journal_folder)
        self._pictures = Spool[str]()
        for picture in pictures:
            self._pictures.add(scene_of_picture(picture), picture)

    def bucket(self, number: int) -> BucketOutcomes:
        """Return the outcomes of one bucket."""
        tables = {name: list(self._tables(name, number)) for name in TABLES}
        journaled = outcomes_of(self._journal.bucket(number, self._buckets))
        in_place = self._files.are_buckets(self._buckets) and self._files.are_one(number, self._buckets)
        there = set(self._pictures.bucket(number, self._buckets))
        return bucket_outcomes(tables, journaled, in_place=in_place).with_pictures(there)

    def _tables(self, name: str, number: int) -> Iterator[pa.Table]:
        if self._files.are_buckets(self._buckets):
            for uri in self._files.of_bucket(name, number, self._buckets):
                table = self._read_part(uri, TABLES[name])
                if table is not None:
                    yield table
        else:
            yield from (table for kind, table in self._sorted.bucket(number, self._buckets) if kind == name)


def bucket_outcomes(
    tables: Mapping[str, Sequence[pa.Table]], journaled: Sequence[Outcome], *, in_place: bool
) -> BucketOutcomes:
    """Return the outcomes of one bucket, as if no picture were lost.

    Args:
        tables: what is left of its rows, by the name of the table, in any number of parts.
        journaled: its outcomes that the tables lack.
        in_place: whether each table has one file for the bucket, by its name.
    """
    whole = {name: pa.concat_tables([arrow_schema(kind).empty_table(), *tables[name]]) for name, kind in TABLES.items()}
    one_each = all(len(parts) == 1 for parts in tables.values())
    return BucketOutcomes(whole, (), list(_of_tables(whole)), in_place and one_each).and_also(journaled)


def by_bucket(table: pa.Table, buckets: int) -> Iterator[tuple[int, pa.Table]]:
    """Yield the rows of a table by the bucket of their scene."""
    numbers = pa.array([bucket_of(scene_id, buckets) for scene_id in table["scene_id"].to_pylist()], pa.int32())
    for number in pc.unique(numbers).to_pylist():
        yield number, table.filter(pc.equal(numbers, number))


def scene_of_picture(name: str) -> str:
    """Return the scene whose picture has a name."""
    return name.partition(".")[0]


def outcomes_of(lines: Iterable[bytes]) -> list[Outcome]:
    """Return the outcomes of whole lines of a journal."""
    return [outcome for line in lines if (outcome := _outcome(line)) is not None]


def sound_part(uri: str, row_type: type) -> pa.Table:
    """Return the rows of a file of a table.

    Raises:
        UsageError: it is of another version.
        DamagedTableError: it is damaged.
    """
    try:
        return read_table(uri, row_type)
    except OtherVersionError as error:
        raise UsageError(f"{error}. Use --restart, or another --output.") from error


class NoOutcomes:
    """The earlier outcomes of a new run: none."""

    def bucket(self, number: int) -> BucketOutcomes:
        """Return no outcomes."""
        return BucketOutcomes({name: arrow_schema(row_type).empty_table() for name, row_type in TABLES.items()}, (), (), False)


def journal_lines(folder: str) -> Spool[bytes]:
    """Return the whole lines of a journal, by the bucket of their scene. What a lost line held is done again."""
    lines = Spool[bytes]()
    for scene_id, line in whole_lines(journal.lines_in(folder), folder):
        lines.add(scene_id, line)
    return lines


def whole_lines(lines: Iterable[bytes], folder: str) -> Iterator[tuple[str, bytes]]:
    """Yield the whole lines among those of a journal, each with its scene, and log how many are not whole.

    Args:
        lines: of the journal.
        folder: where it lies, for the log.
    """
    lost = 0
    for line in lines:
        scene_id = journal.scene_of(line)
        if scene_id is None:
            lost += 1
        else:
            yield scene_id, line
    if lost:
        _log.warning(
            "%s of the journal in %s cut short or damaged: the scenes are restored again", counted(lost, "line"), folder
        )


def _outcome(line: bytes) -> Outcome | None:
    outcome = journal.from_line(line)
    if outcome is None:
        _log.warning("A line of the journal is from another version: %s is restored again", journal.scene_of(line))
    return outcome


def _of_tables(tables: Mapping[str, pa.Table]) -> Iterator[Done]:
    """Yield what matters of the rows of both tables, numbered from the first of the metrics to the last of the failures."""
    metrics, failures = (tables[name] for name in TABLES)
    names, keys, finished, paths, pictures, scores = _values(metrics, "image_path", "pictures", "psnr_db")
    had, no = map(pictures_of, pictures, scores), repeat("")
    yield from map(Done, names, keys, repeat(True), finished, no, no, no, (path or "" for path in paths), had, count())
    names, keys, finished, *why = _values(failures, "stage", "error_type", "message")
    yield from map(Done, names, keys, repeat(False), finished, *why, no, no, count(metrics.num_rows))


def _values(table: pa.Table, *more: str) -> list[list[Any]]:
    """Return columns: ids, keys, times in milliseconds, and those asked for."""
    whole = table.set_column(table.schema.get_field_index("finished_at"), "finished_at", table["finished_at"].cast(pa.int64()))
    return [whole[name].to_pylist() for name in ("scene_id", "input_key", "finished_at", *more)]
