"""Which engine runs a pipeline, and with what options of its own."""

from __future__ import annotations

import argparse
import functools
import logging
import shutil
from collections.abc import Sequence

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions, SetupOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from dpdeblur.pipelines.engine import flink
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage import store

LOCAL, PRISM = "DirectRunner", "PrismRunner"
_YEARS_S = 10 * 365 * 86400
_REFUSED = {
    "DaskRunner": "it runs only part of the graph and loses the output of finish_bundle, yet reports success",
    "BundleBasedDirectRunner": "it splits no work; DirectRunner is pinned to the in-process runner that does",
    "InteractiveRunner": "it caches every intermediate value",
}

_ENDLESS = (PRISM, flink.RUNNER, "DataflowRunner", "PortableRunner")
_HOW_TO_GET_ONE = f"""
  On one machine: Prism, one program. Build it with Go:
    go install github.com/apache/beam/sdks/v2/go/cmd/prism@v{beam.__version__}
  and put it on the PATH, or add: --runner PrismRunner --prism_location $(go env GOPATH)/bin/prism
  On a cluster: --runner FlinkRunner --flink_master HOST:8081 (docs/clusters.md has the rest).
To restore once what is there now, no engine is needed: dpdeblur deblur."""


def endless(runner: str, beam_args: Sequence[str]) -> list[str]:
    """Return the options of Beam for a pipeline without end.

    Args:
        runner: as asked for.
        beam_args: options of Beam.

    Raises:
        UsageError: the engine cannot do it, or is not there; says how to get one that can.
    """
    if runner not in _ENDLESS:
        raise UsageError(f"--runner {runner} cannot run a pipeline without end.{_HOW_TO_GET_ONE}")
    located = any(word.split("=")[0] in ("--prism_location", "--job_endpoint") for word in beam_args)
    prism = None if located else shutil.which("prism")
    if runner == PRISM:
        if not (located or prism):
            raise UsageError(f"An engine that runs without end is needed, and Prism is not on the PATH.{_HOW_TO_GET_ONE}")
        beam_args = [*beam_args, *([f"--prism_location={prism}"] if prism else [])]
    return [*beam_args, "--streaming"]


def is_here(runner: str) -> bool:
    """Return whether the scenes are worked on inside this very process."""
    return is_local(runner) or runner == PRISM


def is_local(runner: str) -> bool:
    """Return whether the pipeline runs inside this very process."""
    return runner in (LOCAL, "FnApiRunner")


def check(runner: str) -> None:
    """Refuse engines that lose data.

    Raises:
        UsageError: and why.
    """
    if runner in _REFUSED:
        raise UsageError(f"--runner {runner} is refused: {_REFUSED[runner]}.")


def make_pipeline(runner: str, beam_args: Sequence[str]) -> beam.Pipeline:
    """Make a pipeline on the engine asked for.

    Args:
        runner: `DirectRunner` is pinned to the in-process FnApiRunner: Beam's own DirectRunner would first look for another
            engine to download, and what runs would depend on the network.
        beam_args: further options of Beam, as on the command line.

    Raises:
        UsageError: the runner is known to lose data, or its job server does not answer.
    """
    check(runner)
    if is_local(runner):
        return beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(list(beam_args)))
    own = flink.with_name_of_its_own(beam_args) if runner == flink.RUNNER else beam_args
    options = PipelineOptions([f"--runner={runner}", *own])
    options.view_as(SetupOptions).save_main_session = False
    if runner in (PRISM, "PortableRunner"):
        _let_it_run_on(options.view_as(PortableOptions))
    return beam.Pipeline(options=options)


def _let_it_run_on(options: PortableOptions) -> None:
    """Keep `--job_server_timeout` from ending the job.

    It is meant for the answers of the job server. Beam's portable runner also makes it the deadline of the stream of states,
    at which the job counts as failed, without a reason.

    Raises:
        UsageError: no job server answers in that time.
    """
    if options.job_endpoint and options.job_endpoint != "embed":
        with grpc.insecure_channel(options.job_endpoint) as channel:
            try:
                grpc.channel_ready_future(channel).result(timeout=options.job_server_timeout)
            except grpc.FutureTimeoutError:
                waited = f"{options.job_server_timeout} s"
                raise UsageError(f"No job server answers at --job_endpoint {options.job_endpoint} within {waited}.") from None
    options.job_server_timeout = _YEARS_S


def open_file_systems(beam_args: Sequence[str]) -> None:
    """Let Beam's file systems know their options (`--s3_endpoint_url`, …) before the first file is listed."""
    store.configure(beam_args)


@functools.cache
def beam_flags() -> dict[str, bool]:
    """Return every option that Beam and its installed runners know, as `--name`, and whether it is a switch."""
    parser = argparse.ArgumentParser(allow_abbrev=False, conflict_handler="resolve")
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    return {flag: action.nargs == 0 for action in parser._actions for flag in action.option_strings}


def quieten() -> None:
    """Keep what Beam and its job servers say as they end off the terminal."""
    for name in ("apache_beam", "FlinkJarJobServer", "SparkJarJobServer", "PrismJobServer"):
        logging.getLogger(name).setLevel(logging.ERROR)
