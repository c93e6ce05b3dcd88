"""Shared by CSV, JSON lines and Parquet tables of unknown origin: limits, and checks for misspelt column names."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TextIO

from dpdeblur.models.foreign_content import SNIFF_BYTES, foreign_content
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.wording import escaped

MAX_ROWS = 20_000_000
MAX_TEXT = 4096  # of one value; longer ones are no names of files
MAX_LINE = 1 << 16  # characters
_MAX_COLUMNS = 1000  # that are looked through for slips
ERRORS = "surrogateescape"
"""What becomes of bytes that are not UTF-8."""
_MARKS = ((b"\xff\xfe\0\0", "utf-32"), (b"\0\0\xfe\xff", "utf-32"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))

Row = Mapping[str, Any]


def open_table(uri: str) -> Any:
    """Open a table to read its bytes.

    Raises:
        UsageError: it cannot be read.
    """
    try:
        return store.open_file(uri)
    except OSError as error:
        raise UsageError(f"{uri} cannot be read: {error}") from error


def text_of(binary: Any, uri: str, otherwise: str) -> TextIO:
    """Return a file as text: UTF-8, or UTF-16 and UTF-32 with their mark.

    Args:
        binary: the file, open.
        uri: of it.
        otherwise: what it is not, where it is something else: "no CSV file".

    Raises:
        UsageError: it is no text but something that is known.
    """
    if content := foreign_content(binary.read(SNIFF_BYTES)):
        raise UsageError(f"{uri} is {otherwise} but {content}.")
    binary.seek(0)
    encoding = encoding_of(binary)
    errors = "backslashreplace" if encoding else ERRORS
    return io.TextIOWrapper(binary, encoding=encoding or "utf-8-sig", errors=errors, newline="")


def encoding_of(binary: Any) -> str:
    """Return the encoding that the mark at the start of an open file says; empty where there is none, or that of UTF-8."""
    start = binary.read(max(len(mark) for mark, _ in _MARKS))
    binary.seek(0)
    return next((name for mark, name in _MARKS if start.startswith(mark)), "")


def lines_of(text: TextIO, uri: str) -> Iterator[str]:
    """Yield lines of bounded length: a file without line ends would otherwise fill the memory.

    Raises:
        UsageError: one is longer.
    """
    while line := text.readline(MAX_LINE):
        if len(line) == MAX_LINE:
            raise UsageError(f"{uri} has a line of more than {MAX_LINE} characters: this is not a manifest.")
        yield line


def check_columns(uri: str, names: Sequence[str], required: Sequence[str], optional: Sequence[str]) -> None:
    """Check that a table has the columns needed, each once, and none that looks like one of them.

    Args:
        uri: the table.
        names: of its columns.
        required: columns that it must have.
        optional: columns that are read where they are there.

    Raises:
        UsageError: what is wrong, and what may be meant.
    """
    wanted = (*required, *optional)
    missing = [name for name in required if name not in names]
    if missing:
        hints = [f"{escaped(near)} for {name}" for name in missing if (near := _nearest(name, names))]
        did_you = f" Rename {', '.join(hints)}?" if hints else ""
        if not hints and names and names[0].startswith("#"):
            did_you = " Its first line seems to be a comment: delete it. The first line must name the columns."
        raise UsageError(
            f"{uri} has no column {', '.join(missing)}: its columns are {escaped(', '.join(names))[:300] or 'none'}.{did_you}"
        )
    if len(names) < _MAX_COLUMNS:
        twice = sorted({name for name in names if names.count(name) > 1} & set(wanted))
        if twice:
            raise UsageError(f"{uri} has the column {twice[0]} twice.")
    alike = {name.casefold().strip(" _-"): name for name in names if name not in wanted}
    slips = [(alike[name], name) for name in wanted if name in alike]
    if slips:
        raise UsageError(
            f"{uri} has the column {escaped(slips[0][0])!r}, which may be meant for {slips[0][1]!r}: "
            "rename it to that, or to something less similar."
        )


def _nearest(name: str, names: Sequence[str]) -> str:
    lowered = {each.casefold(): each for each in names if len(each) < 100}
    close = difflib.get_close_matches(name, list(lowered)[:_MAX_COLUMNS], n=1)
    starts = [each for each in lowered if len(name) > 2 and each.startswith(name)]
    return lowered[(close or starts)[0]] if close or starts else ""
