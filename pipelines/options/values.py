"""Values of options: read from text or from a Python value, and written back to text.

Each reader takes its own values too, so that reading twice changes nothing, and `read(text(read(said))) == read(said)`.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from attrs import frozen

from dpdeblur.transforms.selection import Part

_NO_PLACE = re.compile(r"(?!file:///)[a-z][a-z0-9+.-]*:/{2,}", re.IGNORECASE)  # "s3://", as of a variable that is empty
_UNITS = {"": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30, "TIB": 2**40}
_SECONDS = {None: 1, "s": 1, "sec": 1, "m": 60, "min": 60, "h": 3600}

SMALLEST, LARGEST = 64, 16384  # pixels, each side of a scene that is made
LARGEST_RADIUS = 64.0  # pixels


@frozen
class Share:
    """A number of scenes, or a share of them.

    Attributes:
        value: scenes, or percent of them.
        percent: whether it is a share.
    """

    value: float
    percent: bool = False

    def of(self, scenes: int) -> float:
        """Return how many scenes this is, out of `scenes`."""
        return self.value / 100 * scenes if self.percent else self.value

    def __str__(self) -> str:
        return f"{text(self.value)}{'%' if self.percent else ''}"


class PixelSize(NamedTuple):
    """Width and height of a picture, in pixels."""

    width: int
    height: int

    def __str__(self) -> str:
        return f"{self.width}x{self.height}"


class Names(tuple[str, ...]):
    """Several names, written with commas between them."""

    __slots__ = ()

    def __str__(self) -> str:
        return ",".join(self)


class NamedRun(NamedTuple):
    """A run and its name in a comparison."""

    name: str
    folder: str

    def __str__(self) -> str:
        return f"{self.name}={self.folder}"


@frozen
class SceneLimit:
    """How many scenes at most; None for all."""

    most: int | None

    def __str__(self) -> str:
        return "all" if self.most is None else str(self.most)


def text(value: object) -> str:
    """Write a value as the command line and the YAML file take it.

    >>> text(64.0), text(0.1), text(True), text(PixelSize(320, 240)), text(Share(5, percent=True))
    ('64', '0.1', 'true', '320x240', '5%')
    """
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return os.fspath(value) if isinstance(value, os.PathLike) else str(value)


def words(said: str | os.PathLike[str]) -> str:
    """Read a name, a place or any other text; it must not be empty."""
    if isinstance(said, bool) or not isinstance(said, str | os.PathLike):
        raise ValueError(f"{said!r} is no text")
    if not (found := text(said)).strip():
        raise ValueError("the value is empty")
    if _NO_PLACE.fullmatch(found.strip()):
        raise ValueError(f"{found} is only the beginning of an address: name the bucket or the folder too")
    return found


def names(said: str | Iterable[str]) -> Names:
    """Read names with commas between them, or a list of names.

    >>> names("psnr, lpips"), text(names(["psnr", "lpips"]))
    (('psnr', 'lpips'), 'psnr,lpips')
    """
    parts = said.split(",") if isinstance(said, str) else said
    return Names(words(part).strip() for part in parts)


def path(said: str | os.PathLike[str]) -> Path:
    """Read a local path; it must not be empty."""
    return Path(words(said))


def several(said: str | os.PathLike[str] | Iterable[str | os.PathLike[str]]) -> tuple[str, ...]:
    """Read one text or several."""
    return tuple(map(words, [said] if isinstance(said, str | os.PathLike) else said))


def named_runs(said: str | Iterable[str | NamedRun]) -> tuple[NamedRun, ...]:
    """Read runs with names of their own: `NAME=RUN`."""
    return tuple(map(_named_run, [said] if isinstance(said, str) else said))


def _named_run(said: str | NamedRun) -> NamedRun:
    name, sign, folder = text(said).partition("=")
    if not (name and sign and folder):
        raise ValueError(f"{text(said)!r} is not NAME=RUN, such as Ours=runs/mine")
    return NamedRun(name, folder)


def scene_limit(said: SceneLimit | int | str) -> SceneLimit:
    """Read a number of scenes, or `all`."""
    if isinstance(said, SceneLimit):
        return said
    return SceneLimit(None if said == "all" else whole(said))


def whole(said: int | str) -> int:
    """Read a whole number of at least 0."""
    if not _digits(said):
        raise ValueError(f"{text(said)!r} is not a whole number of at least 0")
    return int(said)


def positive(said: int | str) -> int:
    """Read a whole number of at least 1."""
    if not _digits(said) or int(said) < 1:
        raise ValueError(f"{text(said)!r} is not a whole number of at least 1")
    return int(said)


def number(said: float | str) -> int:
    """Read a whole number of at least 1, which may be written 250e6 or 250M."""
    word = text(said)
    try:
        value = float(word[:-1]) * 1e6 if word.upper().endswith("M") else float(word)
    except ValueError:
        value = 0.0
    if not (1 <= value < math.inf) or isinstance(said, bool):
        raise ValueError(f"{word!r} is not a number of at least 1, such as 250M")
    return int(word) if _digits(word) else int(value)


def real(said: float | str) -> float:
    """Read a finite number."""
    try:
        value = math.nan if isinstance(said, bool) else float(said)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text(said)!r} is not a number")
    return value


def price(said: float | str) -> float:
    """Read a price: a number of at least 0, such as 0.04."""
    value = real(said)
    if value < 0:
        raise ValueError(f"{text(said)!r} is not a price, such as 0.04")
    return value


def size(said: int | str) -> int:
    """Read a number of bytes: `256MB`, `1.5 GiB`, `1000000`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([a-z]*)", text(said).strip().lower(), re.ASCII)
    unit = match and match[2].upper()
    if not match or unit not in _UNITS or not (value := _bytes(match[1], _UNITS[unit])):
        raise ValueError(f"{text(said)!r} is not a size, such as 256MB or 8GiB")
    return value


def duration(said: float | str) -> float:
    """Read a time in seconds, more than 0: `90`, `1.5s`, `10min`, `1h`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:e-?\d+)?)\s*(s|sec|m|min|h)?", text(said).strip().lower(), re.ASCII)
    seconds = float(match[1]) * _SECONDS[match[2]] if match else 0.0
    if not 0 < seconds < math.inf:
        raise ValueError(f"{text(said)!r} is not a time, such as 90s, 10min or 1h")
    return seconds


def share(said: Share | int | str) -> Share:
    """Read a number of scenes, `20`, or a share of them, `5%`."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?(?:e-?\d+)?)(%?)", text(said).strip(), re.ASCII)
    if not match or (match[2] and float(match[1]) > 100) or (not match[2] and not match[1].isdecimal()):
        raise ValueError(f"{text(said)!r} is neither a number of scenes, such as 20, nor a share, such as 5%")
    return Share(float(match[1]), percent=bool(match[2]))


def part(said: Part | str) -> Part:
    """Read one of several parts, from 1: `2/8`."""
    match = re.fullmatch(r"(\d+)/(\d+)", text(said).strip(), re.ASCII)
    if not match or not 1 <= int(match[1]) <= int(match[2]):
        raise ValueError(f"{text(said)!r} is not a part such as 1/8, from 1/8 to 8/8")
    return Part(int(match[1]), int(match[2]))


def pixel_size(said: tuple[int, int] | str) -> PixelSize:
    """Read a width and a height in pixels: `1680x1120`."""
    word = "x".join(map(text, said)) if isinstance(said, tuple | list) else text(said)
    match = re.fullmatch(r"([1-9]\d{0,5})[xX]([1-9]\d{0,5})", word.strip(), re.ASCII)
    if not match:
        raise ValueError(f"{word!r} is not a width and a height in pixels, such as 1680x1120")
    return PixelSize(int(match[1]), int(match[2]))


def scene_size(said: tuple[int, int] | str) -> PixelSize:
    """Read the size of a scene that is made, each side from `SMALLEST` to `LARGEST` pixels."""
    found = pixel_size(said)
    if not SMALLEST <= min(found) <= max(found) <= LARGEST:
        raise ValueError(f"{found} is not a width and a height such as 1680x1120, each from {SMALLEST} to {LARGEST}")
    return found


def blur_radius(said: float | str) -> float:
    """Read a blur radius in pixels, from 0 to `LARGEST_RADIUS`."""
    if not 0 <= (found := real(said)) <= LARGEST_RADIUS:
        raise ValueError(f"{text(found)} is not a radius from 0 to {LARGEST_RADIUS:g} pixels")
    return found


def _digits(said: object) -> bool:
    return not isinstance(said, bool) and isinstance(said, int | str) and bool(re.fullmatch(r"\d+", str(said), re.ASCII))


def _bytes(digits: str, unit: int) -> int:
    return int(digits) * unit if digits.isdecimal() else int(float(digits) * unit)
