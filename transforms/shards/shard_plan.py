"""Which scene goes into which shard."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from dpdeblur.transforms.records import Scene, Source, scene_from_tuple, scene_to_tuple
from dpdeblur.transforms.shards.tar_shards import tar_size

ROLES = ("left", "right", "combined", "target")
UNKNOWN_SIZE = 8_000_000  # bytes that a picture counts as where the listing did not say


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """One shard to be written.

    Attributes:
        shard: its file name.
        scenes: what goes into it, in order.
    """

    shard: str
    scenes: tuple[Scene, ...]

    def to_line(self) -> str:
        """Return the plan as one line of JSON."""
        return json.dumps([self.shard, [scene_to_tuple(scene) for scene in self.scenes]]) + "\n"

    @classmethod
    def from_line(cls, line: str) -> ShardPlan:
        """Return the plan of such a line."""
        shard, scenes = json.loads(line)
        return cls(shard, tuple(map(scene_from_tuple, scenes)))


def assign(scenes: Sequence[Scene], shard_size: int) -> list[ShardPlan]:
    """Scenes to shards, in their order: a shard is full when the next scene would take it over `shard_size` bytes.

    The same scenes give the same shards. A scene is never split; a larger one has a shard of its own.
    """
    shards: list[list[Scene]] = []
    taken = shard_size
    for scene in scenes:
        size = sum(tar_size(UNKNOWN_SIZE if source.size is None else source.size) for _, source in views(scene))
        if taken + size > shard_size:
            shards.append([])
            taken = 0
        shards[-1].append(scene)
        taken += size
    return [ShardPlan(f"shard-{number:06d}.tar", tuple(members)) for number, members in enumerate(shards)]


def views(scene: Scene) -> list[tuple[str, Source]]:
    """Return the pictures that a scene has, each with its role."""
    sources = [(role, getattr(scene, role)) for role in ROLES]
    return [(role, source) for role, source in sources if source is not None]
