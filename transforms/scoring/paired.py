"""Paired statistics of two runs over the same scenes: pure functions on arrays.

The scenes are the sample. Everything is computed from the per-scene difference d = after - before:

- the mean of d, with a percentile bootstrap interval (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13);
- the paired bootstrap test of "the mean of d is 0": the share of resamples whose mean, shifted to 0, lies as far out as the
  observed one (ibid., ch. 16; Koehn, EMNLP 2004, for the paired form), two-sided, with one added above and below so that it
  is never 0 (Davison & Hinkley, Bootstrap Methods and their Application, 1997, sec. 4.2);
- the Wilcoxon signed-rank test, two-sided, zero differences left out (Wilcoxon 1945; `scipy.stats.wilcoxon`).

Resampling is seeded: the same input gives the same digits, on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

SEED = 2021
RESAMPLES = 10_000  # fewer above 20 000 scenes, where more would no longer change the digits shown
LEVEL = 0.95
_FEWEST = 1_000
_MOST_DRAWS = 200_000_000  # a few seconds
_AT_ONCE = 4_000_000  # indices drawn at a time: 16 MB


@dataclass(frozen=True, slots=True)
class Paired:
    """What two paired samples say.

    Attributes:
        count: pairs in all.
        wins, losses, ties: pairs where the second value is higher, lower, equal; infinite values are counted here.
        left_out: pairs with an infinite value, which no mean can hold: left out of everything below.
        mean: mean of second minus first; None without a finite pair.
        low, high: its 95 % percentile bootstrap interval.
        p_bootstrap: two-sided p of the paired bootstrap; at least 1 / (resamples + 1).
        p_wilcoxon: two-sided p of the Wilcoxon signed-rank test.
    """

    count: int
    wins: int
    losses: int
    ties: int
    left_out: int
    mean: float | None
    low: float | None
    high: float | None
    p_bootstrap: float | None
    p_wilcoxon: float | None


def paired(first: ArrayLike, second: ArrayLike) -> Paired:
    """Compare two samples pair by pair.

    Args:
        first, second: N values each, higher is better, in the same order of scenes; +inf is allowed (identical pictures).

    Raises:
        ValueError: different lengths, or not-a-number among the values.

    >>> result = paired([30.0, 31.0, float("inf")], [31.0, 33.0, float("inf")])
    >>> result.mean, result.wins, result.ties, result.left_out
    (1.5, 2, 1, 1)
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"paired samples are two lists of one length, not of shapes {a.shape} and {b.shape}")
    if np.isnan(a).any() or np.isnan(b).any():
        raise ValueError("a value is not a number")
    finite = np.isfinite(a) & np.isfinite(b)
    d = b[finite] - a[finite]
    low, high, p_bootstrap = bootstrap(d) if len(d) else (None, None, None)
    return Paired(
        count=len(a),
        wins=int((b > a).sum()),
        losses=int((b < a).sum()),
        ties=int((b == a).sum()),
        left_out=len(a) - len(d),
        mean=float(d.mean()) if len(d) else None,
        low=low,
        high=high,
        p_bootstrap=p_bootstrap,
        p_wilcoxon=wilcoxon(d) if len(d) else None,
    )


def bootstrap(
    differences: NDArray[np.float64], *, resamples: int | None = None, seed: int = SEED
) -> tuple[float, float, float]:
    """The percentile interval of the mean at `LEVEL`, and the two-sided p of "the mean is 0".

    Args:
        differences: N finite values, N at least 1.
        resamples: how often N values are drawn with replacement; None for `RESAMPLES`, or fewer where N is above 20 000.
        seed: of numpy's PCG64.

    Returns:
        low, high, p.
    """
    resamples = resamples or min(RESAMPLES, max(_FEWEST, _MOST_DRAWS // len(differences)))
    means = resampled_means(differences, resamples=resamples, seed=seed)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    observed = float(differences.mean())
    slack = 1e-12 * (1 + abs(observed))  # equal means that were summed in another order are equal
    extreme = int((np.abs(means - observed) >= abs(observed) - slack).sum())
    return float(low), float(high), (1 + extreme) / (1 + resamples)


def resampled_means(values: NDArray[np.float64], *, resamples: int = RESAMPLES, seed: int = SEED) -> NDArray[np.float64]:
    """The means of `resamples` samples of N values, drawn with replacement from the N given."""
    draw, count = np.random.default_rng(seed), len(values)
    rows = max(1, _AT_ONCE // count)
    parts = [
        values[draw.integers(count, size=(min(rows, resamples - start), count), dtype=np.int32)].mean(axis=1)
        for start in range(0, resamples, rows)
    ]
    return np.concatenate(parts)


def wilcoxon(differences: NDArray[np.float64]) -> float:
    """Two-sided p of the Wilcoxon signed-rank test; 1 where all differences are 0.

    Exact up to 50 differences without ties or zeros, else by the normal approximation (scipy's "auto").
    """
    from scipy import stats  # noqa: PLC0415 - a second to import, and only comparisons need it

    if not np.any(differences):
        return 1.0
    return float(stats.wilcoxon(differences).pvalue)


def finite_mean(values: ArrayLike) -> tuple[float | None, int]:
    """The mean of the finite values, None where there are none, and how many infinite ones were left out."""
    array = np.asarray(values, dtype=np.float64)
    finite = array[np.isfinite(array)]
    return (math.fsum(finite) / len(finite) if len(finite) else None), len(array) - len(finite)
