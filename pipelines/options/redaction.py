"""Secrets on a command line, left out of everything that is kept: the manifest, the report."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from dpdeblur.transforms.wording import HIDDEN, SECRET, without_secrets


def of_words(words: Iterable[str]) -> Iterator[str]:
    """Yield the words of a command line with `***` for the values of secret options and for secrets within URIs.

    >>> list(of_words(["--s3_secret_access_key", "abc", "--input", "s3://me:abc@host/in", "--s3_access_key_id=ID"]))
    ['--s3_secret_access_key', '***', '--input', 's3://me:***@host/in', '--s3_access_key_id=ID']
    """
    secret_follows = False
    for word in words:
        flag, equals, _ = word.partition("=")
        named_secret = flag.startswith("--") and bool(SECRET.search(flag))
        if secret_follows and not word.startswith("--"):
            yield HIDDEN
        elif named_secret and equals:
            yield f"{flag}={HIDDEN}"
        else:
            yield without_secrets(word)
        secret_follows = named_secret and not equals


def of_value(value: Any) -> Any:
    """Return the value of an option without secrets."""
    if isinstance(value, list):
        return list(of_words(value))
    return without_secrets(value) if isinstance(value, str) else value
