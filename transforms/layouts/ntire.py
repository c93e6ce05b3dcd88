"""Flat names as in the NTIRE challenge: `0001_l.png 0001_r.png [0001_c.png] [0001_g.png]`, with any stem."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dpdeblur.transforms.layouts.drafts import ALIASES, Draft, Picture
from dpdeblur.transforms.layouts.ids import id_from_path, subset_from_path

_NAME = re.compile(r"(.+)_([lrcg])", re.IGNORECASE | re.DOTALL)


def drafts(found: Iterable[Picture], root: str) -> list[Draft]:
    """Every stem that has a left or a right view in its folder; a lone `fig_c.png` is no scene.

    Args:
        found: pictures of a listing.
        root: name of the folder listed; not used, since these names carry the id.
    """
    by_path: dict[str, Draft] = {}
    for picture in found:
        match = _NAME.fullmatch(picture.stem)
        if match:
            path = f"{picture.folder}/{match[1]}" if picture.folder else match[1]
            draft = by_path.get(path)
            if draft is None:
                draft = by_path[path] = Draft(id_from_path(path), path, subset_from_path(path))
            draft.add(ALIASES[match[2].lower()], picture.source)
    return [draft for draft in by_path.values() if "left" in draft.views or "right" in draft.views]
