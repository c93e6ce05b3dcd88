"""Ids of scenes: made from paths, checked before they name a file, and made printable."""

from __future__ import annotations

import hashlib

from dpdeblur.transforms.records import SceneError
from dpdeblur.transforms.wording import escaped, is_byte

SUBSETS = ("train", "training", "val", "valid", "validation", "test")
MAX_ID_BYTES = 200  # file names may have 255, and "<id>.combined.tiff" is one
_SHORT = MAX_ID_BYTES // 4  # characters that cannot have more bytes


def id_from_path(path: str) -> str:
    """Return the id of a scene that is at a relative path: "/" becomes "__", and "." becomes "_".

    >>> id_from_path("test/0001.v2")
    'test__0001_v2'
    """
    return path.replace("/", "__").replace(".", "_")


def subset_from_path(path: str) -> str:
    """Return the first folder above the scene that names a subset; empty if none does.

    >>> subset_from_path("dpdd/test/0001")
    'test'
    """
    return next((part for part in path.split("/")[:-1] if part.lower() in SUBSETS), "")


def check_scene_id(scene_id: str) -> str:
    """Return an id that is safe as a file name and as a WebDataset key.

    Raises:
        SceneError: it is empty, longer than 200 bytes, or holds a separator, a dot or a character that cannot be printed.
    """
    if is_sound_id(scene_id):
        return scene_id
    if not scene_id.strip():
        raise SceneError("The scene id is empty.")
    if bad := next((sign for sign in scene_id if sign in "/\\." or not sign.isprintable()), ""):
        what = f"the byte {escaped(bad)}, which is not UTF-8" if is_byte(bad) else f"'{escaped(bad)}'"
        raise SceneError(
            f"The scene id {printable(scene_id)} holds {what}: ids are names without dots, separators or control characters."
        )
    if len(scene_id.encode()) > MAX_ID_BYTES:
        raise SceneError(f"The scene id {printable(scene_id)} is longer than {MAX_ID_BYTES} bytes.")
    return scene_id


def is_sound_id(scene_id: str) -> bool:
    """Return whether an id is valid and printable: like `check_scene_id`, in a fifth of the time."""
    return (
        scene_id.isprintable()
        and not ("." in scene_id or "/" in scene_id or "\\" in scene_id or not scene_id or scene_id.isspace())
        and (len(scene_id) <= _SHORT or len(scene_id.encode()) <= MAX_ID_BYTES)
    )


def printable(text: str) -> str:
    """Return a name in a form safe for tables, terminals and UTF-8: unchanged if harmless, else escaped and shortened.

    Different names stay different.
    """
    if 0 < len(text) <= _SHORT and text.isprintable() and "\\" not in text:
        return text  # as nearly all are
    if not text.isprintable() or "\\" in text:
        text = escaped(text.replace("\\", "\\\\"))
    if len(text.encode()) > MAX_ID_BYTES:
        text = f"{text[:40]}…{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    return text or "(none)"
