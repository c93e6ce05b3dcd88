"""Make pipelines for an engine, with the options that it needs."""

from __future__ import annotations

import argparse
import functools
import logging
from collections.abc import Sequence

import apache_beam as beam
import grpc
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions, SetupOptions
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from dpdeblur.pipelines.engine import flink, prism
from dpdeblur.pipelines.engine.checks import check
from dpdeblur.pipelines.engine.local import PRISM, is_local
from dpdeblur.transforms.records import UsageError

_YEARS_S = 10 * 365 * 86400
_ENDLESS = (PRISM, flink.RUNNER, "DataflowRunner", "PortableRunner")


def stream_options(runner: str, beam_args: Sequence[str]) -> list[str]:
    """Return the Beam options for an endless pipeline, or for the small ones that replace it on the local engine.

    Args:
        runner: as asked for.
        beam_args: options of Beam.

    Raises:
        UsageError: the engine cannot do it, or is not there.
    """
    check(runner, beam_args)
    if is_local(runner):
        return list(beam_args)
    if runner not in _ENDLESS:
        raise UsageError(
            f"--runner {runner} cannot run an endless pipeline. Leave --runner out to use this machine, or choose "
            "PrismRunner or FlinkRunner (docs/clusters.md has the rest)."
        )
    return [*beam_args, "--streaming", *(prism.FOR_STREAMS if runner == PRISM else ())]


def make_pipeline(runner: str, beam_args: Sequence[str]) -> beam.Pipeline:
    """Make a pipeline on the engine asked for.

    Args:
        runner: `DirectRunner` is pinned to the in-process FnApiRunner: Beam's own DirectRunner would first look for another
            engine to download, and what runs would depend on the network.
        beam_args: further options of Beam, as on the command line.

    Raises:
        UsageError: the runner is known to lose data, or its job server does not answer.
    """
    check(runner, beam_args)
    if is_local(runner):
        return beam.Pipeline(runner=FnApiRunner(), options=PipelineOptions(list(beam_args)))
    own = flink.with_name_of_its_own(beam_args) if runner == flink.RUNNER else beam_args
    options = PipelineOptions([f"--runner={runner}", *own])
    options.view_as(SetupOptions).save_main_session = False
    if runner in (PRISM, "PortableRunner"):
        _let_it_run_on(options.view_as(PortableOptions))
    return beam.Pipeline(options=options)


def _let_it_run_on(options: PortableOptions) -> None:
    """Prevent `--job_server_timeout` from ending the job.

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


@functools.cache
def beam_flags() -> dict[str, bool]:
    """Return every option that Beam and its installed runners know, as `--name`, and whether it is a switch."""
    parser = argparse.ArgumentParser(allow_abbrev=False, conflict_handler="resolve")
    for options in PipelineOptions.__subclasses__():
        options._add_argparse_args(parser)
    return {flag: action.nargs == 0 for action in parser._actions for flag in action.option_strings}


def quieten() -> None:
    """Keep messages of Beam and its job servers at their end off the terminal."""
    for name in ("apache_beam", "FlinkJarJobServer", "SparkJarJobServer", "PrismJobServer"):
        logging.getLogger(name).setLevel(logging.ERROR)
