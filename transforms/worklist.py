"""Read the scenes still to do, and outcomes of earlier attempts, from the work files of a run.

Engines do not accept a graph that carries millions of records inside itself. One that reads them from files stays small, and
any worker can read any part.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import apache_beam as beam
from apache_beam.typehints import with_output_types

from dpdeblur.transforms.records import Outcome, Scene, scene_from_line
from dpdeblur.transforms.resuming.work_files import read_lines
from dpdeblur.transforms.tables import journal_lines


@with_output_types(str)
class ReadLines(beam.PTransform):
    """Read the lines of work files.

    Args:
        files: their names.
        reshuffle: whether files are spread over the workers.
    """

    def __init__(self, files: Sequence[str], *, reshuffle: bool = True) -> None:
        super().__init__()
        self.files = [os.fsencode(file) for file in files]  # the folder of a run may have a name that is not UTF-8
        self.reshuffle = reshuffle

    def expand(self, root: Any) -> beam.PCollection[str]:  # noqa: D102
        names = root | beam.Create(self.files, reshuffle=self.reshuffle)
        return names | beam.FlatMap(lambda file: read_lines(os.fsdecode(file)))


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
        return root | ReadLines(self.files, reshuffle=False) | beam.Map(scene_from_line)


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
        return root | ReadLines(self.files) | beam.Map(_outcome)


def _outcome(line: str) -> Outcome:
    outcome = journal_lines.from_line(line)
    if outcome is None:
        raise ValueError(f"a work file holds a line that is not an outcome: {line[:200]}")
    return outcome
