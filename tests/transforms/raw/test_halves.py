"""The second half is what the sum holds besides the first, but where the sum is clipped."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dpdeblur.transforms.raw.halves import split
from tests.raw_files import BLACK, WHITE

LEVEL = np.full((), BLACK, np.float64)
LIGHT = arrays.arrays(np.float64, (6, 8), elements=st.integers(0, (WHITE - BLACK) // 2 - 1).map(float))


@given(LIGHT, LIGHT)
def test_both_halves_come_back_at_twice_their_light(first: np.ndarray, other: np.ndarray) -> None:
    both, half = ((light + BLACK).astype(np.uint16) for light in (first + other, first))
    halves = split(both, half, LEVEL, LEVEL, WHITE)
    assert halves.clipped == 0
    assert np.array_equal(halves.first, 2 * first + BLACK)
    assert np.array_equal(halves.other, 2 * other + BLACK)


def test_where_the_sum_clips_the_views_are_equal_and_it_is_counted() -> None:
    first, other = np.full((4, 4), 5000.0), np.full((4, 4), 6000.0)
    other[:, 0] = 14000  # together above white
    both, half = (np.minimum(light + BLACK, WHITE).astype(np.uint16) for light in (first + other, first))
    halves = split(both, half, LEVEL, LEVEL, WHITE)
    assert halves.clipped == 0.25
    assert np.array_equal(halves.other[:, 0], halves.first[:, 0])
    assert np.array_equal(halves.other[:, 1:], np.full((4, 3), 2 * 6000 + BLACK))


def test_frames_with_black_levels_of_their_own() -> None:
    first, other = np.full((2, 2), 100.0), np.full((2, 2), 300.0)
    both, half = (first + other + 512).astype(np.uint16), (first + 256).astype(np.uint16)
    halves = split(both, half, np.full((2, 2), 512.0), np.full((2, 2), 256.0), WHITE)
    assert (halves.first[0, 0], halves.other[0, 0]) == (512 + 200, 512 + 600)
