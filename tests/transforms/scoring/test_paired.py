"""Paired statistics against enumeration, against scipy, and at the edges."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from dpdeblur.transforms.scoring.paired import (
    FEWEST_FOR_BOOTSTRAP,
    FEWEST_FOR_WILCOXON,
    RESAMPLES,
    bootstrap,
    finite_mean,
    paired,
    resampled_means,
    wilcoxon,
)

GAINS = np.random.default_rng(5).normal(0.4, 1.0, 60)


def test_interval_is_scipys() -> None:
    low, high, _ = bootstrap(GAINS)
    theirs = stats.bootstrap((GAINS,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(1))
    assert (low, high) == pytest.approx((theirs.confidence_interval.low, theirs.confidence_interval.high), abs=0.02)


def test_p_is_that_of_the_t_test_for_a_large_sample() -> None:
    *_, p = bootstrap(GAINS)
    assert p == pytest.approx(
        stats.ttest_1samp(GAINS, 0).pvalue, abs=0.012
    )  # the bootstrap's variance is that of n, not of n - 1


def test_bootstrap_of_two_values_by_enumeration() -> None:
    """Means of two draws from {1, 3}: 1, 2, 2, 3. Shifted by 2, none is as far out as 2; only the added one is left."""
    low, high, p = bootstrap(np.array([1.0, 3.0]))
    assert (low, high) == (1.0, 3.0)
    assert p == 1 / (RESAMPLES + 1)


def test_wilcoxon_by_enumeration_of_all_signs() -> None:
    d = np.array([0.3, -0.1, 0.8, 0.5, -0.2, 1.1, 0.9])
    ranks = stats.rankdata(np.abs(d))
    observed = abs(ranks[d > 0].sum() - ranks.sum() / 2)
    sums = [abs((ranks * signs).sum() - ranks.sum() / 2) for signs in itertools.product((0, 1), repeat=len(d))]
    assert wilcoxon(d) == pytest.approx(np.mean([s >= observed for s in sums]))


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 80), st.sampled_from([None, 0, 1]), st.floats(-1, 1), st.integers(0, 2**32 - 1))
def test_wilcoxon_is_scipys(count: int, decimals: int | None, shift: float, seed: int) -> None:
    """With and without ties and zeros, exact and by approximation."""
    d = np.random.default_rng(seed).normal(shift, 1, count)
    d = d if decimals is None else np.round(d, decimals)
    if np.any(d):
        assert wilcoxon(d) == pytest.approx(stats.wilcoxon(d).pvalue, rel=1e-9, abs=1e-12)


def test_no_difference_is_no_evidence() -> None:
    same = [30.0, 31.0, 29.0] * 4
    result = paired(same, same)
    assert (result.mean, result.low, result.high) == (0.0, 0.0, 0.0)
    assert (result.p_bootstrap, result.p_wilcoxon, result.ties) == (1.0, 1.0, 12)


def test_a_few_scenes_prove_nothing() -> None:
    for count in range(1, FEWEST_FOR_BOOTSTRAP + 1):
        result = paired([30.0] * count, [31.0 + i / 10 for i in range(count)])
        assert result.wins == count and result.mean is not None
        enough = count >= FEWEST_FOR_BOOTSTRAP
        assert [value is not None for value in (result.low, result.high, result.p_bootstrap)] == [enough] * 3
        assert (result.p_wilcoxon is not None) == (count >= FEWEST_FOR_WILCOXON)


def test_infinite_pairs_count_but_do_not_average() -> None:
    inf = math.inf
    result = paired([30.0, inf, 30.0, inf], [31.0, inf, inf, 28.0])
    assert (result.wins, result.losses, result.ties, result.left_out) == (2, 1, 1, 3)
    assert result.mean == 1.0


def test_nothing_finite_gives_no_statistics() -> None:
    for result in (paired([], []), paired([math.inf], [math.inf])):
        assert result.mean is result.low is result.p_bootstrap is result.p_wilcoxon is None


def test_seeded_and_chunks_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = resampled_means(GAINS, resamples=50, seed=3)
    assert np.array_equal(whole, resampled_means(GAINS, resamples=50, seed=3))
    monkeypatch.setattr("dpdeblur.transforms.scoring.paired._AT_ONCE", 7 * len(GAINS))
    assert np.array_equal(whole, resampled_means(GAINS, resamples=50, seed=3))


@pytest.mark.parametrize(("first", "second"), [([1.0], [1.0, 2.0]), ([[1.0]], [[1.0]]), ([math.nan], [1.0])])
def test_what_is_no_pair_of_samples(first: list[float], second: list[float]) -> None:
    with pytest.raises(ValueError, match=r"paired samples|not a number"):
        paired(first, second)


values = st.lists(st.floats(0, 60) | st.just(math.inf), min_size=1, max_size=12)


@settings(max_examples=40, deadline=None)
@given(values, st.data())
def test_turning_the_comparison_round(first: list[float], data: st.DataObject) -> None:
    second = data.draw(st.lists(st.floats(0, 60) | st.just(math.inf), min_size=len(first), max_size=len(first)))
    there, back = paired(first, second), paired(second, first)
    assert (there.wins, there.losses, there.ties) == (back.losses, back.wins, back.ties)
    assert there.wins + there.losses + there.ties == len(first) == there.count
    if there.mean is not None and back.mean is not None and there.low is not None and there.high is not None:
        assert there.mean == pytest.approx(-back.mean)
        assert there.low <= there.mean + 1e-9 and there.mean - 1e-9 <= there.high
        assert 0 < (there.p_bootstrap or 0) <= 1 and there.p_wilcoxon == pytest.approx(back.p_wilcoxon)


def test_mean_leaves_infinite_values_out_and_counts_them() -> None:
    assert finite_mean([1.0, 3.0, math.inf]) == (2.0, 1)
    assert finite_mean([]) == (None, 0)
