"""Pair pictures by order: the n-th picture of each folder belongs to the n-th scene. Shared by both DPDD-like layouts.

In the DPDD set the stems of a scene and of its target never match, so order is all there is to go by. One file too few
would shift every pair behind it: unequal counts, and views whose names disagree, are refused as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from dpdeblur.transforms.layouts.candidates import ROLES, CandidateScene
from dpdeblur.transforms.layouts.ids import id_from_path
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage.walk import ClosedFolder, File
from dpdeblur.transforms.wording import escaped

_SIDE = re.compile(r"_[lrc]", re.IGNORECASE)


@dataclass(slots=True)
class FolderGroup:
    """Folders whose pictures belong together, one folder for each role.

    Attributes:
        folders: role to the path of its folder, whether or not there is one.
        parent: the path that they share, with a "/" at its end; empty at the top.
        id_prefix: what the path of a scene begins with, before its stem, where its id is made.
        subset: the part of the collection that they hold.
        files: role to the pictures in its folder; no entry where there are none.
    """

    folders: Mapping[str, str]
    parent: str
    id_prefix: str
    subset: str
    files: dict[str, list[File]] = field(default_factory=dict)

    def add(self, role: str, file: File) -> None:
        """Take one more picture of a role's folder."""
        self.files.setdefault(role, []).append(file)

    def candidate(self, stem: str, problem: str = "") -> CandidateScene:
        """Return the candidate of a stem, without files."""
        return CandidateScene(id_from_path(self.id_prefix + stem), self.parent + stem, self.subset, problem=problem)


def scene_stem(stem: str) -> str:
    """Return the stem of a view without its trailing _L, _R or _C.

    >>> scene_stem("1P0A0917_L")
    '1P0A0917'
    """
    return stem[:-2] if _SIDE.fullmatch(stem[-2:]) else stem


def natural(stem: str) -> tuple[list[str | int], str]:
    """Return a sort key that reads runs of digits as numbers.

    >>> sorted(["a10", "a9", "a1"], key=natural)
    ['a1', 'a9', 'a10']
    """
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", stem)], stem


def pair_groups(
    groups: Iterable[FolderGroup], closed: Sequence[ClosedFolder], order: Callable[[str], Any]
) -> list[CandidateScene]:
    """Return the candidates of several groups of folders, as `pair_by_order`.

    Raises:
        UsageError: pictures of one of them cannot be paired; of several the first by its text, in whatever order they come.
    """
    candidates, refusals = list[CandidateScene](), list[str]()
    for group in groups:
        try:
            candidates += pair_by_order(group, closed, order)
        except UsageError as error:
            refusals.append(str(error))
    if refusals:
        raise UsageError(min(refusals))
    return candidates


def pair_by_order(group: FolderGroup, closed: Sequence[ClosedFolder], order: Callable[[str], Any]) -> list[CandidateScene]:
    """Return the candidates of folders whose pictures belong together by order.

    Where one of the folders cannot be listed, order tells nothing: each scene is then a candidate that says so.

    Args:
        group: the folders; nothing comes of one that holds neither left nor right views.
        closed: the folders of the listing that cannot be listed.
        order: sort key of a stem.

    Raises:
        UsageError: the counts differ, or the names of the views of one scene disagree.
    """
    files = {role: _sorted(role, found, order) for role, found in group.files.items()}
    if "left" not in files and "right" not in files:
        return []
    unreadable = _closed_folder(group, closed)
    if unreadable:
        return _unpaired(group, files, unreadable)
    _check_counts(files, group)
    candidates = []
    for number, left in enumerate(files["left"]):
        stem = scene_stem(left.stem)
        _check_names(files, number, stem)
        candidate = group.candidate(stem)
        for role, found in files.items():
            candidate.add(role, found[number])
        candidates.append(candidate)
    return candidates


def _sorted(role: str, files: list[File], order: Callable[[str], Any]) -> list[File]:
    # by the stem of the scene: "1_L" would sort behind "10_L", but "1" before "10"
    return sorted(files, key=lambda file: order(file.stem if role == "target" else scene_stem(file.stem)))


def _closed_folder(group: FolderGroup, closed: Sequence[ClosedFolder]) -> ClosedFolder | None:
    """Return the first folder of a group that could not be listed, or that is in one."""
    wanted = [f"{folder}/" for folder in group.folders.values()]
    return next((folder for folder in closed if any(path.startswith(f"{folder.path}/") for path in wanted)), None)


def _unpaired(group: FolderGroup, files: Mapping[str, list[File]], unreadable: ClosedFolder) -> list[CandidateScene]:
    problem = (
        f"{escaped(unreadable.path)} cannot be listed ({unreadable.reason}), without it pictures cannot be paired by order."
    )
    by_stem: dict[str, CandidateScene] = {}
    for role in set(files) - {"target"}:
        for file in files[role]:
            stem = scene_stem(file.stem)
            if stem not in by_stem:
                by_stem[stem] = group.candidate(stem, problem)
            by_stem[stem].add(role, file)
    return list(by_stem.values())


def _check_names(files: Mapping[str, list[File]], number: int, stem: str) -> None:
    for role in ("right", "combined"):
        if role in files and scene_stem(files[role][number].stem) != stem:
            left, other = files["left"][number], files[role][number]
            raise UsageError(
                f"By order, {_without_extension(left)} belongs to {_without_extension(other)}, but the names of one scene "
                f"must agree, apart from _L and _R. {_unmatched(files)}"
            )


def _check_counts(files: Mapping[str, list[File]], group: FolderGroup) -> None:
    roles = [role for role in ROLES if role in files or role in ("left", "right")]
    if len({len(files.get(role, ())) for role in roles}) > 1:
        counts = ", ".join(
            f"{escaped(group.folders[role]) if role in files else f'the {role} views'} {len(files.get(role, ()))}"
            for role in roles
        )
        raise UsageError(
            f"Pictures are paired by order, so all folders must hold the same number: {counts}. {_unmatched(files)}"
        )


def _unmatched(files: Mapping[str, list[File]]) -> str:
    """Say which scenes lack a view, judged by names; targets have names of their own."""
    stems = {role: {scene_stem(file.stem) for file in found} for role, found in files.items() if role != "target"}
    every = set().union(*stems.values())
    missing = [
        f"{escaped(files[role][0].folder)} lacks {escaped(min(every - have))}" for role, have in stems.items() if every - have
    ]
    return f"By their names, {' and '.join(missing)}." if missing else ""


def _without_extension(file: File) -> str:
    return escaped(f"{file.folder}/{file.stem}")
