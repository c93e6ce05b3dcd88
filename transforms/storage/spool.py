"""Records sorted into buckets: in memory while they are few, then in one unnamed file that vanishes with its process.

Data too large for memory is sorted into buckets in one pass, and then read bucket by bucket. A bucket is
the CRC-32 of a name, without regard to upper and lower case, modulo the number of buckets. The number is a power of two, so
that each bucket of a larger number is in one bucket of a smaller number.
"""

from __future__ import annotations

import gc
import pickle
import tempfile
import weakref
import zlib
from array import array
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, Generic, Protocol, TypeVar

from dpdeblur.transforms.storage.uris import folded

PARTITIONS = 1024
"""How finely records are sorted, and the most buckets there are."""
IN_MEMORY = 50_000  # records

RecordT = TypeVar("RecordT")


def bucket_of(name: str, buckets: int) -> int:
    """Return the bucket of a name, from 0; names may hold any character.

    Names that some disks take for one come into one bucket.
    """
    return zlib.crc32(folded(name).encode(errors="surrogatepass")) % buckets


def buckets_for(records: int, in_each: int) -> int:
    """Return how many buckets hold so many records, about `in_each` at most in each: a power of two up to `PARTITIONS`.

    >>> buckets_for(20_000, 20_000), buckets_for(20_001, 20_000), buckets_for(10**9, 20_000)
    (1, 2, 1024)
    """
    buckets = 1
    while buckets < PARTITIONS and buckets * in_each < records:
        buckets *= 2
    return buckets


@contextmanager
def collector_paused() -> Iterator[None]:
    """Turn off Python's cyclic garbage collector while the block, or the decorated function, runs.

    Scenes, rows and tuples form no cycles, so they are freed at once, by their reference counts. Searching millions of them
    for cycles took a third of the time to find scenes.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def in_order(parts: Iterable[Sequence[RecordT]], buckets: int, key: Callable[[RecordT], Any]) -> Iterator[RecordT]:
    """Yield records sorted by a key, with about one bucket of them in memory.

    Args:
        parts: the records, a bucket at a time; the first bucket is a random sample of the keys.
        buckets: how many there are.
        key: of a record.
    """
    ranges, borders = Spool[RecordT](), None
    for part in parts:
        if borders is None:
            sample = sorted(map(key, part))
            borders = [sample[number * len(sample) // buckets] for number in range(1, buckets)] if sample else []
        for record in part:
            ranges.add_to(bisect_right(borders, key(record)), record)
    for number in range(buckets):
        yield from sorted(ranges.bucket(number, PARTITIONS), key=key)


class Format(Protocol):
    """How records become bytes: a module such as `pickle`, or `marshal`."""

    def dumps(self, records: Any, /) -> bytes:
        """Return the bytes of records."""

    def loads(self, data: bytes, /) -> Any:
        """Return the records of bytes."""


class Spool(Generic[RecordT]):
    """Records by the bucket of their name. The records of a bucket come back in the order in which they were added.

    Args:
        in_memory: how many records to keep in memory before they are written to a file.
        format: how they are written there: `pickle` takes any; `marshal` takes plain tuples of texts and numbers, and a third
            of the time.
    """

    def __init__(self, in_memory: int = IN_MEMORY, format: Format = pickle) -> None:
        self._in_memory, self._format = in_memory, format
        self._waiting = defaultdict[int, list[RecordT]](list)
        self._written = self._waiting_count = 0
        self._file: BinaryIO | None = None
        self._blocks: dict[int, array[int]] = {}  # where each block of a partition begins, and how long it is

    def __len__(self) -> int:
        """Return how many records were added."""
        return self._written + self._waiting_count

    def add(self, name: str, record: RecordT) -> None:
        """Add a record under a name."""
        self.add_to(bucket_of(name, PARTITIONS), record)

    def add_all(self, names: Iterable[str], records: Iterable[RecordT]) -> None:
        """Add a bucket of records, each under its name."""
        for name, record in zip(names, records, strict=True):
            self.add(name, record)

    def add_to(self, partition: int, record: RecordT) -> None:
        """Add a record to a partition, or to the bucket of that number."""
        self._waiting[partition].append(record)
        self._waiting_count += 1
        if self._waiting_count >= self._in_memory:
            self._write()

    def bucket(self, number: int, buckets: int) -> Iterator[RecordT]:
        """Yield the records of one bucket.

        Args:
            number: of the bucket, from 0.
            buckets: how many there are: a power of two up to `PARTITIONS`.
        """
        for partition in range(number, PARTITIONS, buckets):
            blocks = self._blocks.get(partition, array("Q"))
            for start, length in zip(blocks[::2], blocks[1::2], strict=True):
                assert self._file is not None
                self._file.seek(start)
                yield from self._format.loads(self._file.read(length))  # written by this process, where no other can write
            yield from self._waiting.get(partition, ())

    def _write(self) -> None:
        if self._file is None:
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed, and gone, with this object
            weakref.finalize(self, self._file.close)
        self._file.seek(0, 2)
        for partition, records in self._waiting.items():
            data = self._format.dumps(records)
            self._blocks.setdefault(partition, array("Q")).extend((self._file.tell(), len(data)))
            self._file.write(data)
        self._file.flush()
        self._waiting.clear()
        self._written, self._waiting_count = self._written + self._waiting_count, 0
