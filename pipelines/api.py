"""The commands `deblur`, `score`, `watch`, `pack` and `synthesize` as Python functions, which return their results.

    import dpdeblur

    run = dpdeblur.deblur(input="scenes", output="runs/first", model="views-mean", images="restored")
    run.metrics.to_pandas()

Every option of the command line is a keyword argument by the same name, `black_level` for `--black-level`, and takes the same
text, or the value itself: `max_memory="8GB"` or `max_memory=8_000_000_000`. Options of Apache Beam go into `beam_options`.
`None` leaves an option at its default. Nothing is printed, unless `quiet=False`. In a block `with RunControl() as control:`,
`control` follows the run, and stops it. The work is done in this process;
on the command line a child process does it, which may crash without harm.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from dpdeblur.pipelines import cli
from dpdeblur.pipelines.options import command_line
from dpdeblur.pipelines.options.beam_words import beam_words
from dpdeblur.pipelines.options.commands import COMMANDS
from dpdeblur.pipelines.options.datasets import PackOptions, SynthesizeOptions
from dpdeblur.pipelines.options.declaration import options_of
from dpdeblur.pipelines.options.jobs import DeblurOptions, ScoreOptions, WatchOptions
from dpdeblur.transforms.layouts import Found, find_scenes
from dpdeblur.transforms.records import JobError, UsageError
from dpdeblur.transforms.run_control import RunControl
from dpdeblur.transforms.tables.results import Run, read_run

__all__ = ["JobError", "RunControl", "UsageError", "deblur", "pack", "score", "synthesize", "watch"]

P = ParamSpec("P")
OptionsT = TypeVar("OptionsT")
MadeT = TypeVar("MadeT")


def _described(command: type[Any]) -> str:
    return "\n".join(f"    {option.name}: {option.help}." for option in options_of(command))


def _signature(command: type[Any], function: Callable[..., Any]) -> inspect.Signature:
    """Return the arguments of the options' constructor in the order of `--help`, required ones first."""
    arguments = inspect.signature(command).parameters
    options = sorted(options_of(command), key=lambda option: not option.required)
    return inspect.Signature(
        [arguments[option.name] for option in options], return_annotation=function.__annotations__["return"]
    )


def _options(command: str, said: dict[str, Any]) -> Any:
    given = {name: value for name, value in said.items() if value is not None}
    try:
        beam = beam_words(given.pop("beam_options", ()))
    except ValueError as error:
        raise UsageError(f"beam_options: {error}.") from None
    return command_line.options(command, command_line.Said(given, {}, beam))


def _taking(command: Callable[P, OptionsT]) -> Callable[[Callable[[OptionsT], MadeT]], Callable[P, MadeT]]:
    """Make a function that takes the options of a command take each of them as an argument, with its type and default.

    Args:
        command: the class of its options, whose constructor has the arguments.
    """
    name = next(name for name, kind in COMMANDS.items() if kind is command)

    def decorate(function: Callable[[OptionsT], MadeT]) -> Callable[P, MadeT]:
        @functools.wraps(function)
        def call(*args: P.args, **said: P.kwargs) -> MadeT:
            if args:
                raise UsageError(f"{name} takes its options by name, as in {name}(output=…): not {args[0]!r} alone.")
            return function(_options(name, {"quiet": True, **said}))

        call.__doc__ = f"{inspect.cleandoc(function.__doc__ or '')}\n\nArgs:\n{_described(COMMANDS[name])}"
        call.__signature__ = _signature(COMMANDS[name], function)  # type: ignore[attr-defined]
        return call

    return decorate


@_taking(DeblurOptions)
def deblur(options: DeblurOptions) -> Run:
    """Restore scenes, score those with a target, and return the finished run.

    Scenes that failed are rows of `run.failures`. An interrupted run resumes where it stopped.

    Raises:
        UsageError: the options, the inputs or the model are wrong, or the folder holds another run. Nothing was done.
        JobError: the job failed, a full disk for example, with its cause; what is finished stays finished.
        KeyboardInterrupt: it was stopped by a signal; what is finished stays finished.
    """
    cli.run(options)
    return read_run(options.output)


@_taking(ScoreOptions)
def score(options: ScoreOptions) -> Run:
    """Score pictures that another program restored, and return the finished run.

    Raises:
        UsageError, JobError: as `deblur`.
    """
    cli.run(options)
    return read_run(options.output)


@_taking(WatchOptions)
def watch(options: WatchOptions) -> Run:
    """Restore scenes as they arrive in a folder, until `until_idle` or a signal stops it, and return the run.

    Raises:
        UsageError: as `deblur`; or no engine that runs without end is there.
        JobError, KeyboardInterrupt: as `deblur`.
    """
    cli.run(options)
    return read_run(options.output)


@_taking(PackOptions)
def pack(options: PackOptions) -> Found:
    """Pack scenes into WebDataset tars, and return the shards' scenes.

    Scenes that could not be packed are listed in the folder's `failures/`.

    Raises:
        UsageError, JobError: as `deblur`.
    """
    cli.run(options)
    return find_scenes(options.output, "shards")


@_taking(SynthesizeOptions)
def synthesize(options: SynthesizeOptions) -> Found:
    """Make dual-pixel scenes with known blur, and return them.

    Raises:
        UsageError, JobError: as `deblur`.
    """
    cli.run(options)
    return find_scenes(options.output)
