"""CSV files of unknown origin, row by row.

Read as RFC 4180 says. What programs do otherwise is read where only one reading fits: UTF-16 with its mark, a semicolon or a
tab between fields, a first line `sep=;`, lines that are empty or hold separators alone. A quote that is never closed costs its
own row, not those behind it.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TextIO

from dpdeblur.transforms.foreign_tables.checks import (
    MAX_LINE,
    MAX_ROWS,
    Row,
    check_columns,
    lines_of,
    open_table,
    text_of,
)
from dpdeblur.transforms.foreign_tables.text_parts import TextPart, text_of_part, text_parts
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.wording import counted

MAX_LINES_OF_ROW = 100  # a row may go on where a line ends inside quotes
_STRAY = "The row has a quote that is not closed, or that is outside a field."
_END_OF_DOS = "\x1a"  # Ctrl-Z, which some old programs write at the end
_SEPARATORS = (",", ";", "\t", "|")


def csv_columns(uri: str, required: Sequence[str]) -> list[str]:
    """Return the names of the columns of a CSV file.

    Raises:
        UsageError: the file cannot be read, or its header lacks a column.
    """
    with open_table(uri) as binary, text_of(binary, uri, "no CSV file") as text:
        return _Header(text, uri, required, ()).names


def csv_parts(uri: str, required: Sequence[str], optional: Sequence[str]) -> list[TextPart]:
    """Return the parts of a CSV file that give its rows together; none where it is short, or can only be read as a whole.

    A part ends with a line without quotes that has as many fields as the header: no open quote takes such a line into its row.

    Raises:
        UsageError: as `csv_rows`.
    """
    with open_table(uri) as binary, text_of(binary, uri, "no CSV file") as text:
        header = _Header(text, uri, required, optional)
    columns, separator = len(header.names), header.separator
    return text_parts(uri, lambda line: '"' not in line and _is_row_by_itself(line, separator, columns))


def csv_rows(
    uri: str, required: Sequence[str], optional: Sequence[str], part: TextPart | None = None
) -> Iterator[tuple[int, Row | str]]:
    """Yield the rows of a CSV file with a header, each with its line number; a broken row is the text of what is wrong with it.

    Args:
        uri: the file.
        required: columns that it must have.
        optional: columns that are read where they are there.
        part: the part that is wanted; None for all.

    Raises:
        UsageError: the file cannot be read, or its header lacks a column or has one that may be meant for another.
    """
    with open_table(uri) as binary, text_of(binary, uri, "no CSV file") as text:
        header = _Header(text, uri, required, optional)
        lines, before = lines_of(text, uri), header.line
        if part:
            before = max(header.line, part.before)
            lines = islice(lines_of(text_of_part(uri, part), uri), before - part.before, None)
        wanted = [(name, number) for number, name in enumerate(header.names) if name in (*required, *optional)]
        for number, fields in _records(lines, before, header.separator, len(header.names)):
            if number > MAX_ROWS:
                raise UsageError(f"{uri} has more than {MAX_ROWS} rows: split it.")
            if isinstance(fields, str):
                yield number, fields
            elif len(fields) == len(header.names):
                row = {name: fields[place].strip() or None for name, place in wanted}
                if any(row.values()) or any(map(str.strip, fields)):  # else it is an empty line of a spreadsheet
                    yield number, row
            elif any(map(str.strip, fields)) and fields != [_END_OF_DOS]:
                yield number, _other_length(fields, len(header.names))


def _other_length(fields: list[str], columns: int) -> str:
    """Return what is wrong with a row that has not one field for each column."""
    if not any(field.strip("\0") for field in fields):
        return "The row holds only NUL bytes: its content was never written. Copy or export the file again."
    comment = "; a line that begins with # counts as a row" if fields[0].startswith("#") else ""
    return f"The row has {counted(len(fields), 'field')}, the header has {columns}{comment}."


class _Header:
    """The first line of a CSV file that is not empty.

    Attributes:
        names: of the columns.
        separator: what stands between the fields.
        line: the number of the header's line.
    """

    def __init__(self, text: TextIO, uri: str, required: Sequence[str], optional: Sequence[str]) -> None:
        lines = lines_of(text, uri)
        separators: Sequence[str] = _SEPARATORS
        self.line, first = next(((line, text) for line, text in enumerate(lines, 1) if text.strip()), (1, ""))
        if first.lower().startswith("sep=") and len(first.strip()) == len("sep=") + 1:
            self.line, separators, first = self.line + 1, (first[len("sep=")],), next(lines, "")
        elif "\0" in first:
            raise UsageError(f"{uri} is not plain text: if it is UTF-16, save it as UTF-8.")
        readings = {separator: _names(first, separator, uri) for separator in separators}
        fitting = [separator for separator, names in readings.items() if set(required) <= set(names)]
        self.separator = (fitting or list(readings))[0]
        self.names = readings[self.separator]
        check_columns(uri, self.names, required, optional)


def _names(line: str, separator: str, uri: str) -> list[str]:
    fields = _parse(line, separator)
    if not isinstance(fields, list):
        raise UsageError(f"{uri} cannot be read as CSV: {fields or 'a quote in its header is not closed'}.")
    return [name.strip() for name in fields]


def _records(lines: Iterator[str], line: int, separator: str, columns: int) -> Iterator[tuple[int, list[str] | str]]:
    """Yield the fields of each row behind line `line`, or what is wrong with it, and the number of its first line."""
    ahead: deque[str] = deque()
    while text := ahead.popleft() if ahead else next(lines, ""):
        line += 1
        fields = _parse(text, separator)
        if fields is None:
            fields, more = _row_of_lines(text, lines, ahead, separator, columns)
            yield line, fields
            for _ in range(more):
                ahead.popleft()
            line += more
        elif isinstance(fields, str):
            yield line, f"The row cannot be read: {fields}."
        else:
            yield line, _STRAY if _is_odd(text) else fields


def _row_of_lines(
    text: str, lines: Iterator[str], ahead: deque[str], separator: str, columns: int
) -> tuple[list[str] | str, int]:
    """Return the fields of a row that goes on behind its first line, and how many more lines it takes.

    The quote is taken for a stray one where it does not close within bounds, or where what it would swallow is a row by itself:
    then the row is broken, and the lines behind it are rows of their own.
    """
    for taken in range(1, MAX_LINES_OF_ROW):
        if taken > len(ahead):
            ahead.append(next(lines, ""))
        swallowed = ahead[taken - 1]
        if not swallowed or _is_row_by_itself(swallowed, separator, columns) or len(text) > MAX_LINE:
            break
        text += swallowed
        if not _is_odd(text):
            fields = _parse(text, separator)
            return (fields, taken) if isinstance(fields, list) and len(fields) == columns else (_STRAY, 0)
    return _STRAY, 0


def _is_row_by_itself(line: str, separator: str, columns: int) -> bool:
    return not _is_odd(line) and len(_loosely(line, separator)) == columns


def _is_odd(text: str) -> bool:
    """Whether a quote is left without its partner."""
    return text.count('"') % 2 == 1


def _parse(text: str, separator: str) -> list[str] | str | None:
    """Return the fields of one row; what is wrong with it; or None where a quote is still open at its end."""
    if '"' not in text:  # what the csv module does then, in a fifth of the time
        line = text.rstrip("\r\n")
        return line.split(separator) if line else []
    try:
        return next(csv.reader([text], delimiter=separator, strict=True), [])
    except csv.Error as error:
        return None if "unexpected end" in str(error) else str(error)


def _loosely(line: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([line], delimiter=separator), [])
    except csv.Error:
        return []
