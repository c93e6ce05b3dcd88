"""Flat names as in the NTIRE challenge: `0001_l.png 0001_r.png [0001_c.png] [0001_g.png]`, with any stem."""

from __future__ import annotations

import re

from dpdeblur.transforms.layouts.candidates import ALIASES, CandidateScene
from dpdeblur.transforms.layouts.ids import id_from_path, subset_from_path
from dpdeblur.transforms.storage.listing import Listing

_NAME = re.compile(r"(.+)_([lrcg])", re.IGNORECASE | re.DOTALL)


def candidates(listing: Listing, root: str) -> list[CandidateScene]:
    """Return a candidate for every stem that has a left or a right view in its folder; a lone `fig_c.png` is not a scene.

    Args:
        listing: the pictures in the place.
        root: name of the folder listed; not used, since these names carry the id.
    """
    by_path: dict[str, CandidateScene] = {}
    for file in listing.files:
        match = _NAME.fullmatch(file.stem)
        if match:
            path = f"{file.folder}/{match[1]}" if file.folder else match[1]
            candidate = by_path.get(path)
            if candidate is None:
                candidate = by_path[path] = CandidateScene(id_from_path(path), path, subset_from_path(path))
            candidate.add(ALIASES[match[2].lower()], file)
    return [candidate for candidate in by_path.values() if "left" in candidate.files or "right" in candidate.files]
