"""Arguments of kernels: their types for the compiler, and the values passed for them."""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import numpy as np


class Kind(NamedTuple):
    """Type of an argument as far as compiling depends on it: the dtype of a scalar or array, its dimensions and layout."""

    dtype: str
    dimensions: int = 0
    contiguous: bool = True
    aligned: bool = True

    def for_numba(self) -> Any:
        """Return the type that numba compiles for."""
        import numba  # noqa: PLC0415

        scalar = numba.from_dtype(np.dtype(self.dtype))
        if not self.dimensions:
            return scalar
        return numba.types.Array(scalar, self.dimensions, "C" if self.contiguous else "A", aligned=self.aligned)

    def in_llvm(self) -> tuple[str, ...]:
        """Return the types of what is passed: for an array two owners, size, bytes of an item, data, shape and strides."""
        if self.dimensions:
            return ("ptr", "ptr", "i64", "i64", "ptr", *("i64",) * (2 * self.dimensions))
        return ({"int64": "i64", "float64": "double", "bool": "i8"}[self.dtype],)


_SCALARS = ((bool, Kind("bool")), (int, Kind("int64")), (float, Kind("float64")))
CTYPES: dict[str, Any] = {"ptr": ctypes.c_void_p, "i64": ctypes.c_int64, "double": ctypes.c_double, "i8": ctypes.c_uint8}


def kind_of(argument: Any) -> Kind:
    """Return how an argument is compiled.

    Raises:
        TypeError: a kernel takes no such argument.
    """
    if isinstance(argument, np.ndarray):
        flags = argument.flags
        return Kind(argument.dtype.str, argument.ndim, flags.c_contiguous, flags.aligned)
    for scalar, kind in _SCALARS:
        if isinstance(argument, scalar):
            return kind
    raise TypeError(f"a kernel takes arrays, int, float and bool, and not a {type(argument).__name__}")


def words_of(arguments: tuple[Any, ...]) -> list[Any]:
    """Return what is passed for arguments, in the order of `Kind.in_llvm`."""
    words: list[Any] = []
    for argument in arguments:
        if isinstance(argument, np.ndarray):
            words += (None, None, argument.size, argument.itemsize, argument.ctypes.data, *argument.shape, *argument.strides)
        else:
            words.append(argument)
    return words
