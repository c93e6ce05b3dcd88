"""Which view is the left one is told by disparity, whatever the size and brightness of the reference, or not at all."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.raw.side import disparities, side_of_first
from tests.raw_files import mosaics


def views(shift: int, seed: int = 0, bits: int = 16) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    left, right = ((light * 2 ** (bits - 14)).astype(f"u{bits // 8}") for light in mosaics(shift=shift, seed=seed))
    return left, right


def test_disparity_is_measured() -> None:
    left, right = views(3)
    measured = disparities(left, right)
    assert np.nanmedian(measured) == -3
    assert np.nanmedian(disparities(right, left)) == 3


@pytest.mark.parametrize("shift", [2, -4])
def test_the_side_is_that_of_the_reference(shift: int) -> None:
    left, right = views(shift)
    darker = [np.repeat((view // 3)[..., None], 3, axis=2) for view in (left, right)]
    for first, other, side in ((left, right, "left"), (right, left, "right")):
        told = side_of_first(first, other, *darker)
        assert told.first == side
        assert told.blocks >= told.agreeing >= 0.8 * told.blocks


def test_a_reference_of_half_the_size_in_8_bits() -> None:
    left, right = views(4)
    small = [(view[::2, ::2] >> 8).astype(np.uint8) for view in (left, right)]
    with pytest.raises(UsageError, match="too small"):
        side_of_first(left, right, *(view[:40, :56] for view in small))
    assert side_of_first(*views(4), *(np.tile(view, (2, 2)) for view in small)).first == "left"


def test_without_disparity_nothing_is_guessed() -> None:
    left, _ = views(0)
    with pytest.raises(UsageError, match="does not show"):
        side_of_first(left, left, *views(3))


def test_disparities_that_contradict_one_another_tell_nothing() -> None:
    left, right = views(3)
    torn = np.concatenate([right[:80], views(-3)[1][80:]])
    with pytest.raises(UsageError, match="does not show"):
        side_of_first(left, torn, left, right)


def test_a_reference_that_was_turned_is_refused() -> None:
    left, right = views(3)
    with pytest.raises(UsageError, match="not rotated"):
        side_of_first(left, right, left.T.copy(), right.T.copy())
