"""Which engine runs a pipeline, and with what options of its own."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Sequence

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions, SetupOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines import flink
from transforms.records import UsageError

LOCAL = "DirectRunner"
_REFUSED = {
    "DaskRunner": "it runs only part of the graph and loses the output of finish_bundle, yet reports success",
    "BundleBasedDirectRunner": "it splits no work; DirectRunner is pinned to the in-process runner that does",
    "InteractiveRunner": "it caches every intermediate value",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The one Beam option that we explain ourselves; all others are passed through untouched."""
    group = parser.add_argument_group(
        "engine", "Options of Apache Beam and of its runners may follow, and are passed on untouched."
    )
    group.add_argument(
        "--runner",
        default=LOCAL,
        metavar="NAME",
        help="DirectRunner: this machine, in this process (default); or FlinkRunner, SparkRunner, PrismRunner, …",
    )


def is_local(runner: str) -> bool:
    """Whether the pipeline runs inside this very process."""
    return runner in (LOCAL, "FnApiRunner")


def check(runner: str) -> None:
    """Refuse engines that lose data.

    Raises:
        UsageError: and why.
    """
    if runner in _REFUSED:
        raise UsageError(f"--runner {runner} is refused: {_REFUSED[runner]}.")


def make_pipeline(runner: str, beam_args: Sequence[str]) -> beam.Pipeline:
    """A pipeline on the engine asked for.

    Args:
        runner: `DirectRunner` is pinned to the in-process FnApiRunner: Beam's own DirectRunner would first look for another
            engine to download, and what runs would depend on the network.
        beam_args: further options of Beam, as on the command line.

    Raises:
        UsageError: a runner that is known to lose data.
    """
    check(runner)
    if is_local(runner):
        return beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(list(beam_args)))
    own = flink.with_name_of_its_own(beam_args) if runner == flink.RUNNER else beam_args
    options = PipelineOptions([f"--runner={runner}", *own])
    options.view_as(SetupOptions).save_main_session = False
    return beam.Pipeline(options=options)


def open_file_systems(beam_args: Sequence[str]) -> None:
    """Let Beam's file systems know their options (`--s3_endpoint_url`, …) before the first file is listed."""
    FileSystems.set_options(PipelineOptions(list(beam_args)))


def beam_flags() -> list[str]:
    """Every option that Beam and its installed runners know, as `--name`."""
    parser = argparse.ArgumentParser(allow_abbrev=False, conflict_handler="resolve")
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    return [flag for action in parser._actions for flag in action.option_strings]


def quieten() -> None:
    """Keep what Beam and its job servers say as they end off the terminal: what a user reads there is ours."""
    for name in ("apache_beam", "FlinkJarJobServer", "SparkJarJobServer", "PrismJobServer"):
        logging.getLogger(name).setLevel(logging.ERROR)
