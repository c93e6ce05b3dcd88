"""Read single fields of protobuf messages without their schema: enough to find a few fields in a large file.

Everything else is stepped over by its length. Encoding: https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from collections.abc import Iterator

Value = int | memoryview  # a number, or text, bytes or a message inside


def fields(message: Value) -> Iterator[tuple[int, Value]]:
    """Walk the fields of one message as (field number, value) pairs, in the order of the file.

    Raises:
        ValueError: if the bytes are damaged, or `message` is a number.
    """
    if isinstance(message, int):
        raise ValueError("a number stands where a message should be")
    at, end = 0, len(message)
    while at < end:
        key, at = _varint(message, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(message, at)
            yield number, value
            continue
        if kind == 2:
            size, at = _varint(message, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"field {number} has the unknown kind {kind}")
        if size > end - at:
            raise ValueError(f"field {number} ends {size - (end - at)} bytes after its message")
        yield number, message[at : at + size]
        at += size


def find(message: Value, *path: int) -> Iterator[Value]:
    """Return every value at `path`, field numbers from the outermost message inwards."""
    for number, value in fields(message):
        if number == path[0]:
            if len(path) == 1:
                yield value
            else:
                yield from find(value, *path[1:])


def text(message: Value, number: int) -> str:
    """Return field `number` of `message` as text; the last one counts, and none is empty."""
    value: Value = memoryview(b"")
    for value in find(message, number):  # noqa: B007 - the last is wanted
        pass
    if isinstance(value, int):
        raise ValueError("a number stands where text should be")
    return bytes(value).decode("utf-8", "replace")


def number(message: Value, number: int) -> int:
    """Return field `number` of `message` as a number; the last one counts, and none is 0."""
    value: Value = 0
    for value in find(message, number):  # noqa: B007 - the last is wanted
        pass
    if not isinstance(value, int):
        raise ValueError("text stands where a number should be")
    return value


def _varint(message: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        value |= (byte & 127) << shift
        at += 1
        shift += 7
        if byte < 128:
            return value, at
    raise ValueError("a number has no end")
