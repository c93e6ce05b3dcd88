"""Secrets on a command line, left out of everything that is kept: the manifest, the report, the log."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

HIDDEN = "***"
_SECRET = re.compile(
    r"secret|passw|passphrase|token|credential|private[_-]?key|api[_-]?key|account[_-]?key|connection[_-]?string|signature"
    r"|(^|[_-])(sas|sig|pwd)($|[_-])",
    re.IGNORECASE,
)
_PASSWORD = re.compile(r"(?<=://)([^/?#\s@:]*):([^/?#\s]*)@")
_QUERY = re.compile(r"([?&;])([^=&;#\s]+)=([^&;#\s]*)")


def of_words(words: Iterable[str]) -> Iterator[str]:
    """Yield the words of a command line with `***` for the values of secret options and for secrets within URIs.

    >>> list(of_words(["--s3_secret_access_key", "abc", "--input", "s3://me:abc@host/in", "--s3_access_key_id=ID"]))
    ['--s3_secret_access_key', '***', '--input', 's3://me:***@host/in', '--s3_access_key_id=ID']
    """
    secret_follows = False
    for word in words:
        flag, equals, _ = word.partition("=")
        named_secret = flag.startswith("--") and bool(_SECRET.search(flag))
        if secret_follows and not word.startswith("--"):
            yield HIDDEN
        elif named_secret and equals:
            yield f"{flag}={HIDDEN}"
        else:
            yield of_text(word)
        secret_follows = named_secret and not equals


def of_value(value: Any) -> Any:
    """Return the value of an option without secrets."""
    if isinstance(value, list):
        return list(of_words(value))
    return of_text(value) if isinstance(value, str) else value


def of_text(text: str) -> str:
    """Return a text with `***` for passwords and signatures within URIs.

    >>> of_text("https://me:abc@host/in?sv=1&sig=abc")
    'https://me:***@host/in?sv=1&sig=***'
    """
    text = _PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    return _QUERY.sub(lambda found: f"{found[1]}{found[2]}={HIDDEN if _SECRET.search(found[2]) else found[3]}", text)
