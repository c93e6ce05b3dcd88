"""A digest of everything that a scene's outcome depends on: if it changes, the outcome is out of date."""

from __future__ import annotations

import hashlib
import json
from json.encoder import encode_basestring_ascii as _text
from typing import Any

from dpdeblur.transforms.records import Scene, scene_to_tuple


def input_key(scene: Scene, settings_digest: str) -> str:
    """Return a digest of what a scene's outcome depends on: the version of each of its files, and the settings of the run.

    A file is known by its place inside the input and its version, so that an input that is moved, or reached by a link, is
    the same; by its address, where its version is not known.
    """
    return plain_input_key(scene_to_tuple(scene), settings_digest)


def plain_input_key(scene: tuple[Any, ...], settings_digest: str) -> str:
    """Return the `input_key` of a scene in the form of `records.scene_to_tuple`."""
    _, subset, _, *files = scene
    facts = ", ".join([_text(settings_digest), _text(subset), *[_version(*file) if file else "null" for file in files]])
    return hashlib.sha256(f"[{facts}]".encode()).hexdigest()[:32]


def former_input_key(scene: Scene, settings_digest: str) -> str:
    """Return the `input_key` that versions before 0.2 computed, by the address of each file: to continue their runs."""
    _, subset, _, *files = scene_to_tuple(scene)
    return _digest_of([settings_digest, subset, *(file and file[:4] for file in files)])


def _version(uri: str, offset: int | None, size: int | None, stamp: str, place: str) -> str:
    """Return what `json.dumps` makes of a file's place, offset, size and stamp, in a third of the time."""
    start, length = "null" if offset is None else offset, "null" if size is None else size
    return f"[{_text(place if place and stamp else uri)}, {start}, {length}, {_text(stamp)}]"


def _digest_of(facts: list[Any]) -> str:
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
