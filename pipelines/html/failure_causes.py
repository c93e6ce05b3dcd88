"""Failures grouped by cause, in plain words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from dpdeblur.transforms.wording import counted

_WHAT = {
    "find": "incomplete",
    "read": "could not be read",
    "decode": "could not be decoded",
    "inference": "could not be restored by the model",
    "score": "could not be scored",
    "write": "could not be written",
}
_ADDRESS = re.compile(r"\S*/\S*")


@dataclass(frozen=True, slots=True)
class FailedScene:
    """One scene that failed: its name, the file it is about, and what is wrong with it."""

    scene_id: str
    file: str
    message: str


@dataclass(frozen=True, slots=True)
class Cause:
    """Scenes that failed for the same reason: at one stage, with messages that differ only in names and numbers."""

    stage: str
    scenes: tuple[FailedScene, ...]

    @property
    def one_message(self) -> bool:
        """Whether all messages are exactly the same."""
        return len({scene.message for scene in self.scenes}) == 1

    @property
    def heading(self) -> str:
        """How many scenes failed and how, with the first message."""
        return f"{failed(len(self.scenes), self.stage)}: {self.scenes[0].message}"


def failed(count: int, stage: str) -> str:
    """Return how many scenes failed at a stage, in words.

    >>> failed(2, "decode")
    '2 scenes could not be decoded'
    """
    return f"{counted(count, 'scene')} {_WHAT.get(stage, f'failed at {stage}')}"


def causes(failures: Iterable[Mapping[str, Any]]) -> list[Cause]:
    """Group rows of a failures table by cause, the most common first."""
    alike: dict[tuple[str, str], list[FailedScene]] = {}
    for row in failures:
        scene = FailedScene(row["scene_id"], row["uri"], row["message"])
        alike.setdefault((row["stage"], _pattern(scene)), []).append(scene)
    found = [Cause(stage, tuple(scenes)) for (stage, _), scenes in alike.items()]
    return sorted(found, key=lambda cause: (-len(cause.scenes), cause.stage, cause.scenes[0].message))


def _pattern(scene: FailedScene) -> str:
    """Return a message without the parts specific to one scene: its files, its name, all numbers."""
    text = scene.message
    for name in sorted({scene.file, scene.file.rsplit("/", 1)[-1], scene.scene_id}, key=len, reverse=True):
        text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "*", text) if name else text
    return re.sub(r"\d+", "#", _ADDRESS.sub("*", text))
