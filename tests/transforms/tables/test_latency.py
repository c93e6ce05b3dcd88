"""Latency statistics merge: whatever the split and the order, the whole is the same."""

from __future__ import annotations

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.tables.latency import CombineTimes
from dpdeblur.transforms.tables.sketch import ACCURACY, Sketch

times = st.lists(st.floats(0, 1e6, allow_nan=False), min_size=1, max_size=200)


def sketch(values: list[float]) -> Sketch:
    result = Sketch()
    for value in values:
        result.add(value, 1.5)
    return result


@given(times)
def test_equals_numpy(values: list[float]) -> None:
    s = sketch(values)
    assert s.count == len(values)
    assert s.mean == pytest.approx(np.mean(values), rel=1e-9, abs=1e-9)
    assert s.squares == pytest.approx(np.var(values) * len(values), rel=1e-6, abs=1e-6)
    assert (s.low, s.high) == (min(values), max(values))
    assert s.megapixels == pytest.approx(1.5 * len(values))


@given(times, st.sampled_from([0.01, 0.5, 0.9, 0.95, 0.99, 1.0]))
def test_quantiles_are_within_the_promised_accuracy(values: list[float], q: float) -> None:
    exact = sorted(values)[max(1, math.ceil(q * len(values))) - 1]
    assert sketch(values).quantile(q) == pytest.approx(exact, rel=ACCURACY * 1.001, abs=1e-6)


@given(times, st.integers(1, 9), st.randoms())
def test_any_split_and_order_gives_the_same(values: list[float], parts: int, order: random.Random) -> None:
    whole = sketch(values)
    combine = CombineTimes()
    accumulators = [combine.create_accumulator() for _ in range(parts)]
    for value in values:
        combine.add_input(accumulators[order.randrange(parts)], (value, 1.5))
    order.shuffle(accumulators)
    merged = combine.merge_accumulators(accumulators)
    assert (merged.count, merged.low, merged.high, merged.buckets) == (whole.count, whole.low, whole.high, whole.buckets)
    assert merged.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-9)
    assert merged.squares == pytest.approx(whole.squares, rel=1e-6, abs=1e-3)


def test_an_empty_sketch_has_no_quantile() -> None:
    with pytest.raises(ValueError, match="empty"):
        Sketch().quantile(0.5)
