"""`dpdeblur report`: a finished run as one HTML page that needs nothing but a browser."""

from __future__ import annotations

from dpdeblur.pipelines.console import say
from dpdeblur.pipelines.html.report_page import write_report
from dpdeblur.pipelines.options.tools import ReportOptions


def run(options: ReportOptions) -> int:
    """Write the page and say where it is.

    Raises:
        UsageError: the folder holds no finished run, or the page cannot be written.
    """
    say(f"Report: {write_report(options.run, options.output, options.pictures.most)}")
    return 0
