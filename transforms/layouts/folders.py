"""Scene folders: `<id>/left.png right.png [combined.png] [target.png]`, also `l r c g`, at any depth."""

from __future__ import annotations

from dpdeblur.transforms.layouts.candidates import ALIASES, CandidateScene
from dpdeblur.transforms.layouts.ids import id_from_path, subset_from_path
from dpdeblur.transforms.storage.listing import Listing

COMPANIONS = ("scene.json", "radius.tiff")
"""Files next to the pictures that describe a scene, as `dpdeblur synthesize` writes them."""


def candidates(listing: Listing, root: str) -> list[CandidateScene]:
    """Return a candidate for every folder that holds a file named like a picture of a scene.

    Args:
        listing: the pictures in the place.
        root: name of the folder listed: the id of a scene that is right in it.
    """
    by_folder: dict[str, CandidateScene] = {}
    for file in listing.files:
        role = ALIASES.get(file.stem.lower())
        if role:
            candidate = by_folder.get(file.folder)
            if candidate is None:
                path = file.folder or root
                candidate = by_folder[file.folder] = CandidateScene(id_from_path(path), path, subset_from_path(path))
            candidate.add(role, file)
    return list(by_folder.values())
