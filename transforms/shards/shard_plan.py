"""Which scene goes into which shard."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dpdeblur.transforms.records import Scene, Source, scene_from_tuple, scene_to_tuple
from dpdeblur.transforms.shards.tar_shards import tar_size

ROLES = ("left", "right", "combined", "target")
RESTORED = ("restored",)
UNKNOWN_SIZE = 8_000_000  # bytes that a picture counts as where the listing did not say


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """One shard to be written.

    Attributes:
        shard: its file name.
        scenes: what goes into it, in order.
        rows: by scene_id, what a run says of the picture that it restored.
    """

    shard: str
    scenes: tuple[Scene, ...]
    rows: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def to_line(self) -> str:
        """Return the plan as one line of JSON."""
        return json.dumps([self.shard, [scene_to_tuple(scene) for scene in self.scenes], self.rows]) + "\n"

    @classmethod
    def from_line(cls, line: str) -> ShardPlan:
        """Return the plan of such a line."""
        shard, scenes, rows = json.loads(line)
        return cls(shard, tuple(map(scene_from_tuple, scenes)), rows)


def assign(
    scenes: Iterable[Scene],
    shard_size: int,
    roles: Sequence[str] = ROLES,
    rows: Mapping[str, Mapping[str, Any]] | None = None,
    first: int = 0,
) -> Iterator[ShardPlan]:
    """Yield the shards of scenes, in their order: one is full when the next scene would take it over `shard_size` bytes.

    The same scenes give the same shards. A scene is never split; a larger one has a shard of its own.

    Args:
        scenes: what to pack.
        shard_size: in bytes.
        roles: which of their pictures.
        rows: by scene_id, what a run says of the picture that it restored.
        first: number of the first shard.
    """
    members, taken, number = list[Scene](), 0, first
    for scene in scenes:
        size = sum(tar_size(UNKNOWN_SIZE if source.size is None else source.size) for _, source in views(scene, roles))
        if members and taken + size > shard_size:
            yield _plan(number, members, rows or {})
            members, taken, number = [], 0, number + 1
        members.append(scene)
        taken += size
    if members:
        yield _plan(number, members, rows or {})


def _plan(number: int, scenes: Sequence[Scene], rows: Mapping[str, Mapping[str, Any]]) -> ShardPlan:
    theirs = {scene.scene_id: rows[scene.scene_id] for scene in scenes if scene.scene_id in rows}
    return ShardPlan(f"shard-{number:06d}.tar", tuple(scenes), theirs)


def views(scene: Scene, roles: Sequence[str] = ROLES) -> list[tuple[str, Source]]:
    """Return the pictures that a scene has in these roles, each with its role."""
    sources = [(role, getattr(scene, role)) for role in roles]
    return [(role, source) for role, source in sources if source is not None]
