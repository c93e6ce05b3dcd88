"""Wording of messages: numbers with nouns, names of unknown origin, suggestions, and the removal of secrets."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence

HIDDEN = "***"
SECRET = re.compile(
    r"secret|passw|passphrase|token|credential|private[_-]?key|api[_-]?key|account[_-]?key|connection[_-]?string|signature"
    r"|(^|[_-])(sas|sig|pwd)($|[_-])",
    re.IGNORECASE,
)
"""In the name of an option or of a part of an address: its value is not for everybody."""
_PASSWORD = re.compile(r"(?<=://)([^/?#\s@:]*):([^/?#\s]*)@")
_QUERY = re.compile(r"([?&;])([^=&;#\s]+)=([^&;#\s]*)")


def counted(number: int, thing: str) -> str:
    """Return a number with its noun, in the singular or plural.

    >>> counted(1, "scene"), counted(2, "shared scene"), counted(0, "shard")
    ('1 scene', '2 shared scenes', '0 shards')
    """
    return f"{number} {thing}{'' if number == 1 else 's'}"


def cause_of(error: OSError) -> str:
    """Return the message of an error from a disk or a store, with the file that it is about.

    >>> cause_of(FileNotFoundError(2, "No such file or directory", "a.png")), cause_of(OSError("s3://b/k cannot be read"))
    ('a.png: No such file or directory', 's3://b/k cannot be read')
    """
    name = error.filename2 or error.filename  # where a file was to be moved, the place that refused it
    if isinstance(error, IsADirectoryError) and name:
        return f"{escaped(str(name))} is a folder, where a file should be: rename or remove it"
    if name and error.strerror:
        return f"{escaped(str(name))}: {error.strerror}"
    return error.strerror or str(error) or type(error).__name__


def shortened(names: Sequence[str], most: int = 3) -> str:
    """Return the first of some names of unknown origin, and how many more there are.

    >>> shortened(["a", "b", "c"]), shortened(["a", "b", "c", "d", "e"])
    ('a, b, c', 'a, b, c and 2 more')
    """
    shown = ", ".join(map(escaped, names[:most]))
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return " Did you mean …?" with the closest of the known words, or an empty text if none is close.

    >>> did_you_mean("deblurr", ["deblur", "score"]), did_you_mean("xyz", ["deblur", "score"])
    (' Did you mean deblur?', '')
    """
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {close[0]}?" if close else ""


def escaped(text: str) -> str:
    r"""Escape a text of unknown origin for a message, a table or a page: file names may hold any bytes.

    A byte that is not UTF-8 becomes `\xe9`, as in a shell; characters that cannot be printed become `\n`, `\x1b` or `\u200b`.

    >>> print(escaped("caf\udce9"), escaped("caf\u00e9"), escaped("a\nb"))
    caf\xe9 café a\nb
    """
    return text if text.isprintable() else "".join(sign if sign.isprintable() else _escape(sign) for sign in text)


def is_byte(sign: str) -> bool:
    """Return whether a character stands for a byte of a file's name that is not UTF-8."""
    return "\udc80" <= sign <= "\udcff"


def _escape(sign: str) -> str:
    if is_byte(sign):
        return f"\\x{ord(sign) - 0xDC00:02x}"
    if "\x80" <= sign <= "\xff":
        return f"\\u{ord(sign):04x}"  # its \x would be taken for a byte
    return sign.encode("unicode_escape").decode()


def without_secrets(text: str) -> str:
    """Return a text with `***` for passwords and signatures within URIs.

    >>> without_secrets("https://me:abc@host/in?sv=1&sig=abc")
    'https://me:***@host/in?sv=1&sig=***'
    """
    if "://" not in text and "=" not in text:
        return text
    text = _PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    return _QUERY.sub(lambda found: f"{found[1]}{found[2]}={HIDDEN if SECRET.search(found[2]) else found[3]}", text)
