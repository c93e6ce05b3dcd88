"""The outcomes of earlier attempts, bucket by bucket: rows of the tables, and lines of the journal beyond them.

The tables of a run are split by the same buckets (`part-00003.parquet` is bucket 3), so that most often a bucket is one file
of each. Where they are not, as in a run of an earlier version, or one whose input has grown manyfold, their rows are sorted
into buckets first.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from dpdeblur.transforms.records import Outcome, UsageError
from dpdeblur.transforms.resuming.bucket_outcomes import TABLES, BucketOutcomes, bucket_outcomes
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.spool import Spool, bucket_of
from dpdeblur.transforms.tables import journal, journal_lines
from dpdeblur.transforms.tables.parquet import OtherVersionError, read_table
from dpdeblur.transforms.wording import counted

_TABLES_IN_MEMORY = 64  # parts of tables that are being sorted into buckets

_log = logging.getLogger("dpdeblur")


def part_name(bucket: int) -> str:
    """Return the name of the file of a bucket, in the folder of its table."""
    return f"part-{bucket:05d}.parquet"


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
        self._journal = lines_by_bucket(journal_folder)
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


def lines_by_bucket(folder: str) -> Spool[bytes]:
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
        scene_id = journal_lines.scene_of(line)
        if scene_id is None:
            lost += 1
        else:
            yield scene_id, line
    if lost:
        _log.warning(
            "%s of the journal in %s cut short or damaged: the scenes are restored again", counted(lost, "line"), folder
        )


def _outcome(line: bytes) -> Outcome | None:
    outcome = journal_lines.from_line(line)
    if outcome is None:
        _log.warning("A line of the journal is from another version: %s is restored again", journal_lines.scene_of(line))
    return outcome
