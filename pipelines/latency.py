"""`dpdeblur latency`: time one model alone, one picture after the other, as the challenge does.

Timed is what turns views into a picture: padding, the network, cropping. Reading, decoding, opening the model and the
warm-up runs are not. Timings of `deblur` are taken with other scenes beside them; these are the ones to publish.
"""

from __future__ import annotations

import argparse
import json
import re
from dataclasses import asdict
from pathlib import Path

from rich.table import Table

from dpdeblur.models.machine import usable_cores
from dpdeblur.models.runtime.session import ModelError
from dpdeblur.models.runtime.timing import ModelTiming, time_model
from dpdeblur.pipelines.console import print_table, rich_console
from dpdeblur.pipelines.options import groups
from dpdeblur.pipelines.options.model_options import add_model, open_model
from dpdeblur.transforms.records import UsageError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_model(parser)
    group = parser.add_argument_group("measurement")
    group.add_argument(
        "--size", type=_size, default=(1680, 1120), metavar="WxH", help="picture, in pixels (default: 1680x1120)"
    )
    group.add_argument("--runs", type=groups.positive, default=20, metavar="N", help="timed runs (default: 20)")
    group.add_argument("--warmup", type=_whole, default=3, metavar="N", help="runs before these, not counted (default: 3)")
    group.add_argument(
        "--threads", type=groups.positive, default=usable_cores(), metavar="N", help="cores for a picture (default: all)"
    )
    group.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    parser.epilog = "example:\n  dpdeblur latency --model views-mean --size 1680x1120 --threads 1 --json latency.json"


def run(args: argparse.Namespace, beam_args: list[str]) -> int:
    """Measure, print a table, write JSON.

    Raises:
        UsageError: the model cannot be used, or the file not be written.
    """
    if beam_args:
        raise UsageError(f"unknown option {beam_args[0]}.")
    width, height = args.size
    try:
        timing = time_model(open_model(args), width, height, runs=args.runs, warmup=args.warmup)
    except ModelError as error:
        raise UsageError(str(error)) from None
    print_table(rich_console(), _table(timing))
    if args.json:
        try:
            args.json.write_text(json.dumps(asdict(timing), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{args.json} cannot be written: {error.strerror}") from None
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


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"([1-9]\d{0,5})[xX]([1-9]\d{0,5})", text.strip())
    if not match:
        raise argparse.ArgumentTypeError(f"{text!r} is not a size in pixels, such as 1680x1120")
    return int(match[1]), int(match[2])


def _whole(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number")
    return int(text)
