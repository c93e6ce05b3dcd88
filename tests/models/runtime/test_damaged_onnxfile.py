"""Damaged and hostile ONNX files: an error of ours or a reading, and never anything else."""

import contextlib

from hypothesis import given, settings
from hypothesis import strategies as st

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.onnxfile import read_onnx
from dpdeblur.models.runtime.zoo import WEIGHTS

WHOLE = (WEIGHTS / "views-mean.onnx").read_bytes()


@settings(deadline=None)
@given(st.integers(0, len(WHOLE)), st.integers(0, 20), st.binary(max_size=20))
def test_mutated_files_never_crash_the_reader(start: int, length: int, patch: bytes) -> None:
    with contextlib.suppress(ModelError):
        read_onnx(WHOLE[:start] + patch + WHOLE[start + length :])


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_random_bytes_never_crash_the_reader(content: bytes) -> None:
    with contextlib.suppress(ModelError):
        read_onnx(content)


def test_deep_nesting_is_refused_not_followed() -> None:
    node = b""
    for _ in range(5000):  # a graph in an attribute in a node in a graph ...
        node = _field(1, _field(5, _field(6, node)))
    with contextlib.suppress(ModelError):
        read_onnx(_field(7, node))


def _field(number: int, content: bytes) -> bytes:
    size, length = len(content), b""
    while size >= 128:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return bytes([number << 3 | 2]) + length + bytes([size]) + content
