"""Functions as machine code: what goes in, what comes out, and what is refused."""

from __future__ import annotations

import sys
from typing import Any

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from dpdeblur.transforms.images import machine_code
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


def test_what_cannot_run_alone_is_run_by_numba() -> None:
    for number in (3.0, 4.0):
        numbers = np.full(1, number)
        assert make_an_array(numbers) == 0
        assert numbers[0] == 0
    assert make_an_array.needs_numba  # type: ignore[attr-defined]
    assert not add_up.needs_numba  # type: ignore[attr-defined]


@pytest.mark.parametrize("found", ["no code", "another way"])
def test_under_a_numba_that_is_not_understood_numba_runs_all(found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> Any:
        raise NameError("no such function")

    if found == "no code":
        monkeypatch.setattr(numba, "cfunc", fails)
    else:
        monkeypatch.setattr("dpdeblur.transforms.images.kernel_arguments.Kind.in_llvm", lambda self: ("ptr",))
    monkeypatch.setattr(machine_code, "version", lambda package: found)  # nothing is kept for it
    kernel, sums = compiled(add_up.function), np.zeros(1)  # type: ignore[attr-defined]
    assert kernel(np.ones((1, 3)), 2.0, True, sums) == 7
    assert sums[0] == 6
    assert kernel.needs_numba


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
