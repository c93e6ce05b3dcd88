"""Functions as machine code: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dpdeblur.transforms.images.machine_code import compiled


@compiled
def _twice(number: int) -> int:
    return 2 * number


@compiled
def add_up(grid: NDArray[Any], scale: float, odd: bool, sums: NDArray[np.float64]) -> int:
    for y in range(grid.shape[0]):
        for x in range(grid.shape[1]):
            sums[y] += scale * grid[y, x]
    return _twice(grid.size) + 1 if odd else _twice(grid.size)


@compiled
def make_an_array(numbers: NDArray[np.float64]) -> None:
    numbers[0] = np.zeros(3).sum()


@compiled
def refuse(numbers: NDArray[np.float64]) -> None:
    if numbers[0] < 0:
        raise ValueError("a negative number")


@given(
    st.sampled_from(["uint8", "uint16", "float32"]), st.integers(0, 5), st.integers(0, 5), st.booleans(), st.booleans(),
    st.integers(-3, 3),
)  # fmt: skip
def test_arrays_of_any_layout_and_scalars_arrive(
    dtype: str, height: int, width: int, turned: bool, odd: bool, scale: int
) -> None:
    grid = np.arange(height * width, dtype=dtype).reshape((width, height) if turned else (height, width))
    grid = grid.T if turned else grid
    sums = np.zeros(height)
    assert add_up(grid, float(scale), odd, sums) == 2 * grid.size + odd
    assert sums.tolist() == [scale * float(row.sum()) for row in grid]


def test_a_kernel_that_makes_an_array_is_refused() -> None:
    with pytest.raises(Exception, match="zeros"):
        make_an_array(np.ones(1))


def test_arguments_of_other_types_are_refused() -> None:
    for size in (np.int64(3), np.float32(3), "3"):
        with pytest.raises(TypeError, match="a kernel takes"):
            _twice(size)  # type: ignore[arg-type]
    with pytest.raises(Exception, match="u2"):
        add_up(np.zeros((2, 2), ">u2" if sys.byteorder == "little" else "<u2"), 1.0, False, np.zeros(2))


def test_what_a_kernel_raises_is_an_error() -> None:
    numbers = np.ones(1)
    refuse(numbers)
    with pytest.raises(RuntimeError, match="kernel refuse"):
        refuse(-numbers)
