"""Prism, Beam's own small engine: one program, which Beam downloads and keeps, or whose path the user gives."""

from __future__ import annotations

from collections.abc import Sequence

import apache_beam as beam
from apache_beam.options.pipeline_options import PipelineOptions, PortableOptions, PrismRunnerOptions
from apache_beam.runners.portability.prism_runner import PrismJobServer

from dpdeblur.transforms.records import UsageError

FOR_STREAMS = ("--experiments=prism_disable_sdf_split",)
"""Options without which a stream may lose records.

Prism halves what a slow step has left to do. Of ticks without end, the second half begins in the year 148 thousand: the step's
watermark goes there, and whatever comes by our clocks is dropped as late.
"""


def fetch(beam_args: Sequence[str]) -> None:
    """Have Beam download Prism, unless it is downloaded or a path is given. A program of that name on the PATH is not used.

    Args:
        beam_args: options of Beam, as on the command line.

    Raises:
        UsageError: it cannot be downloaded; says how to build it.
    """
    options = PipelineOptions(list(beam_args))
    if options.view_as(PrismRunnerOptions).prism_location or options.view_as(PortableOptions).job_endpoint:
        return
    try:
        PrismJobServer.local_bin(PrismJobServer(options).path_to_binary())
    except (OSError, ValueError, RuntimeError) as error:
        raise UsageError(
            f"Beam cannot download Prism: {error}. Without a network, build it with Go:\n"
            f"  go install github.com/apache/beam/sdks/v2/go/cmd/prism@v{beam.__version__}\n"
            "and give its path: --prism_location $(go env GOPATH)/bin/prism"
        ) from error
