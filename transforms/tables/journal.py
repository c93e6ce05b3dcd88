"""The journal of finished scenes: one line for each outcome, durable as soon as its scene is done.

Every process that restores scenes appends to a file of its own, so that no two ever write to the same one. A line that a
kill cut short does not count: its scene is done again. Once all tables of a run are committed, its journal is deleted.

While a scene is in progress a file bears its name: should the process die, it is known what it was doing.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import os
import re
import threading
import types
import typing
import uuid
import zlib
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from dpdeblur.transforms.records import Failure, Outcome, Scene, Score
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.appender import Appender, appender, read_from
from dpdeblur.transforms.wording import counted

_log = logging.getLogger("dpdeblur")

FOLDER = ".state/journal"
UNDER_WAY = "under-way"  # inside it
_SIGNED = re.compile(rb'(.*), "crc32": "([0-9a-f]{8})"}', re.DOTALL)
_OF_SCENE = re.compile(rb'{"(?:score|failure)": {"scene_id": ("(?:[^"\\]|\\.)*")')
_OBJECTS_AT_ONCE = 1000
_KEPT = "kept-"  # files of lines that an earlier attempt wrote begin so
_KINDS: dict[str, type[Score] | type[Failure]] = {"score": Score, "failure": Failure}


def _classes(hint: Any) -> tuple[type, ...]:
    """Return the classes that a value of a type hint may have: `dict[str, float] | None` is a dict or None."""
    if isinstance(hint, types.UnionType):
        return tuple(found for part in typing.get_args(hint) for found in _classes(part))
    return (typing.get_origin(hint) or hint,)


_TYPES = {
    kind: {name: _classes(hint) for name, hint in typing.get_type_hints(row_type).items()} for kind, row_type in _KINDS.items()
}


def to_line(outcome: Outcome) -> str:
    """Return one outcome as a line of JSON that ends with a checksum of itself."""
    kind = "score" if isinstance(outcome, Score) else "failure"
    return signed(json.dumps({kind: dataclasses.asdict(outcome)}, default=datetime.isoformat))


def signed(text: str) -> str:
    """Return a line of the text of a JSON object, with the checksum of that text as its last member."""
    return f'{text[:-1]}, "crc32": "{_checksum(text.encode())}"}}\n'


def from_line(line: str | bytes) -> Outcome | None:
    """Return the outcome of a line; None if it was cut short or damaged, or comes from another version of the columns."""
    data = line.encode(errors="replace") if isinstance(line, str) else line
    text = _unsigned(data)
    if text is None:
        return None
    try:
        ((kind, columns),) = json.loads(text.decode(errors="surrogatepass")).items()
        columns["finished_at"] = _utc(columns["finished_at"])
        return _KINDS[kind](**columns) if _fit(kind, tuple(columns), tuple(map(type, columns.values()))) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


@lru_cache
def _fit(kind: str, names: tuple[str, ...], found: tuple[type, ...]) -> bool:
    """Return whether columns of these names may have values of these types; cached, since nearly all lines are alike."""
    classes = _TYPES[kind]
    return all(issubclass(one, classes[name]) and one is not bool for name, one in zip(names, found, strict=True))


def _unsigned(line: bytes) -> bytes | None:
    """Return the text that was signed; None if the checksum is wrong."""
    found = _SIGNED.fullmatch(line.rstrip(b"\n"))
    text = found[1] + b"}" if found else b""
    return text if found and _checksum(text) == found[2].decode() else None


def _checksum(data: bytes) -> str:
    return f"{zlib.crc32(data):08x}"


def _utc(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.utcoffset() != timedelta(0):
        raise ValueError(f"{text} is not a time in UTC")
    return time


def read(folder: str) -> list[Outcome]:
    """Return all outcomes in the journal files of a folder, in arbitrary order. What a lost line held is done again."""
    lines = [line for data in store.read_many(store.files_in(folder, "*.jsonl")) for line in data.splitlines()]
    outcomes = [outcome for line in lines if (outcome := from_line(line)) is not None]
    if len(outcomes) < len(lines):
        what = counted(len(lines) - len(outcomes), "line")
        _log.warning(
            "%s of the journal in %s cut short, damaged or from another version: the scenes are restored again", what, folder
        )
    return outcomes


def lines_in(folder: str) -> Iterator[bytes]:
    """Yield the lines of the journal files of a folder, one by one."""
    return lines_of(store.files_in(folder, "*.jsonl"))


def lines_of(uris: Sequence[str]) -> Iterator[bytes]:
    """Yield the lines of journal files, one by one; in an object store, where files are small, many files at once."""
    for start in range(0, len(uris), _OBJECTS_AT_ONCE):
        some = uris[start : start + _OBJECTS_AT_ONCE]
        if store.local_path(some[0]):
            for uri in some:
                with store.open_file(uri) as stream:
                    yield from stream
        else:
            for data in store.read_many(some):
                yield from data.splitlines()


def scene_of(line: bytes) -> str | None:
    """Return the scene that a line is about; None if the line was cut short or damaged."""
    found = _unsigned(line)
    scene = found and _OF_SCENE.match(found)
    return str(json.loads(scene[1])) if scene else None


def drop_failures(folder: str) -> None:
    """Remove the failures from a journal."""
    before = store.files_in(folder, "*.jsonl")
    if not before:
        return
    with store.created(store.join(folder, f"{_KEPT}{uuid.uuid4().hex}.jsonl")) as stream:
        stream.writelines(line.rstrip(b"\n") + b"\n" for line in lines_in(folder) if line.startswith(b'{"score"'))
    store.delete(before)


class Follower:
    """Reads a journal as it grows, to show the progress of a job.

    Args:
        folder: journal folder of the run, a local path or a URI.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._read: dict[str, int] = {}  # bytes read so far, by file

    def new(self) -> list[Outcome]:
        """Return the outcomes since the last call; the first call returns all, except those that `drop_failures` kept."""
        files = [uri for uri in store.files_in(self._folder, "*.jsonl") if not store.name(uri).startswith(_KEPT)]
        self._read = {uri: self._read.get(uri, 0) for uri in files}
        return [outcome for uri in files for outcome in self._grown(uri)]

    def _grown(self, uri: str) -> list[Outcome]:
        start = self._read[uri]
        data = read_from(uri, start)
        whole = data[: data.rfind(b"\n") + 1]  # the rest is being written
        self._read[uri] = start + len(whole)
        return [outcome for line in whole.splitlines() if (outcome := from_line(line)) is not None]


class _Group:
    """Lines that are written and synchronised together."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.error: OSError | None = None
        self.written = False


class Journal:
    """The journal file of one process; safe to append to from all its threads.

    Lines that come while the disk is busy with earlier ones are written together: one wait for the disk serves them all.

    Args:
        folder: journal folder of the run, a local path or a URI.
    """

    def __init__(self, folder: str) -> None:
        self._markers = store.local_path(store.join(folder, UNDER_WAY))
        self._folder, self._name = folder, uuid.uuid4().hex
        self._appender = self._file()
        self._next, self._joining, self._writing = _Group(), threading.Lock(), threading.Lock()

    def begin(self, scene: Scene) -> None:
        """Note that a scene is in progress, until `append`. In an object store nothing is noted: no process dies there.

        Raises:
            OSError: it cannot be written, a full disk for example.
        """
        if self._markers:
            self._markers.mkdir(parents=True, exist_ok=True)
            (self._markers / scene.scene_id).write_text(str(os.getpid()), encoding="ascii")

    @property
    def waiting(self) -> int:
        """Return how many lines wait while the disk is busy with others."""
        return len(self._next.lines)

    def append(self, outcome: Outcome) -> None:
        """Make an outcome durable: when this returns, a kill of the process no longer loses it.

        Raises:
            OSError: it cannot be written, a full disk for example.
        """
        line = to_line(outcome)
        with self._joining:
            group = self._next
            group.lines.append(line)
        with self._writing:
            if not group.written:  # by whoever was the first of the group to come here
                self._write(group)
        if group.error:
            raise group.error
        if self._markers:
            (self._markers / outcome.scene_id).unlink(missing_ok=True)

    def begin_new_file(self) -> None:
        """Append to another file from now on: nothing is written any more to those that this process has written so far."""
        with self._writing:
            self._appender.close()
            self._name = uuid.uuid4().hex
            self._appender = self._file()

    def appends_to(self, uri: str) -> bool:
        """Return whether a file, or an object, of the journal's folder is one that this process appends to now."""
        return store.name(uri).startswith(self._name)

    def close(self) -> None:
        """Close the file; the journal can be appended to no more."""
        self._appender.close()

    def _file(self) -> Appender:
        return appender(store.join(self._folder, f"{self._name}.jsonl"))

    def _write(self, group: _Group) -> None:
        with self._joining:
            self._next = _Group()
        try:
            self._appender.append("".join(group.lines).encode())
        except OSError as error:
            group.error = error
        group.written = True
