"""Announce scenes that arrive in a watched folder, each once, when it is complete and its files no longer change.

Copies are slow and come in pieces. A scene is ready when both views are there and nothing about its files (which there are,
their sizes and times) has changed for a while. One that stays incomplete for long is told as a failure; should the missing
file come after all, the scene is done, and its score takes the failure's place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from dpdeblur.transforms.arriving.watched_place import Look
from dpdeblur.transforms.layouts.left_out import sentence
from dpdeblur.transforms.records import Failure, Scene, now
from dpdeblur.transforms.tables.ledger import Done

LEAST, GROWTH = 64, 3  # scenes told at a time; or, where more than so many are finished between two looks, three times these

Ready = Scene | Failure
_NOTHING = Done("", revision=-1)


@dataclass(frozen=True, slots=True)
class Waiting:
    """Scenes that a look at the folder found but that are not done yet.

    Attributes:
        under_way: scenes that were told and are not finished yet.
        queued: scenes that are ready, to be told when some of these are finished.
        unsettled: scenes whose files still change.
        incomplete: scenes that cannot be done as things are, and why: most lack a view.
        problem: why the place as a whole cannot be made out at present; empty if it can.
        left_out: a line that says which files belong to no scene; empty if all do.
    """

    under_way: int = 0
    queued: int = 0
    unsettled: int = 0
    incomplete: dict[str, str] = field(default_factory=dict)
    problem: str = ""
    left_out: str = ""


class Arrivals:
    """Finds the scenes in a folder that have become ready since the last look.

    Args:
        settle_s: how long nothing about a scene's files must have changed, in seconds.
        patience_s: how long a scene may lack a view before that is a failure, in seconds.
    """

    def __init__(self, settle_s: float, patience_s: float) -> None:
        self._settle_s, self._patience_s = settle_s, patience_s
        self._since: dict[str, tuple[str, float]] = {}
        self._under_way: dict[str, Done] = {}  # told, not finished yet: what they will have depended on
        self.waiting = Waiting()

    def ready(
        self,
        look: Look,
        key: Callable[[Scene], str],
        done: Mapping[str, Done],
        time_s: float,
        former_key: Callable[[Scene], str] | None = None,
    ) -> Iterator[Ready]:
        """Yield the scenes that are ready now and were not told before, and the failures that are certain by now.

        A scene that lacks something may still become whole: it fails when its time is up. A name that two scenes claim, or a
        file of another layout, fails as soon as its files are at rest.

        Args:
            look: what is in the place now.
            key: the `input_key` of a scene, which changes with any of its files.
            done: what every scene depended on that is finished already.
            time_s: of the look, in seconds on any clock that does not stand still.
            former_key: the `input_key` that earlier versions gave, for a run that they began.
        """
        found, versions = look.found, look.versions
        room = self._room(done)
        queued, unsettled, incomplete, seen = 0, 0, {}, {}
        for scene in found.scenes:
            version = key(scene)
            finished, told = done.get(scene.scene_id, _NOTHING), self._under_way.get(scene.scene_id, _NOTHING)
            if version in (finished.input_key, told.input_key):
                continue
            if finished.input_key and former_key and former_key(scene) == finished.input_key:
                continue
            since = seen[scene.scene_id] = self._unchanged(scene.scene_id, f"{version} {versions.get(scene.scene_id)}", time_s)
            if time_s - since[1] < self._settle_s:
                unsettled += 1
            elif room > 0:
                room -= 1
                revision = max(finished.revision, told.revision) + 1
                self._under_way[scene.scene_id] = Done(version, revision)
                yield replace(scene, revision=revision)
            else:
                queued += 1
        for failure in found.failures:
            may_come, known = failure.scene_id in found.incomplete, done.get(failure.scene_id)
            if known is not None:
                if known.input_key != failure.input_key and not may_come:  # restored before another one claimed its name
                    incomplete[failure.scene_id] = failure.message
                continue
            state = f"{failure.message} {versions.get(failure.scene_id)}"
            since = seen[failure.scene_id] = self._unchanged(failure.scene_id, state, time_s)
            if time_s - since[1] >= (self._patience_s if may_come else self._settle_s):
                yield replace(failure, finished_at=now())
            elif may_come:
                incomplete[failure.scene_id] = failure.message
            else:
                unsettled += 1
        self._since = seen
        self.waiting = Waiting(len(self._under_way), queued, unsettled, incomplete, left_out=sentence(found.left_out))

    def _room(self, done: Mapping[str, Done]) -> int:
        """Return how many scenes to announce.

        An engine that is told of all that is there enters none of it into the tables before the last is done.
        """
        before = len(self._under_way)
        self._under_way = {scene: told for scene, told in self._under_way.items() if done.get(scene) != told}
        finished = before - len(self._under_way)
        return max(LEAST, GROWTH * finished) - len(self._under_way)

    def _unchanged(self, scene_id: str, version: str, time_s: float) -> tuple[str, float]:
        """Return the present state of a scene, and since when it has it."""
        before = self._since.get(scene_id)
        return before if before and before[0] == version else (version, time_s)
