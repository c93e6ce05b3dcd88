"""`dpdeblur report`: a finished run as one HTML page that needs nothing but a browser."""

from __future__ import annotations

import argparse

from dpdeblur.pipelines.console import say
from dpdeblur.pipelines.html.report_page import write_report
from dpdeblur.transforms.records import UsageError

EXAMPLES = """examples:
  dpdeblur report runs/first
  dpdeblur report runs/first --output first.html

Pictures are shown where the run kept its own (deblur --images restored) and its input is still there.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All options of the command."""
    parser.epilog = EXAMPLES
    parser.add_argument("run", metavar="RUN", help="folder of a finished run")
    parser.add_argument("--output", metavar="FILE", help="where the page goes (default: RUN/report.html)")


def run(args: argparse.Namespace, beam_args: list[str]) -> int:
    """Write the page and say where it is.

    Raises:
        UsageError: the folder holds no finished run, or the page cannot be written.
    """
    if beam_args:
        raise UsageError(f"report runs no pipeline, so it has no option {beam_args[0]}.")
    say(f"Report: {write_report(args.run, args.output)}")
    return 0
