"""Assign scenes to shards."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    first: int = 0,
) -> Iterator[ShardPlan]:
    """Yield the shards of scenes, in their order: one is full when the next scene would take it over `shard_size` bytes.

    The same scenes give the same shards. A scene is never split; a larger one has a shard of its own.

    Args:
        scenes: what to pack.
        shard_size: in bytes.
        roles: which of their pictures.
        first: number of the first shard.
    """
    members, taken, number = list[Scene](), 0, first
    for scene in scenes:
        size = sum(tar_size(UNKNOWN_SIZE if source.size is None else source.size) for _, source in views(scene, roles))
        if members and taken + size > shard_size:
            yield ShardPlan(_name(number), tuple(members))
            members, taken, number = [], 0, number + 1
        members.append(scene)
        taken += size
    if members:
        yield ShardPlan(_name(number), tuple(members))


def with_rows(plans: Iterable[ShardPlan], rows: Iterable[tuple[str, Mapping[str, Any]]]) -> Iterator[ShardPlan]:
    """Yield plans with what a run says of each of their pictures.

    Args:
        plans: whose scenes are sorted by id, from the first plan to the last.
        rows: of the run, each with its scene_id, sorted by it.
    """
    rest = iter(rows)
    ahead = next(rest, None)
    for plan in plans:
        theirs, wanted = dict[str, Mapping[str, Any]](), {scene.scene_id for scene in plan.scenes}
        while ahead is not None and ahead[0] <= plan.scenes[-1].scene_id:
            if ahead[0] in wanted:
                theirs[ahead[0]] = ahead[1]
            ahead = next(rest, None)
        yield replace(plan, rows=theirs)


def _name(number: int) -> str:
    return f"shard-{number:06d}.tar"


def views(scene: Scene, roles: Sequence[str] = ROLES) -> list[tuple[str, Source]]:
    """Return the pictures that a scene has in these roles, each with its role."""
    sources = [(role, getattr(scene, role)) for role in roles]
    return [(role, source) for role, source in sources if source is not None]
