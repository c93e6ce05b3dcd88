"""Turn the files that a layout assigns to one scene into a `Scene`, or into a failure that says what is wrong.

The rules are the same for all layouts: for ids, for missing, duplicate or empty files, and for duplicate names.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from operator import attrgetter

from dpdeblur.transforms.layout_names import PICTURE_EXTENSIONS
from dpdeblur.transforms.layouts.ids import MAX_ID_BYTES, check_scene_id, printable
from dpdeblur.transforms.layouts.left_out import OTHER_PICTURE_EXTENSIONS
from dpdeblur.transforms.records import Failure, Scene, SceneError, Source, UsageError, failure_to_find
from dpdeblur.transforms.storage.uris import folded
from dpdeblur.transforms.storage.walk import File
from dpdeblur.transforms.wording import escaped, shortened

ROLES = ("left", "right", "combined", "target")
ALIASES = {**{role: role for role in ROLES}, "l": "left", "r": "right", "c": "combined", "g": "target"}


@dataclass(slots=True)
class CandidateScene:
    """A possible scene.

    Attributes:
        scene_id: its name, unchecked.
        place: what to call it in a message: its folder, row or shard.
        subset: the part of the collection it belongs to.
        files: role to the files that could have it; one each is right.
        problem: why it cannot be a scene, where the layout knows.
        may_pass: whether the problem may be over at another time.
    """

    scene_id: str
    place: str
    subset: str = ""
    files: dict[str, list[File]] = field(default_factory=dict)
    problem: str = ""
    may_pass: bool = False

    def add(self, role: str, file: File) -> None:
        """Take one more file that could have a role."""
        self.files.setdefault(role, []).append(file)


class _Incomplete(SceneError):
    """A file is missing that may still come."""


@dataclass(frozen=True, slots=True)
class Settled:
    """Scenes and failures from candidates; each id comes once.

    Attributes:
        scenes: sorted by id.
        failures: sorted by id.
        incomplete: ids of the failures that would be scenes if a file came that is not there yet.
    """

    scenes: tuple[Scene, ...]
    failures: tuple[Failure, ...]
    incomplete: frozenset[str]


def pictures(files: Iterable[File]) -> list[File]:
    """Return the files that are pictures, by their extension."""
    return [file for file in files if file.extension in PICTURE_EXTENSIONS]


def unread_pictures(files: Iterable[File]) -> list[File]:
    """Return the pictures in unsupported formats, as files whose `problem` says so."""
    return [
        replace(file, problem=f"{file.extension} is not a supported format: convert it to PNG or TIFF")
        for file in files
        if file.extension in OTHER_PICTURE_EXTENSIONS and not file.problem
    ]


def refuse_collisions(candidates: Iterable[CandidateScene]) -> None:
    """Refuse two places that would give scenes of one name: a matter of the whole input, where ids come from paths.

    Raises:
        UsageError: names both places; of several pairs the first by its text.
    """
    seen, refusals = dict[str, str](), list[str]()
    for candidate in sorted(candidates, key=attrgetter("place")):
        other = seen.setdefault(candidate.scene_id, candidate.place)
        if other != candidate.place:
            refusals.append(
                f"{escaped(other)} and {escaped(candidate.place)} would both be scene {printable(candidate.scene_id)}. "
                "Rename one, give only one of the folders as --input, or list the scenes in a manifest."
            )
    if refusals:
        raise UsageError(min(refusals))


def settle(candidates: Iterable[CandidateScene]) -> Settled:
    """Turn candidates into scenes, and into failures that say what is wrong."""
    by_name: dict[str, list[CandidateScene]] = {}
    for candidate in candidates:
        by_name.setdefault(printable(candidate.scene_id), []).append(candidate)
    scenes, failures, incomplete = list[Scene](), list[Failure](), set[str]()
    for name in sorted(by_name):
        try:
            scenes.append(_scene(by_name[name]))
        except SceneError as error:
            failures.append(_failure(name, by_name[name][0], error))
            if isinstance(error, _Incomplete):
                incomplete.add(name)
    if other_names := _of_one_file([scene.scene_id for scene in scenes]):
        scenes = [scene for scene in scenes if scene.scene_id not in other_names]
        for name, other in other_names.items():
            place = escaped(by_name[other][0].place)
            differs = (
                f"The name differs from that of {other} ({place}) only by upper and lower case, or by the Unicode form of "
                "its letters: on many disks their pictures would be the same file. Rename one."
            )
            failures.append(_failure(name, by_name[name][0], SceneError(differs)))
        failures.sort(key=attrgetter("scene_id"))
    return Settled(tuple(scenes), tuple(failures), frozenset(incomplete))


def _of_one_file(names: Sequence[str]) -> dict[str, str]:
    """Return the names whose files some disks take for those of another of the names, with that one."""
    keys = list(map(folded, names))
    if len(set(keys)) == len(names):
        return {}
    alike: dict[str, list[str]] = {}
    for key, name in zip(keys, names, strict=True):
        alike.setdefault(key, []).append(name)
    return {name: min(same - {name}) for same in map(set, alike.values()) if len(same) > 1 for name in same}


def _scene(same_name: Sequence[CandidateScene]) -> Scene:
    candidate = same_name[0]
    if len(same_name) > 1:
        places = shortened([each.place for each in same_name])
        raise SceneError(f"{len(same_name)} scenes have this name: {places}. Give each a name of its own.")
    if candidate.problem:
        raise (_Incomplete if candidate.may_pass else SceneError)(candidate.problem)
    check_scene_id(candidate.scene_id)
    if candidate.subset and printable(candidate.subset) != candidate.subset:
        raise SceneError(f"The subset {printable(candidate.subset)} is not plain text of at most {MAX_ID_BYTES} bytes.")
    return Scene(
        scene_id=candidate.scene_id,
        left=_required(candidate, "left"),
        right=_required(candidate, "right"),
        combined=_only(candidate, "combined"),
        target=_only(candidate, "target"),
        subset=candidate.subset,
        restored=_only(candidate, "restored"),
    )


def _required(candidate: CandidateScene, role: str) -> Source:
    source = _only(candidate, role)
    if source is None:
        there = shortened(sorted(candidate.files)) or "nothing"
        raise _Incomplete(f"The {role} view is missing. Present: {there}.")
    return source


def _only(candidate: CandidateScene, role: str) -> Source | None:
    files = candidate.files.get(role)
    if not files:
        return None
    if len(files) > 1:
        could = shortened([file.source.uri for file in files])
        raise SceneError(f"{len(files)} files could be the {role} picture: {could}. Keep only one.")
    (file,) = files
    if file.problem:
        raise _Incomplete(f"The {role} picture cannot be used: {file.problem}.", file.source.uri)
    source, path = file.source, file.path
    return source if source.place == path else Source(source.uri, source.offset, source.size, source.stamp, path)


def _failure(name: str, candidate: CandidateScene, error: SceneError) -> Failure:
    any_file = next((file.source.uri for files in candidate.files.values() for file in files), "")
    return failure_to_find(
        name,
        escaped(str(error)),
        subset=printable(candidate.subset) if candidate.subset else "",
        uri=escaped(error.uri or any_file),
    )
