"""Format numbers and names for pages and tables."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dpdeblur.transforms.scoring.paired import Paired

MISSING = "\u2013"


def number(value: float | None, digits: int, *, signed: bool = False) -> str:
    """Return a number with a true minus and the sign of infinity, or a dash for what was not measured.

    >>> number(0.25, 2, signed=True), number(float("inf"), 2)
    ('+0.25', '∞')
    """
    if value is None or math.isnan(value):
        return MISSING
    if math.isinf(value):
        return f"{'+' if signed else ''}\u221e" if value > 0 else "\u2212\u221e"
    text = f"{value:{'+' if signed else ''}.{digits}f}"
    return (text.lstrip("+-") if float(text) == 0 else text).replace("-", "\u2212")


def interval(result: Paired, digits: int) -> str:
    """Return the interval of a mean difference, or a dash where there are too few scenes for one."""
    if result.low is None:
        return MISSING
    return f"{number(result.low, digits, signed=True)} to {number(result.high, digits, signed=True)}"


def probability(p: float | None) -> str:
    """Return a p-value to four places; below them it is only said to be below."""
    return MISSING if p is None else "<0.0001" if p < 0.0001 else f"{p:.4f}"


def shortened(text: str, most: int = 40) -> str:
    """Cut a long name in the middle, where names differ least.

    >>> shortened("a-very-long-name-of-a-scene-0001.png", 21)
    'a-very-lon…e-0001.png'
    """
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}\u2026{text[-tail:]}"


def in_lines(value: Any) -> str:
    """Return a value of a manifest as text; one that has parts gets one part a line."""
    if isinstance(value, Mapping):
        return "\n".join(f"{name}: {in_lines(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(in_lines(part) for part in value)
    return MISSING if value is None or value == "" else str(value)
