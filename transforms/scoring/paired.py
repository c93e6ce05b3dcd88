"""Paired statistics of two runs over the same scenes: pure functions on arrays.

The scenes are the sample. Everything is computed from the per-scene difference d = after - before:

- the mean of d, with a percentile bootstrap interval (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13);
- the paired bootstrap test of "the mean of d is 0": the share of resamples whose mean, shifted to 0, is as far out as the
  observed one (ibid., ch. 16; Koehn, EMNLP 2004, for the paired form), two-sided, with one added above and below so that it
  is never 0 (Davison & Hinkley, Bootstrap Methods and their Application, 1997, sec. 4.2);
- the Wilcoxon signed-rank test, two-sided, zero differences left out (Wilcoxon, Biometrics Bulletin 1, 1945).

A few scenes prove nothing: below `FEWEST_FOR_BOOTSTRAP` scenes there is no interval and no bootstrap p, as resamples of so few
values are too alike, and below `FEWEST_FOR_WILCOXON` there is no Wilcoxon p, as it could not fall below 0.05 whatever the
values are. Resampling is seeded: the same input gives the same digits, on every machine.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

SEED = 2021
RESAMPLES = 10_000  # fewer above 20 000 scenes, where more would no longer change the digits shown
LEVEL = 0.95
FEWEST_FOR_BOOTSTRAP = 10  # scenes
FEWEST_FOR_WILCOXON = 6  # scenes: 2 / 2**6 = 0.03 is the smallest p of six, 2 / 2**5 = 0.06 that of five
_EXACT, _EXACT_WITH_TIES = 50, 13  # scenes up to which the Wilcoxon test is exact, as in scipy.stats
_FEWEST = 1_000
_MOST_DRAWS = 200_000_000  # a few seconds
_AT_ONCE = 4_000_000  # indices drawn at a time: 16 MB


@dataclass(frozen=True, slots=True)
class Paired:
    """Statistics of two paired samples.

    Attributes:
        count: pairs in all.
        wins, losses, ties: pairs where the second value is higher, lower, equal; infinite values are counted here.
        left_out: pairs with an infinite value, which no mean can hold: left out of everything below.
        mean: mean of second minus first; None without a finite pair.
        low, high: its 95 % percentile bootstrap interval; None below `FEWEST_FOR_BOOTSTRAP` finite pairs.
        p_bootstrap: two-sided p of the paired bootstrap, at least 1 / (resamples + 1); None as above.
        p_wilcoxon: two-sided p of the Wilcoxon signed-rank test; None below `FEWEST_FOR_WILCOXON` finite pairs.
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

    def turned(self) -> Paired:
        """Return the same comparison the other way round."""
        mean, low, high = (None if value is None else -value for value in (self.mean, self.high, self.low))
        return replace(self, wins=self.losses, losses=self.wins, mean=mean, low=low, high=high)


def paired(first: ArrayLike, second: ArrayLike) -> Paired:
    """Compare two samples pair by pair.

    Args:
        first: N values, higher is better; +inf is allowed (identical pictures).
        second: N values of the same scenes, in the same order.

    Raises:
        ValueError: different lengths, or not-a-number among the values.

    >>> result = paired([30.0, 31.0, float("inf")], [31.0, 33.0, float("inf")])
    >>> result.mean, result.wins, result.ties, result.left_out
    (1.5, 2, 1, 1)
    """
    a, b = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if a.ndim != 1 or a.shape != b.shape:
        raise ValueError(f"paired samples are two lists of equal length, not of shapes {a.shape} and {b.shape}")
    if np.isnan(a).any() or np.isnan(b).any():
        raise ValueError("a value is not a number")
    finite = np.isfinite(a) & np.isfinite(b)
    d = b[finite] - a[finite]
    low, high, p_bootstrap = bootstrap(d) if len(d) >= FEWEST_FOR_BOOTSTRAP else (None, None, None)
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
        p_wilcoxon=wilcoxon(d) if len(d) >= FEWEST_FOR_WILCOXON else None,
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
    """Two-sided p of the Wilcoxon signed-rank test; 1 if all differences are 0.

    Exact up to 50 differences (13 where some are equal or 0), else by the normal approximation with a correction for ties.
    These are the choices and the results of `scipy.stats.wilcoxon`, whose import alone takes most of a second.
    """
    nonzero = differences[differences != 0]
    if not len(nonzero):
        return 1.0
    ranks, ties = _mid_ranks(np.abs(nonzero))
    positive = float(ranks[nonzero > 0].sum())
    plain = len(nonzero) == len(differences) and not ties
    if len(differences) <= (_EXACT if plain else _EXACT_WITH_TIES):
        return _exact_p(ranks, positive)
    count = len(nonzero)
    deviation = math.sqrt((count * (count + 1) * (2 * count + 1) - ties / 2) / 24)
    return math.erfc(abs(positive - count * (count + 1) / 4) / deviation / math.sqrt(2))


def _mid_ranks(values: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """The ranks of N values from 1, equal ones sharing their mean; and the sum of t**3 - t over groups of t equal values."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    ranks = np.cumsum(sizes) - (sizes - 1) / 2
    return ranks[group], float((sizes.astype(np.float64) ** 3 - sizes).sum())


def _exact_p(ranks: NDArray[np.float64], positive: float) -> float:
    """Two-sided p of a sum of the positive ranks, over all 2**N ways to give N ranks a sign."""
    doubled = np.rint(2 * ranks).astype(np.int64)  # shared ranks are halves
    ways = np.zeros(int(doubled.sum()) + 1)
    ways[0] = 1
    for rank in doubled:
        ways[rank:] += ways[:-rank].copy()
    at = round(2 * positive)
    tail = min(ways[: at + 1].sum(), ways[at:].sum())
    return min(1.0, float(2 * tail / ways.sum()))


def finite_mean(values: ArrayLike) -> tuple[float | None, int]:
    """The mean of the finite values, None if there are none, and how many infinite ones were left out."""
    array = np.asarray(values, dtype=np.float64)
    finite = array[np.isfinite(array)]
    return (math.fsum(finite) / len(finite) if len(finite) else None), len(array) - len(finite)
