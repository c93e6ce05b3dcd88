"""How texts are worded: numbers with their nouns, and secrets left out of all that is kept or printed."""

from __future__ import annotations

import re

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
    """Return a number of things, in words that fit it.

    >>> counted(1, "scene"), counted(2, "shared scene"), counted(0, "shard")
    ('1 scene', '2 shared scenes', '0 shards')
    """
    return f"{number} {thing}{'' if number == 1 else 's'}"


def cause_of(error: OSError) -> str:
    """Return what an error of a disk or a store says, with the file that it is about.

    >>> cause_of(FileNotFoundError(2, "No such file or directory", "a.png")), cause_of(OSError("s3://b/k cannot be read"))
    ('a.png: No such file or directory', 's3://b/k cannot be read')
    """
    if error.filename and error.strerror:
        return f"{escaped(str(error.filename))}: {error.strerror}"
    return error.strerror or str(error) or type(error).__name__


def escaped(text: str) -> str:
    r"""Return a text of whatever origin, fit for a message, a table or a page: names of files may hold any bytes.

    A byte that is not UTF-8 is shown as a shell takes it, `\xe9`; what has no form on paper as `\n`, `\x1b` or `\u200b`.

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
