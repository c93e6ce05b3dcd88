"""The work of a run as files in its folder: the scenes still to do, and the outcomes of earlier attempts.

Engines do not accept a graph that carries millions of records inside itself. One that reads them from files stays small, and
any worker can read any part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import apache_beam as beam
from apache_beam.typehints import with_output_types

from dpdeblur.transforms.records import Outcome, Scene, scene_from_line
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables import journal

FOLDER = ".state/work"
LINES_PER_FILE = 50_000


def write_lines(folder: str, name: str, items: Iterable[Any], to_line: Callable[[Any], str]) -> list[str]:
    """Write items as files of lines, and return their names: at least one file, so that there is something to read."""
    names, rest = list[str](), iter(items)
    while (text := "".join(map(to_line, islice(rest, LINES_PER_FILE)))) or not names:
        names.append(store.join(folder, f"{name}-{len(names):05d}.jsonl"))
        store.write_whole(names[-1], (text or "\n").encode())  # Beam writes no empty object to S3
    return names


@with_output_types(Scene)
class ReadScenes(beam.PTransform):
    """Read the scenes in work files.

    The names are not reshuffled: of two reshuffles in a row Flink's optimiser drops the second, as if the records were
    balanced already, and the one that matters is that of the scenes.

    Args:
        files: names of the work files.
    """

    def __init__(self, files: Sequence[str]) -> None:
        super().__init__()
        self.files = files

    def expand(self, root: Any) -> beam.PCollection[Scene]:  # noqa: D102
        return root | beam.Create(self.files, reshuffle=False) | beam.FlatMap(read_lines) | beam.Map(scene_from_line)


@with_output_types(Outcome)
class ReadOutcomes(beam.PTransform):
    """Read the outcomes in work files.

    Args:
        files: names of the work files.
    """

    def __init__(self, files: Sequence[str]) -> None:
        super().__init__()
        self.files = files

    def expand(self, root: Any) -> beam.PCollection[Outcome]:  # noqa: D102
        return root | beam.Create(self.files) | beam.FlatMap(read_lines) | beam.Map(_outcome)


def read_lines(uri: str) -> list[str]:
    """Return the lines of a work file.

    Raises:
        OSError: it is gone, or cannot be read.
    """
    data = store.read_whole(uri)
    if data is None:
        raise OSError(f"the work file {uri} is gone")
    return [line for line in data.decode().split("\n") if line]  # other line ends may stand inside a string


def _outcome(line: str) -> Outcome:
    outcome = journal.from_line(line)
    if outcome is None:
        raise ValueError(f"a work file holds a line that is no outcome: {line[:200]}")
    return outcome
