"""Pairing by order: the n-th picture of each folder belongs to the n-th scene. What both DPDD-like layouts share.

In the DPDD set the stems of a scene and of its target never match, so order is all there is to go by. One file too few
would shift every pair behind it: unequal counts, and views whose names disagree, are refused as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from dpdeblur.transforms.layouts.drafts import ROLES, Draft, Picture
from dpdeblur.transforms.layouts.ids import escaped
from dpdeblur.transforms.records import UsageError

_SIDE = re.compile(r"_[lrc]", re.IGNORECASE)


def scene_stem(stem: str) -> str:
    """The stem of a view without its trailing _L, _R or _C.

    >>> scene_stem("1P0A0917_L")
    '1P0A0917'
    """
    return stem[:-2] if _SIDE.fullmatch(stem[-2:]) else stem


def pair(
    folders: Mapping[str, tuple[str, list[Picture]]], order: Callable[[str], Any], name: Callable[[str], tuple[str, str]]
) -> list[Draft]:
    """Scenes of folders whose pictures belong together by order.

    Args:
        folders: role to the name of its folder and the pictures in it.
        order: sort key of a stem.
        name: from the stem of a scene to its id and what to call it in messages.

    Raises:
        UsageError: the counts differ, or the names of the views of one scene disagree.
    """
    ordered = {role: _sorted(role, pictures, order) for role, (_, pictures) in folders.items()}
    where = {role: escaped(folder) for role, (folder, _) in folders.items()}
    _check_counts(ordered, where)
    drafts = []
    for number, left in enumerate(ordered["left"]):
        stem = scene_stem(left.stem)
        for role in ("right", "combined"):
            if role in ordered and scene_stem(ordered[role][number].stem) != stem:
                other = f"{where[role]}/{escaped(ordered[role][number].stem)}"
                raise UsageError(
                    f"By order, {where['left']}/{escaped(left.stem)} belongs to {other}, but the names of one scene "
                    f"must agree, apart from _L and _R. {_unmatched(ordered, where)}"
                )
        draft = Draft(*name(stem))
        for role, pictures in ordered.items():
            draft.add(role, pictures[number].source)
        drafts.append(draft)
    return drafts


def _sorted(role: str, pictures: list[Picture], order: Callable[[str], Any]) -> list[Picture]:
    # by the stem of the scene: "1_L" would sort behind "10_L", but "1" before "10"
    return sorted(pictures, key=lambda p: order(p.stem if role == "target" else scene_stem(p.stem)))


def _check_counts(ordered: Mapping[str, list[Picture]], where: Mapping[str, str]) -> None:
    if len({len(ordered.get(role, ())) for role in {*ordered, "left", "right"}}) > 1:
        roles = [role for role in ROLES if role in ordered or role in ("left", "right")]
        counts = ", ".join(f"{where.get(role, f'the {role} views')} {len(ordered.get(role, ()))}" for role in roles)
        raise UsageError(
            f"Pictures are paired by order, so every folder must hold as many: {counts}. {_unmatched(ordered, where)}"
        )


def _unmatched(ordered: Mapping[str, list[Picture]], where: Mapping[str, str]) -> str:
    """Which scenes lack a view, as far as names tell; targets have names of their own."""
    stems = {role: {scene_stem(p.stem) for p in pictures} for role, pictures in ordered.items() if role != "target"}
    every = set().union(*stems.values())
    missing = [f"{where[role]} lacks {escaped(min(every - have))}" for role, have in stems.items() if every - have]
    return f"By their names, {' and '.join(missing)}." if missing else ""
