"""The journal of finished scenes: one line for each outcome, durable as soon as its scene is done.

Every process that restores scenes appends to a file of its own, so that no two ever write to the same one. A line that a
kill cut short does not count: its scene is done again. Once all tables of a run are committed, its journal is deleted.

While a scene is in progress a file bears its name: should the process die, it is known what it was doing.
"""

from __future__ import annotations

import logging
import os
import threading
import uuid
from collections.abc import Iterator, Sequence

from dpdeblur.transforms.records import Outcome, Scene
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.appender import Appender, appender, read_from
from dpdeblur.transforms.tables.journal_lines import from_line, to_line
from dpdeblur.transforms.wording import counted

_log = logging.getLogger("dpdeblur")

FOLDER = ".state/journal"
UNDER_WAY = "under-way"  # inside it
_OBJECTS_AT_ONCE = 1000
_KEPT = "kept-"  # files of lines that an earlier attempt wrote begin so


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
