"""Cutting a long text at line ends, so that several workers can read it: each part by itself, with the numbers of its lines."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple, TextIO

from dpdeblur.transforms.foreign_tables.checks import ERRORS, encoding_of, lines_of, open_table
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage import store

PART_BYTES = 1 << 22


class TextPart(NamedTuple):
    """A part of a text of UTF-8.

    Attributes:
        number: of the part, from 0.
        before: lines in those before it.
        start: its first byte.
        length: in bytes.
    """

    number: int
    before: int
    start: int
    length: int


def text_parts(uri: str, ends_row: Callable[[str], bool]) -> list[TextPart]:
    """Return parts of a text of about `PART_BYTES`; none where it is short, not UTF-8, or cannot be cut.

    The text is read once, a part at a time: the number of a part's first line follows from all before it.

    Args:
        uri: the text.
        ends_row: whether a row surely ends with a line, given that line. A cut is made behind such a line alone.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        with open_table(uri) as binary:
            if encoding_of(binary):
                return []
            return _parts(binary, ends_row)
    except OSError as error:
        raise UsageError(f"{uri} cannot be read: {error}") from error


def _parts(binary: Any, ends_row: Callable[[str], bool]) -> list[TextPart]:
    cuts, begin, ended, in_line = [(0, 0)], 0, 0, False  # where a part begins, and how many lines end before it
    while block := _block(binary):
        lines = block.splitlines(keepends=True)
        if begin:
            skipped = 0
            for number, line in enumerate(lines):
                skipped += len(line)
                whole = (number or not in_line) and line.endswith((b"\n", b"\r"))
                if whole and ends_row(line.decode(errors=ERRORS)):
                    cuts.append((begin + skipped, ended + number + 1))
                    break
        in_line = not block.endswith((b"\n", b"\r"))
        begin, ended = begin + len(block), ended + len(lines) - in_line
    if cuts[-1][0] == begin:
        cuts.pop()
    stops = [start for start, _ in cuts[1:]] + [begin]
    parts = [TextPart(number, before, start, stops[number] - start) for number, (start, before) in enumerate(cuts)]
    return parts if len(parts) > 1 else []


def _block(binary: Any) -> bytes:
    """Read on. A line end of two bytes is never cut."""
    block: bytes = binary.read(PART_BYTES)
    while block.endswith(b"\r") and (more := binary.read(1)):
        block += more
    return block


def lines_of_part(uri: str, part: TextPart) -> Iterator[tuple[int, str]]:
    """Yield the lines of a part with their numbers. Raises: UsageError: as `lines_of`, or it cannot be read."""
    return enumerate(lines_of(text_of_part(uri, part), uri), part.before + 1)


def text_of_part(uri: str, part: TextPart) -> TextIO:
    """Return a part as text.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        data = store.read(uri, part.start, part.length)
    except OSError as error:
        raise UsageError(f"{uri} cannot be read: {error}") from error
    encoding = "utf-8" if part.start else "utf-8-sig"  # only at the start of a file is a mark no text
    return io.TextIOWrapper(io.BytesIO(data), encoding=encoding, errors=ERRORS, newline="")
