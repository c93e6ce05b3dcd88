"""The commands as Python functions: what `dpdeblur deblur`, `score`, `pack` and `synthesize` do, and what they made.

    from dpdeblur.pipelines.api import deblur

    run = deblur(input="scenes", output="runs/first", model="views-mean", images="restored")
    run.metrics.to_pandas()

Every option of the command line is an argument by the same name, `black_level` for `--black-level`, and goes through the same
parser: what one refuses, the other refuses. `None` leaves an option at its default. Nothing is printed but errors, unless
`quiet=False`. The work is done in this process; the command line has it done by a child, which may crash without harm.
"""

from __future__ import annotations

from os import PathLike
from typing import Any

from dpdeblur.pipelines import cli, exitcodes
from dpdeblur.transforms.layouts import Found, find_scenes
from dpdeblur.transforms.records import JobError, UsageError
from dpdeblur.transforms.tables.results import Run, read_run

__all__ = ["JobError", "UsageError", "deblur", "pack", "score", "synthesize"]

Place = str | PathLike[str]  # a local path, or any URI that Beam's file systems open


def deblur(*, input: Place, output: Place, **options: Any) -> Run:
    """Restore the scenes in `input`, score them where they have a target, and give back the finished run.

    Scenes that failed are rows of `run.failures`. A run that was cut short goes on where it was.

    Args:
        input: folder, shard or manifest.
        output: folder of the run; made if missing.
        options: all others of `dpdeblur deblur`, and Beam's.

    Raises:
        UsageError: the options, the inputs or the model are wrong, or the folder holds another run. Nothing was done.
        JobError: the job failed, a full disk for example; what is finished stays finished.
    """
    _call("deblur", input=input, output=output, **options)
    return read_run(str(output))


def score(*, input: Place, restored: Place, output: Place, **options: Any) -> Run:
    """Score the pictures in `restored`, which someone else made, and give back the finished run.

    Args:
        input: the scenes, with their targets.
        restored: folder of restored pictures, named as the scenes are.
        output: folder of the run; made if missing.
        options: all others of `dpdeblur score`, `protocol` for example.

    Raises:
        UsageError, JobError: as `deblur`.
    """
    _call("score", input=input, restored=restored, output=output, **options)
    return read_run(str(output))


def pack(*, input: Place, output: Place, **options: Any) -> Found:
    """Pack scenes into WebDataset tars, and give back what lies there now.

    Args:
        input: folder or manifest.
        output: folder of the shards; empty or new. Scenes that could not be packed are listed in its `failures/`.
        options: all others of `dpdeblur pack`.

    Raises:
        UsageError, JobError: as `deblur`.
    """
    _call("pack", input=input, output=output, **options)
    return find_scenes(str(output), "shards")


def synthesize(*, output: Place, scenes: int, **options: Any) -> Found:
    """Make dual-pixel scenes with known blur, and give back what lies there now.

    Args:
        output: folder; empty or new.
        scenes: how many to make.
        options: all others of `dpdeblur synthesize`, `size="320x240"` for example.

    Raises:
        UsageError, JobError: as `deblur`.
    """
    _call("synthesize", output=output, scenes=scenes, **options)
    return find_scenes(str(output))


def _call(command: str, **options: Any) -> None:
    given = {"quiet": True, **{name: value for name, value in options.items() if value is not None}}
    code = cli.call(command, given)
    if code >= exitcodes.INTERRUPTED:
        raise KeyboardInterrupt(f"{command} was stopped by a signal.")
    if code not in (exitcodes.OK, exitcodes.WITH_FAILURES):
        raise JobError(f"{command} failed: standard error says why, and log.txt in {options['output']} says more.")
