"""Scenes as they arrive in a place that fills: each told once, when it is whole and its files have come to rest.

Copies are slow and come in pieces. A scene is ready when both views are there and nothing about its files (which there are,
their sizes and times) has changed for a while. One that stays incomplete for long is told as a failure; should the missing
file come after all, the scene is done, and its score takes the failure's place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from dpdeblur.transforms.layouts import Found, find_in_listing
from dpdeblur.transforms.records import Failure, Scene, UsageError, now
from dpdeblur.transforms.storage.listing import list_files

LAYOUTS = ("auto", "folders", "ntire")
"""Layouts that name each scene by itself. Where scenes are paired by their order, one file that comes late would shift all."""
LEAST, GROWTH = 64, 3  # scenes told at a time; or, where more than so many are finished between two looks, three times these

Ready = Scene | Failure


@dataclass(frozen=True, slots=True)
class Waiting:
    """What a look at the place found that is not done.

    Attributes:
        under_way: scenes that were told and are not finished yet.
        queued: scenes that are ready, to be told when some of these are finished.
        unsettled: scenes whose files still change.
        incomplete: scenes that lack something, and what.
        problem: why the place as a whole cannot be made out at present; empty where it can.
    """

    under_way: int = 0
    queued: int = 0
    unsettled: int = 0
    incomplete: dict[str, str] = field(default_factory=dict)
    problem: str = ""


class Arrivals:
    """Tells which of the scenes in a place have become ready since the last look.

    Args:
        settle_s: how long nothing about a scene's files must have changed, in seconds.
        patience_s: how long a scene may lack a view before that is a failure, in seconds.
    """

    def __init__(self, settle_s: float, patience_s: float) -> None:
        self._settle_s, self._patience_s = settle_s, patience_s
        self._since: dict[str, tuple[str, float]] = {}
        self._under_way: dict[str, str] = {}  # told, not finished yet: their versions
        self.waiting = Waiting()

    def ready(self, found: Found, key: Callable[[Scene], str], done: Mapping[str, str], time_s: float) -> Iterator[Ready]:
        """The scenes that are ready now and were not told before.

        Args:
            found: what lies in the place.
            key: the `input_key` of a scene, which changes with any of its files.
            done: the `input_key` of every scene that is finished already.
            time_s: of the look, in seconds on any clock that does not stand still.
        """
        room = self._room(done)
        queued, unsettled, incomplete, seen = 0, 0, {}, {}
        for scene in found.scenes:
            version = key(scene)
            if version in (done.get(scene.scene_id), self._under_way.get(scene.scene_id)):
                continue
            since = seen[scene.scene_id] = self._unchanged(scene.scene_id, version, time_s)
            if time_s - since[1] < self._settle_s:
                unsettled += 1
            elif room > 0:
                room -= 1
                self._under_way[scene.scene_id] = version
                yield scene
            else:
                queued += 1
        for failure in found.failures:
            if failure.scene_id in done:
                continue
            since = seen[failure.scene_id] = self._unchanged(failure.scene_id, failure.message, time_s)
            if time_s - since[1] < self._patience_s:
                incomplete[failure.scene_id] = failure.message
            else:
                yield replace(failure, finished_at=now())
        self._since = seen
        self.waiting = Waiting(len(self._under_way), queued, unsettled, incomplete)

    def _room(self, done: Mapping[str, str]) -> int:
        """How many scenes to tell: an engine that is told of all that lies there enters none of it before the last is done."""
        before = len(self._under_way)
        self._under_way = {scene: version for scene, version in self._under_way.items() if done.get(scene) != version}
        finished = before - len(self._under_way)
        return max(LEAST, GROWTH * finished) - len(self._under_way)

    def _unchanged(self, scene_id: str, version: str, time_s: float) -> tuple[str, float]:
        """What a scene is now, and since when."""
        before = self._since.get(scene_id)
        return before if before and before[0] == version else (version, time_s)


def look(place: str, layout: str) -> tuple[Found, str]:
    """What lies in a place at this moment, and what is wrong with it as a whole: that may be over at the next look.

    Args:
        place: a folder, a local path or a URI.
        layout: one of `LAYOUTS`.
    """
    nothing = Found(place, layout, (), (), 0)
    try:
        files = list_files(place)
        return (find_in_listing(place, files, layout), "") if files else (nothing, "")
    except UsageError as error:
        return nothing, str(error)
