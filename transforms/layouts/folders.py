"""Scene folders: `<id>/left.png right.png [combined.png] [target.png]`, also `l r c g`, at any depth."""

from __future__ import annotations

from collections.abc import Iterable

from dpdeblur.transforms.layouts.drafts import ALIASES, Draft, Picture
from dpdeblur.transforms.layouts.ids import id_from_path, subset_from_path


def drafts(found: Iterable[Picture], root: str) -> list[Draft]:
    """Every folder that holds a file named like a picture of a scene.

    Args:
        found: pictures of a listing.
        root: name of the folder listed: the id of a scene that lies right in it.
    """
    by_folder: dict[str, Draft] = {}
    for picture in found:
        role = ALIASES.get(picture.stem.lower())
        if role:
            draft = by_folder.get(picture.folder)
            if draft is None:
                name = picture.folder or root
                draft = by_folder[picture.folder] = Draft(id_from_path(name), name, subset_from_path(name))
            draft.add(role, picture.source)
    return list(by_folder.values())
