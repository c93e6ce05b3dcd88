"""Axes of charts: where a value is drawn, and which round numbers stand next to it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise


@dataclass(frozen=True, slots=True)
class Axis:
    """A linear or logarithmic scale from the values low…high to the pixels start…end."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """The pixel that a value is drawn at."""
        low, high, at = (math.log(v) for v in (self.low, self.high, value)) if self.log else (self.low, self.high, value)
        return self.start + (at - low) / ((high - low) or 1) * (self.end - self.start)

    def ticks(self) -> list[float]:
        """Round values inside the axis."""
        if not self.log:
            return nice_ticks(self.low, self.high)
        decades = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
        found = [m * 10.0**d for d in decades for m in (1, 2, 5) if self.low <= m * 10.0**d <= self.high]
        return found if len(found) > 1 else [self.low, self.high]


def nice_ticks(low: float, high: float, most: int = 7) -> list[float]:
    """At most `most` round numbers, evenly spaced, from the first at least `low` to the last at most `high`.

    >>> nice_ticks(0.3, 5.2)
    [1.0, 2.0, 3.0, 4.0, 5.0]
    """
    span = (high - low) / (most - 1)
    step = nice_step(span if span > 1e-300 else 1.0)  # below, powers of ten run out of digits
    return [index * step for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def nice_step(rough: float) -> float:
    """The smallest of 1, 2, 2.5, 5 times a power of ten that is at least `rough`."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(m * power for m in (1, 2, 2.5, 5, 10) if m * power >= rough * (1 - 1e-9))


def around(values: Sequence[float], start: float, end: float) -> Axis:
    """A linear axis that holds all values, with some margin."""
    low, high = min(values), max(values)
    margin = (high - low) * 0.08 or max(abs(high), 1.0) * 0.05
    return Axis(low - margin, high + margin, start, end)


def tick_labels(ticks: list[float]) -> list[str]:
    """Labels with as many decimals as the spacing needs, and a true minus sign."""
    step = min((b - a for a, b in pairwise(ticks)), default=1.0)
    digits = next((d for d in range(7) if abs(step - round(step, d)) < 1e-9 * max(1.0, abs(step))), 6)
    return [f"{tick + 0.0:.{digits}f}".replace("-", "\u2212") for tick in ticks]
