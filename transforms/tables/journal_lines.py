"""Lines of the journal: an outcome as JSON with a checksum, and back."""

from __future__ import annotations

import dataclasses
import json
import re
import types
import typing
import zlib
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

from dpdeblur.transforms.records import Failure, Outcome, Score

_SIGNED = re.compile(rb'(.*), "crc32": "([0-9a-f]{8})"}', re.DOTALL)
_OF_SCENE = re.compile(rb'{"(?:score|failure)": {"scene_id": ("(?:[^"\\]|\\.)*")')
_KINDS: dict[str, type[Score] | type[Failure]] = {"score": Score, "failure": Failure}


def _classes(hint: Any) -> tuple[type, ...]:
    """Return the classes that a value of a type hint may have: `dict[str, float] | None` is a dict or None."""
    if isinstance(hint, types.UnionType):
        return tuple(found for part in typing.get_args(hint) for found in _classes(part))
    return (typing.get_origin(hint) or hint,)


_TYPES = {
    kind: {name: _classes(hint) for name, hint in typing.get_type_hints(row_type).items()} for kind, row_type in _KINDS.items()
}


def to_line(outcome: Outcome) -> str:
    """Return one outcome as a line of JSON that ends with a checksum of itself."""
    kind = "score" if isinstance(outcome, Score) else "failure"
    return signed(json.dumps({kind: dataclasses.asdict(outcome)}, default=datetime.isoformat))


def signed(text: str) -> str:
    """Return a line of the text of a JSON object, with the checksum of that text as its last member."""
    return f'{text[:-1]}, "crc32": "{_checksum(text.encode())}"}}\n'


def from_line(line: str | bytes) -> Outcome | None:
    """Return the outcome of a line; None if it was cut short or damaged, or comes from another version of the columns."""
    data = line.encode(errors="replace") if isinstance(line, str) else line
    text = _unsigned(data)
    if text is None:
        return None
    try:
        ((kind, columns),) = json.loads(text.decode(errors="surrogatepass")).items()
        columns["finished_at"] = _utc(columns["finished_at"])
        return _KINDS[kind](**columns) if _fit(kind, tuple(columns), tuple(map(type, columns.values()))) else None
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


@lru_cache
def _fit(kind: str, names: tuple[str, ...], found: tuple[type, ...]) -> bool:
    """Return whether columns of these names may have values of these types; cached, since nearly all lines are alike."""
    classes = _TYPES[kind]
    return all(issubclass(one, classes[name]) and one is not bool for name, one in zip(names, found, strict=True))


def _unsigned(line: bytes) -> bytes | None:
    """Return the text that was signed; None if the checksum is wrong."""
    found = _SIGNED.fullmatch(line.rstrip(b"\n"))
    text = found[1] + b"}" if found else b""
    return text if found and _checksum(text) == found[2].decode() else None


def _checksum(data: bytes) -> str:
    return f"{zlib.crc32(data):08x}"


def _utc(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    if time.utcoffset() != timedelta(0):
        raise ValueError(f"{text} is not a time in UTC")
    return time


def scene_of(line: bytes) -> str | None:
    """Return the scene that a line is about; None if the line was cut short or damaged."""
    found = _unsigned(line)
    scene = found and _OF_SCENE.match(found)
    return str(json.loads(scene[1])) if scene else None
