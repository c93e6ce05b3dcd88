"""All printing goes through here, so that no terminal, log or pipe can fail a job.

Text that a stream cannot show degrades (`→` becomes `->` on a terminal that is not UTF-8). Text that it does not accept (a
broken pipe, a full disk, no stream at all) is dropped. The work, its exit code and its report are not affected.
"""

from __future__ import annotations

import codecs
import os
import sys
from typing import TYPE_CHECKING, Any, TextIO, cast

from dpdeblur.transforms.wording import escaped, is_byte, without_secrets

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

PLAIN = "dpdeblur.plain"  # error handler of encodings: plain letters for signs, ? for what has none
_WIDEST = 400  # columns
_SIGNS = {
    "→": "->", "←": "<-", "↔": "<->", "↑": "^", "↓": "v", "…": "...", "·": "-", "•": "*", "–": "-", "—": "-", "−": "-",
    "×": "x", "±": "+-", "≤": "<=", "≥": ">=", "≈": "~", "∞": "inf", "µ": "u", "μ": "u", "²": "2", "°": " deg",
    "“": '"', "”": '"', "\u2018": "'", "\u2019": "'", "\u00a0": " ", "\u2009": " ", "\u202f": " ",
}  # fmt: skip


def say(line: str) -> None:
    """Print a line to standard output."""
    write(line + "\n")


def complain(line: str) -> None:
    """Print a line to standard error."""
    _Stream("stderr").write(line + "\n")
    _Stream("stderr").flush()


def write(text: str) -> None:
    """Print text to standard output as it is."""
    stream = _Stream("stdout")
    stream.write(text)
    stream.flush()


def rich_console(*, quiet: bool = False) -> Console:
    """Return a console on standard output for tables, progress and the lines between; `quiet` prints nothing."""
    from rich.console import Console  # noqa: PLC0415 - costs a tenth of a second, and most command lines need none

    return Console(file=cast(TextIO, _Stream("stdout")), quiet=quiet, highlight=False, markup=False)


def print_table(console: Console, table: Table) -> None:
    """Print a table at its full width: on a narrower terminal its lines wrap, and no number is cut."""
    wide = rich_console(quiet=console.quiet)
    wide.width = _WIDEST
    wide.width = max(console.width, wide.measure(table).maximum)
    wide.print(table)


def prepare_process() -> None:
    """Make the standard streams of this process safe for all that print to them, libraries and Python itself too.

    A stream that was closed before the start is opened on the null device, so that no other file gets its number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=PLAIN)


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain_sign, error.object[error.start : error.end])), error.end


def _plain_sign(sign: str) -> str:
    return escaped(sign) if is_byte(sign) else _SIGNS.get(sign, "?")


codecs.register_error(PLAIN, _plain)


class _Stream:
    """Standard output or standard error as it is at each moment, with writing that never fails.

    Args:
        name: "stdout" or "stderr".
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @property
    def _stream(self) -> TextIO | None:
        return getattr(sys, self._name)  # type: ignore[no-any-return]

    @property
    def encoding(self) -> str:
        """Of the stream; Rich draws boxes and bars in ASCII where it is not UTF-8."""
        return getattr(self._stream, "encoding", None) or "utf-8"

    def write(self, text: str) -> int:
        """Write what the stream can show of a text."""
        if self._stream is not None:
            shown = without_secrets(text).encode(self.encoding, PLAIN).decode(self.encoding)
            try:
                self._stream.write(shown)
            except (OSError, ValueError):  # a broken pipe, a full disk, a terminal that is gone, a closed stream
                self._give_up()
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        if self._stream is not None:
            try:
                self._stream.flush()
            except (OSError, ValueError):
                self._give_up()

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        try:
            return self._stream is not None and self._stream.isatty()
        except ValueError:  # closed
            return False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _give_up(self) -> None:
        """Discard all further output: Python would try to write it again at its end, and change the exit code."""
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())  # type: ignore[union-attr]
            os.close(nowhere)
        except (OSError, ValueError, AttributeError):  # a stream without a file
            pass
