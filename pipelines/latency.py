"""`dpdeblur latency`: time a model on one picture at a time, as the NTIRE challenge does.

Padding, the network and cropping are timed; reading, decoding, opening the model and the warm-up runs are not.
Timings of `deblur` are taken with other scenes at the same time; publish these instead.
"""

from __future__ import annotations

import json
from dataclasses import asdict

from rich.table import Table

from dpdeblur.models.machine import usable_cores
from dpdeblur.models.runtime.session import ModelError
from dpdeblur.models.runtime.timing import ModelTiming, time_model
from dpdeblur.pipelines.console import print_table, rich_console
from dpdeblur.pipelines.options.model_opening import open_model
from dpdeblur.pipelines.options.model_tools import LatencyOptions
from dpdeblur.transforms.records import UsageError


def run(options: LatencyOptions) -> int:
    """Measure, print a table, write JSON.

    Raises:
        UsageError: the model cannot be used, or the file not be written.
    """
    width, height = options.size
    threads = options.threads or usable_cores()
    try:
        model = open_model(options.model, options.backend, options, threads=threads, self_ensemble=options.self_ensemble)
        timing = time_model(model, width, height, runs=options.runs, warmup=options.warmup)
    except ModelError as error:
        raise UsageError(str(error)) from None
    print_table(rich_console(), _table(timing))
    if options.json:
        try:
            options.json.write_text(json.dumps(asdict(timing), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{options.json} cannot be written: {error.strerror}") from None
    return 0


def _table(timing: ModelTiming) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    for key, value in (
        ("model", f"{timing.model} ({timing.backend})"),
        ("picture", f"{timing.width}x{timing.height}, one at a time"),
        ("runs", f"{len(timing.runs_ms)}, after {timing.warmup} to warm up"),
        ("median", f"{timing.median_ms:.1f} ms"),
        ("95th percentile", f"{timing.p95_ms:.1f} ms"),
        ("per megapixel", f"{timing.ms_per_megapixel:.1f} ms/MP"),
        ("threads", f"{timing.threads} of {timing.cores} cores"),
        ("CPU", timing.cpu),
    ):
        table.add_row(key, value)
    if timing.load_average is not None and timing.load_average > timing.cores / 2:
        table.add_row("note", f"the machine was busy before (load {timing.load_average:.1f}): times may be too long")
    return table
