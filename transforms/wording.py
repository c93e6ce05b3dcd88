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


def without_secrets(text: str) -> str:
    """Return a text with `***` for passwords and signatures within URIs.

    >>> without_secrets("https://me:abc@host/in?sv=1&sig=abc")
    'https://me:***@host/in?sv=1&sig=***'
    """
    if "://" not in text and "=" not in text:
        return text
    text = _PASSWORD.sub(rf"\1:{HIDDEN}@", text)
    return _QUERY.sub(lambda found: f"{found[1]}{found[2]}={HIDDEN if SECRET.search(found[2]) else found[3]}", text)
