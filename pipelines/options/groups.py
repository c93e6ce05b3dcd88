"""Options that several commands share, each explained once and checked once."""

from __future__ import annotations

import argparse
import re
from typing import Any

from dpdeblur.models.machine import memory_bytes, usable_cores
from dpdeblur.pipelines.engine import runners
from dpdeblur.transforms.images.tone_curve import ToneCurve
from dpdeblur.transforms.layouts import LAYOUTS
from dpdeblur.transforms.stages import Reading

SCENE_MEMORY = 2**30  # bytes for each scene under way: with less, pictures of a camera do not fit, not even in tiles
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}


def add_input(parser: argparse.ArgumentParser) -> None:
    """Where the scenes are, and how they are laid out."""
    group = parser.add_argument_group("scenes")
    group.add_argument(
        "--input", required=True, metavar="SRC", help="folder, shard, manifest, or any URI of these (s3://, gs://, …)"
    )
    layouts = "; ".join(f"{name}: {meaning}" for name, meaning in LAYOUTS.items())
    group.add_argument(
        "--layout",
        default="auto",
        choices=["auto", *LAYOUTS],
        help=f"how scenes are laid out (default: auto, recognised). {layouts}",
    )


def add_output(parser: argparse.ArgumentParser, *, images: bool = True) -> None:
    """Where results go. Args: images: whether the command can write pictures."""
    group = parser.add_argument_group("results")
    group.add_argument("--output", required=True, metavar="RUN", help="folder of the run, local or any URI; made if missing")
    group.add_argument("--quiet", action="store_true", help="print errors only")
    if images:
        help_images = "restored: also write images/<scene_id>.png (default: none)"
        group.add_argument("--images", choices=["restored", "none"], default="none", help=help_images)


def add_resuming(parser: argparse.ArgumentParser, *, limit: bool = True) -> None:
    """What to do with a run that is there already, and when to give up. Args: limit: whether the scenes can be counted."""
    group = parser.add_argument_group("resuming")
    group.add_argument("--restart", action="store_true", help="forget the run in RUN and begin anew")
    group.add_argument("--retry-failed", action="store_true", help="try the failed scenes of the run again")
    if limit:
        group.add_argument("--max-failures", type=share, metavar="N|P%", help="stop when more scenes, or a larger share, fail")


def add_pixels(parser: argparse.ArgumentParser) -> None:
    """How the integers of the views relate to light, and targets to views."""
    group = parser.add_argument_group("pixels")
    group.add_argument("--black-level", type=float, default=0, metavar="V", help="sample that means no light (default: 0)")
    group.add_argument(
        "--white-level", type=float, metavar="V", help="sample that means full light (default: the largest of the file's depth)"
    )
    group.add_argument(
        "--transfer",
        choices=["srgb", "linear"],
        default="srgb",
        help="linear: sensor data, proportional to light (default: srgb)",
    )
    group.add_argument(
        "--balance-views",
        action="store_true",
        help="undo the smooth difference in brightness between the views of uncalibrated (phone) sensors, which our models "
        "bear and others may not",
    )
    group.add_argument(
        "--target-fit",
        choices=["exact", "center"],
        default="exact",
        help="center: targets are the central crop of the views (default: exact)",
    )
    group.add_argument(
        "--max-pixels", type=number, default=250_000_000, metavar="N", help="refuse larger pictures (default: 250 million)"
    )


def add_speed(parser: argparse.ArgumentParser, *, model: bool = True) -> None:
    """How much of the machine is used. Args: model: whether the command runs one."""
    group = parser.add_argument_group("speed")
    group.add_argument(
        "--workers", type=positive, metavar="N", help="scenes under way at once in one process (default: the cores)"
    )
    if not model:
        parser.set_defaults(threads=1)
        return
    group.add_argument(
        "--threads", type=positive, default=1, metavar="N", help="threads of the model for one scene (default: 1)"
    )
    help_memory = "what restoring may take at once, e.g. 8GB: larger pictures go in tiles"
    group.add_argument("--max-memory", type=size, metavar="SIZE", help=help_memory)


def pixel_settings(args: argparse.Namespace) -> dict[str, Any]:
    """What the options of `add_pixels` say, by name, checked.

    Raises:
        UsageError: the levels make no sense.
    """
    _tone(args)
    names = ("black_level", "white_level", "transfer", "balance_views", "target_fit", "max_pixels")
    return {name: getattr(args, name) for name in names}


def reading(args: argparse.Namespace, digest: str) -> Reading:
    """How pictures are read and compared. Args: digest: of every setting that changes a result."""
    return Reading(_tone(args), args.target_fit, args.max_pixels, args.balance_views, digest, workers(args))


def _tone(args: argparse.Namespace) -> ToneCurve:
    return ToneCurve(black_level=args.black_level, white_level=args.white_level, transfer=args.transfer)


def positive(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return int(text)


def number(text: str) -> int:
    """A whole number of at least 1, perhaps written 250e6 or 250M."""
    try:
        value = int(float(text[:-1]) * 1e6) if text.upper().endswith("M") else int(float(text))
    except (ValueError, OverflowError):
        value = 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 1, such as 250M")
    return value


def size(text: str) -> int:
    """Bytes: `256MB`, `1.5 GiB`, `1000000`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text.strip().lower())
    unit = match and match[2].upper()
    if not match or unit not in _UNITS or not (value := int(float(match[1]) * _UNITS[unit])):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size, such as 256MB or 8GiB")
    return value


def duration(text: str) -> float:
    """Seconds, more than 0: `90`, `1.5s`, `10min`, `1h`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(s|sec|m|min|h)?", text.strip().lower())
    seconds = float(match[1]) * {"m": 60, "min": 60, "h": 3600}.get(match[2], 1) if match else 0.0
    if not seconds:
        raise argparse.ArgumentTypeError(f"{text!r} is not a time, such as 90s, 10min or 1h")
    return seconds


def share(text: str) -> tuple[float, bool]:
    """A number of scenes, `20`, or a share of them, `5%`: the value, and whether it is a share."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(%?)", text.strip())
    if not match or (match[2] and float(match[1]) > 100) or (not match[2] and not match[1].isdecimal()):
        raise argparse.ArgumentTypeError(f"{text!r} is neither a number of scenes, such as 20, nor a share, such as 5%")
    return float(match[1]) / (100 if match[2] else 1), bool(match[2])


def workers(args: argparse.Namespace) -> int:
    """Return how many scenes to work on at once in one process.

    As many as asked for. Otherwise one where the engine itself runs several processes, and here as many as the CPU and the
    memory that this process may use allow.
    """
    if args.workers:
        return int(args.workers)
    return max(1, min(usable_cores() // args.threads, memory_bytes() // SCENE_MEMORY)) if runners.is_here(args.runner) else 1
