"""Scene shards: WebDataset tars whose members are read in any order, by an index of where each picture is.

    <id>.left.png  <id>.right.png  [<id>.combined.png]  [<id>.target.png]  <id>.json

Written deterministically: the same pictures give the same bytes, on any machine, at any time.
"""

from __future__ import annotations

import tarfile
from typing import BinaryIO

from dpdeblur.transforms.shards.tar_scan import BLOCK

INDEX = "index"  # folder of the index next to the shards: *.parquet, one row for each picture
STATE = ".state"  # of a job in progress
UNFINISHED = f"{STATE}/work"  # holds files until the job is whole
_RECORD = 20 * BLOCK  # tars are padded to a multiple of this, as on tape


class TarWriter:
    """Appends members to a tar as a stream, and records where each of them is.

    Args:
        stream: where the tar goes; only ever written to, in order.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._position = 0

    def add(self, name: str, data: bytes) -> int:
        """Append a member with neither owner nor time; returns the offset of its first byte."""
        info = tarfile.TarInfo(name)
        info.size = len(data)
        self._write(info.tobuf(tarfile.PAX_FORMAT, "utf-8", "strict"))
        offset = self._position
        self._write(data)
        self._write(bytes(-len(data) % BLOCK))
        return offset

    def close(self) -> None:
        """Write the end mark. The stream stays open."""
        self._write(bytes(2 * BLOCK))
        self._write(bytes(-self._position % _RECORD))

    def _write(self, data: bytes) -> None:
        self._stream.write(data)
        self._position += len(data)


def tar_size(payload: int) -> int:
    """Bytes that a member of so many bytes takes in a shard, header included."""
    return BLOCK + payload + -payload % BLOCK
