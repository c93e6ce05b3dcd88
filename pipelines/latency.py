"""`dpdeblur latency`: time one model alone, one picture after the other, as the challenge does.

Timed is what turns views into a picture: padding, the network, cropping. Reading, decoding, opening the model and the
warm-up runs are not. Timings of `deblur` are taken with other scenes beside them; these are the ones to publish.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import time
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from models.check import sample_planes
from models.machine import cpu_name, usable_cores
from models.session import Model, ModelError
from pipelines import options
from pipelines.model_options import add_model, open_model
from transforms.records import UsageError


@dataclass(frozen=True, slots=True)
class Latency:
    """What one picture takes, and on what.

    Attributes:
        model, model_sha256, backend: what was timed.
        threads: cores that one picture used.
        cpu, cores: what it ran on; `cores` is how many this process may use.
        load_average: processes that ran or waited over the last minute before, this machine's own work included; None
            where the system does not tell. Well above 0, others were at work too.
        width, height: of the picture, in pixels.
        runs_ms: wall time of each timed run.
        warmup: runs before, not counted.
        median_ms, p95_ms, mean_ms, min_ms, max_ms: of `runs_ms`.
        ms_per_megapixel: median over the picture's millions of pixels.
    """

    model: str
    model_sha256: str
    backend: str
    threads: int
    cpu: str
    cores: int
    load_average: float | None
    width: int
    height: int
    warmup: int
    median_ms: float
    p95_ms: float
    mean_ms: float
    min_ms: float
    max_ms: float
    ms_per_megapixel: float
    runs_ms: list[float]


def measure(model: Model, width: int, height: int, *, runs: int, warmup: int) -> Latency:
    """Restore the same picture again and again, alone.

    Raises:
        ModelError: where the model cannot restore it.
    """
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    planes = sample_planes(model, height, width)
    for _ in range(warmup):
        model.restore(planes, height, width)
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        model.restore(planes, height, width)
        times.append((time.perf_counter() - start) * 1e3)
    return Latency(
        model=model.name,
        model_sha256=model.sha256,
        backend=model.backend,
        threads=model.spec.threads,
        cpu=cpu_name(),
        cores=usable_cores(),
        load_average=load,
        width=width,
        height=height,
        warmup=warmup,
        median_ms=float(np.median(times)),
        p95_ms=float(np.percentile(times, 95)),
        mean_ms=float(np.mean(times)),
        min_ms=min(times),
        max_ms=max(times),
        ms_per_megapixel=float(np.median(times)) / (width * height / 1e6),
        runs_ms=times,
    )


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_model(parser)
    group = parser.add_argument_group("measurement")
    group.add_argument(
        "--size", type=_size, default=(1680, 1120), metavar="WxH", help="picture, in pixels (default: 1680x1120)"
    )
    group.add_argument("--runs", type=options.positive, default=20, metavar="N", help="timed runs (default: 20)")
    group.add_argument("--warmup", type=_whole, default=3, metavar="N", help="runs before these, not counted (default: 3)")
    group.add_argument(
        "--threads", type=options.positive, default=usable_cores(), metavar="N", help="cores for a picture (default: all)"
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
        latency = measure(open_model(args), width, height, runs=args.runs, warmup=args.warmup)
    except ModelError as error:
        raise UsageError(str(error)) from None
    Console(markup=False, highlight=False).print(_table(latency))
    if args.json:
        try:
            args.json.write_text(json.dumps(asdict(latency), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise UsageError(f"{args.json} cannot be written: {error.strerror}") from None
    return 0


def _table(latency: Latency) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    for key, value in (
        ("model", f"{latency.model} ({latency.backend})"),
        ("picture", f"{latency.width}x{latency.height}, one at a time"),
        ("runs", f"{len(latency.runs_ms)}, after {latency.warmup} to warm up"),
        ("median", f"{latency.median_ms:.1f} ms"),
        ("95th percentile", f"{latency.p95_ms:.1f} ms"),
        ("per megapixel", f"{latency.ms_per_megapixel:.1f} ms/MP"),
        ("threads", f"{latency.threads} of {latency.cores} cores"),
        ("CPU", latency.cpu),
    ):
        table.add_row(key, value)
    if latency.load_average is not None and latency.load_average > latency.cores / 2:
        table.add_row("note", f"the machine was busy before (load {latency.load_average:.1f}): times may be too long")
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
