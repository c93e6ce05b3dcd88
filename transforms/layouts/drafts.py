"""From what a layout finds to scenes: one rule for ids, for missing views and for names used twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from dpdeblur.transforms.layouts.ids import MAX_ID_BYTES, check_scene_id, escaped, printable
from dpdeblur.transforms.records import Failure, Scene, SceneError, Source, UsageError
from dpdeblur.transforms.storage.listing import File

ROLES = ("left", "right", "combined", "target")
ALIASES = {**{role: role for role in ROLES}, "l": "left", "r": "right", "c": "combined", "g": "target"}
PICTURES = ("png", "tif", "tiff", "jpg", "jpeg", "jxl")


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture file of a listing.

    Attributes:
        folder: where it lies, relative to the folder listed; empty at its top.
        stem: its name without the extension.
        source: its address.
    """

    folder: str
    stem: str
    source: Source


@dataclass(slots=True)
class Draft:
    """What may become a scene.

    Attributes:
        scene_id: its name, unchecked.
        where: what to call it in a message: its folder, row or shard.
        subset: the part of the collection it belongs to.
        views: role to the files that could be it; one each is right.
        problem: why it cannot become a scene, where the layout knows.
    """

    scene_id: str
    where: str
    subset: str = ""
    views: dict[str, list[Source]] = field(default_factory=dict)
    problem: str = ""

    def add(self, role: str, source: Source) -> None:
        """One more file that could be the picture of that role."""
        self.views.setdefault(role, []).append(source)


def pictures(files: Iterable[File]) -> list[Picture]:
    """The picture files of a listing, by their extension."""
    found = []
    for file in files:
        folder, _, name = file.path.rpartition("/")
        stem, dot, extension = name.rpartition(".")
        if dot and stem and extension.lower() in PICTURES:
            found.append(Picture(folder, stem, file.source))
    return found


def refuse_collisions(drafts: Iterable[Draft]) -> None:
    """Two places that would give scenes of one name are a matter of the whole input, where ids come from paths.

    Raises:
        UsageError: names both places.
    """
    seen: dict[str, str] = {}
    for draft in drafts:
        other = seen.setdefault(draft.scene_id, draft.where)
        if other != draft.where:
            raise UsageError(
                f"{escaped(other)} and {escaped(draft.where)} would both be scene {printable(draft.scene_id)}. "
                "Rename one, give only one of the folders as --input, or list the scenes in a manifest."
            )


def settle(drafts: Iterable[Draft]) -> tuple[list[Scene], list[Failure]]:
    """Scenes and failures, each sorted by id; no id is in both, nor twice in one."""
    named: dict[str, list[Draft]] = {}
    for draft in drafts:
        named.setdefault(printable(draft.scene_id), []).append(draft)
    scenes, failures = [], []
    for name in sorted(named):
        try:
            scenes.append(_scene(named[name]))
        except SceneError as error:
            failures.append(_failure(name, named[name][0], error))
    return scenes, failures


def _scene(same: Sequence[Draft]) -> Scene:
    draft = same[0]
    if len(same) > 1:
        raise SceneError(f"{len(same)} scenes have this name: {_some([d.where for d in same])}. Give each its own.")
    if draft.problem:
        raise SceneError(draft.problem)
    check_scene_id(draft.scene_id)
    if draft.subset and printable(draft.subset) != draft.subset:
        raise SceneError(f"The subset {printable(draft.subset)} is no plain text of at most {MAX_ID_BYTES} bytes.")
    return Scene(
        scene_id=draft.scene_id,
        left=_required(draft, "left"),
        right=_required(draft, "right"),
        combined=_only(draft, "combined"),
        target=_only(draft, "target"),
        subset=draft.subset,
    )


def _required(draft: Draft, role: str) -> Source:
    source = _only(draft, role)
    if source is None:
        raise SceneError(f"The {role} view is missing. What is there: {_some(sorted(draft.views)) or 'nothing'}.")
    return source


def _only(draft: Draft, role: str) -> Source | None:
    sources = draft.views.get(role, ())
    if len(sources) > 1:
        raise SceneError(f"{len(sources)} files could be the {role} picture: {_some([s.uri for s in sources])}. Keep one.")
    return sources[0] if sources else None


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(map(escaped, names[:3]))
    return f"{shown} and {len(names) - 3} more" if len(names) > 3 else shown


def _failure(name: str, draft: Draft, error: SceneError) -> Failure:
    return Failure(
        scene_id=name,
        subset=printable(draft.subset) if draft.subset else "",
        stage="find",
        error_type=type(error).__name__,
        message=escaped(str(error)),
        uri=escaped(next((source.uri for sources in draft.views.values() for source in sources), "")),
        input_key="",
    )
