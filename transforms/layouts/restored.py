"""Match restored pictures to scenes: pictures that other programs wrote, under their own names."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from dpdeblur.transforms.layouts import shards
from dpdeblur.transforms.layouts.candidates import ROLES, CandidateScene, pictures
from dpdeblur.transforms.layouts.ids import id_from_path
from dpdeblur.transforms.layouts.pairing import natural, scene_stem
from dpdeblur.transforms.records import Failure, Scene, SceneError, Source, UsageError, failure_to_find
from dpdeblur.transforms.storage.listing import Listing
from dpdeblur.transforms.storage.walk import File
from dpdeblur.transforms.wording import escaped, shortened

NO_PICTURE = "There is no restored picture for it"
"""How the message of a scene begins that no picture has to do with."""

SUFFIXES = ("_g", "_restored", "_deblurred", "_output")
"""Suffixes that programs add to the name of a scene."""


@dataclass(frozen=True, slots=True)
class Matched:
    """Scenes with their restored pictures.

    Attributes:
        scenes: those that have one, in the order given.
        failures: one for each other scene, with the reason.
        unused: paths of the pictures that are not given to a scene, sorted.
        remarks: how pictures were matched, where that is worth a look.
    """

    scenes: tuple[Scene, ...]
    failures: tuple[Failure, ...]
    unused: tuple[str, ...]
    remarks: tuple[str, ...] = ()


def restored_pictures(listing: Listing) -> list[File]:
    """Return the pictures that are in a folder, and those in its shards that are members `<scene>.restored.<type>`.

    Raises:
        UsageError: an index beside shards cannot be read, or their packing has not finished.
    """
    members = [
        File(f"{candidate.scene_id}.png", file.source, candidate.problem or file.problem)  # as a file of that scene is called
        for candidate in shards.contents(listing, "")
        if isinstance(candidate, CandidateScene)
        for file in candidate.files.get("restored", ())
    ]
    return [*pictures(listing.files), *members]


def match_by_name(scenes: Sequence[Scene], pictures: Sequence[File], *, ids_only: bool = False) -> Matched:
    """Give each scene the picture that has its name, or that of one of its files.

    A picture may be named like the scene, or like its left, right, combined or target picture, with one of `SUFFIXES` or
    without; or be alone in a folder that is named like the scene. Where a name fits several scenes, the one whose path has
    more parts in common with the picture's has it; where these are equal, nobody has, and each of the scenes fails and says
    why. A scene that several pictures fit fails too.

    Args:
        scenes: those of the collection.
        pictures: the restored pictures.
        ids_only: match names of scenes only, not those of their files.
    """
    same_letters = {picture.stem.casefold(): picture for picture in pictures}
    names, in_folder = _Names(scenes, [] if ids_only else pictures), Counter(picture.folder for picture in pictures)
    owners, contested = dict[int, list[File]](), dict[int, tuple[File, list[int]]]()
    unused = []
    for picture in pictures:
        owning = names.owners(picture)
        if not owning and in_folder[picture.folder] == 1:
            owning = sorted(names.named(picture.folder))
        if len(owning) == 1:
            owners.setdefault(owning[0], []).append(picture)
            continue
        unused.append(picture.path)
        for owner in owning:
            contested.setdefault(owner, (picture, owning))
    matched, failures = [], []
    for number, scene in enumerate(scenes):
        try:
            matched.append(_with_picture(scene, owners.get(number, []), contested.get(number), scenes, same_letters))
        except SceneError as error:
            failures.append(_failure(scene, error))
            unused += [picture.path for picture in owners.get(number, [])]
    return Matched(tuple(matched), tuple(failures), tuple(sorted(unused)))


def match_by_order(scenes: Sequence[Scene], others: Iterable[str], pictures: Sequence[File]) -> Matched:
    """Give the n-th scene the n-th picture, both in natural order: 2 before 10.

    Args:
        scenes: those of the collection.
        others: ids of its scenes that cannot be used, which have pictures all the same.
        pictures: the restored pictures.

    Raises:
        UsageError: there are not as many pictures as scenes.
    """
    by_id = {scene.scene_id: scene for scene in scenes}
    ids = sorted([*by_id, *others], key=natural)
    files = sorted(pictures, key=lambda file: natural(str(PurePosixPath(file.path).with_suffix(""))))
    if len(ids) != len(files):
        raise UsageError(
            f"--match order needs as many restored pictures as scenes: there are {len(files)} pictures and {len(ids)} scenes."
        )
    matched, failures = [], []
    for name, file in zip(ids, files, strict=True):
        if scene := by_id.get(name):
            try:
                matched.append(replace(scene, restored=_usable(file)))
            except SceneError as error:
                failures.append(_failure(scene, error))
    ends = [f"{escaped(file.path)} is {escaped(name)}" for name, file in zip(ids, files, strict=True)]
    remark = f"Matched by order: {ends[0]}{f', …, {ends[-1]}' if len(ends) > 1 else ''}." if ends else ""
    return Matched(tuple(matched), tuple(failures), (), (remark,) if remark else ())


class _Names:
    """Maps names to the scenes they may mean, by scene ids and by the ends of the paths of their files.

    Args:
        scenes: those of the collection.
        pictures: which may be named like a file of a scene; only ends of paths that one of these may have are kept.
    """

    def __init__(self, scenes: Sequence[Scene], pictures: Sequence[File]) -> None:
        self._by_id = {scene.scene_id: number for number, scene in enumerate(scenes)}
        self._by_end: dict[tuple[str, ...], set[int]] = {}
        asked = {stem for picture in pictures for stem in _stems(picture)}
        longest = 1 + max((picture.path.count("/") for picture in pictures), default=0)
        for number, scene in enumerate(scenes):
            for file in _files(scene) if asked else ():
                path = PurePosixPath(file.place or file.uri)
                for stem in {path.stem, scene_stem(path.stem)} & asked:
                    parts = (*path.parent.parts, stem)
                    for start in range(max(0, len(parts) - longest), len(parts)):
                        self._by_end.setdefault(parts[start:], set()).add(number)

    def owners(self, picture: File) -> list[int]:
        """Return the scenes that a picture may belong to: those with most parts of their path in common with its own."""
        folder, stems = PurePosixPath(picture.folder).parts, _stems(picture)
        for start in range(len(folder) + 1):
            found = set[int]()
            for stem in stems:
                end = (*folder[start:], stem)
                found |= self._by_end.get(end, set())
                found |= self.named("/".join(end))
            if found:
                return sorted(found)
        return []

    def named(self, path: str) -> set[int]:
        """Return the scene whose id a path gives."""
        return {self._by_id[name] for name in {path, id_from_path(path)} if name in self._by_id}


def _stems(picture: File) -> set[str]:
    """Return the names that a restored picture may have taken from a scene, or from one of its files."""
    return {picture.stem, *(picture.stem.removesuffix(suffix) for suffix in SUFFIXES)}


def _files(scene: Scene) -> Iterator[Source]:
    """Return the pictures of a scene that have a name of their own; members of shards are found by the scene's."""
    sources = (getattr(scene, role) for role in ROLES)
    return (source for source in sources if source is not None and source.offset is None)


def _with_picture(
    scene: Scene,
    pictures: Sequence[File],
    contested: tuple[File, list[int]] | None,
    scenes: Sequence[Scene],
    same_letters: Mapping[str, File],
) -> Scene:
    """Return a scene with its picture.

    Raises:
        SceneError: it has none, or several, or one that other scenes may claim as well.
    """
    if len(pictures) == 1:
        return replace(scene, restored=_usable(pictures[0]))
    if pictures:
        which = shortened([file.path for file in pictures])
        raise SceneError(f"{len(pictures)} pictures could be its restored picture: {which}. Keep one, or give only its folder.")
    if contested:
        picture, owning = contested
        which = shortened([scenes[number].scene_id for number in owning])
        raise SceneError(
            f"{escaped(picture.path)} could be the restored picture of {len(owning)} scenes: {which}. Name it like its scene, "
            "or use --match order, or list the pictures in a manifest with a column restored."
        )
    if alike := same_letters.get(scene.scene_id.casefold()):
        raise SceneError(f"{escaped(alike.path)} has its name in other upper and lower case. Rename the picture.")
    names = [PurePosixPath(file.uri).name for file in _files(scene)]
    like = f", nor like one of its files ({shortened(names)})" if names else ""
    raise SceneError(f"{NO_PICTURE}: none is named {scene.scene_id}.png{like}.")


def _usable(file: File) -> Source:
    """Return the address of a restored picture.

    Raises:
        SceneError: it is known that it cannot be read.
    """
    if file.problem:
        raise SceneError(f"The restored picture cannot be used: {file.problem}.", file.source.uri)
    return replace(file.source, place=file.path)


def _failure(scene: Scene, error: SceneError) -> Failure:
    return failure_to_find(scene.scene_id, escaped(str(error)), subset=scene.subset, uri=escaped(error.uri))
