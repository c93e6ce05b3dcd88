"""JSON lines of unknown origin, row by row: one object on each line, which has the columns as its members."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from dpdeblur.transforms.foreign_tables.checks import MAX_ROWS, Row, check_columns, lines_of, open_table, text_of
from dpdeblur.transforms.foreign_tables.text_parts import TextPart, lines_of_part, text_parts
from dpdeblur.transforms.records import UsageError

_NO_OBJECT = "The line is not a JSON object."


def json_columns(uri: str) -> list[str]:
    """Return the names of the columns: the members of the first object.

    Raises:
        UsageError: the file cannot be read, or no line of it is an object.
    """
    for _, row in _objects(uri):
        if isinstance(row, dict):
            return list(row)
    raise UsageError(f"{uri} holds no JSON object: a manifest needs one on each line, with id, left and right.")


def json_parts(uri: str) -> list[TextPart]:
    """Return the parts of a file that give its rows together; none where it is short. Raises: UsageError: as `json_rows`."""
    return text_parts(uri, lambda _: True)


def json_rows(
    uri: str, required: Sequence[str], optional: Sequence[str], part: TextPart | None = None
) -> Iterator[tuple[int, Row | str]]:
    """Yield the rows, each with its line number; a broken row is the text of what is wrong with it.

    Args:
        uri: the file.
        required: members that its first object must have.
        optional: members that are read where they are there.
        part: the part that is wanted; None for all.

    Raises:
        UsageError: the file cannot be read, or its first object lacks a column or has one that may be meant for another.
    """
    check_columns(uri, json_columns(uri), required, optional)
    for number, row in _of_lines(lines_of_part(uri, part)) if part else _objects(uri):
        if number > MAX_ROWS:
            raise UsageError(f"{uri} has more than {MAX_ROWS} rows: split it.")
        yield number, _row(row, (*required, *optional)) if isinstance(row, dict) else row


def _row(members: dict[str, Any], wanted: Sequence[str]) -> Row | str:
    values = {name: members.get(name) for name in wanted}
    for name, value in values.items():
        if not isinstance(value, str | None):
            return f"The {name} of the row is not text."
    return {name: (value or "").strip() or None for name, value in values.items()}


def _objects(uri: str) -> Iterator[tuple[int, dict[str, Any] | str]]:
    with open_table(uri) as binary, text_of(binary, uri, "no file of JSON lines") as text:
        yield from _of_lines(enumerate(lines_of(text, uri), 1))


def _of_lines(lines: Iterable[tuple[int, str]]) -> Iterator[tuple[int, dict[str, Any] | str]]:
    for number, line in lines:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except (ValueError, RecursionError):
            row = None
        yield number, row if isinstance(row, dict) else _NO_OBJECT
