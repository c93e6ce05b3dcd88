"""The layout of Restormer and MIRNetv2: `inputL/ inputR/ [inputC/] [target/]`, alone or under a folder for each subset."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dpdeblur.transforms.layouts.drafts import Draft, Picture
from dpdeblur.transforms.layouts.ids import id_from_path, subset_from_path
from dpdeblur.transforms.layouts.ordered import pair

_ROLES = {"inputL": "left", "inputR": "right", "inputC": "combined", "target": "target"}


def drafts(found: Iterable[Picture], root: str) -> list[Draft]:
    """The scenes beside every `inputL` and `inputR`, paired by the natural order of the file names: 2 comes before 10.

    Args:
        found: pictures of a listing.
        root: name of the folder listed; not used, since these names carry the id.

    Raises:
        UsageError: the folders hold different numbers of pictures, or views disagree in their names.
    """
    parents: dict[str, dict[str, tuple[str, list[Picture]]]] = {}
    for picture in found:
        parent, slash, name = picture.folder.rpartition("/")
        role = _ROLES.get(name)
        if role:
            parents.setdefault(parent + slash, {}).setdefault(role, (picture.folder, []))[1].append(picture)
    result = []
    for parent, folders in sorted(parents.items()):
        if "left" in folders or "right" in folders:
            paired = pair(folders, order=natural, name=lambda stem, at=parent: (id_from_path(at + stem), at + stem))  # type: ignore[misc]
            for draft in paired:
                draft.subset = subset_from_path(draft.where)
            result += paired
    return result


def natural(stem: str) -> tuple[list[str | int], str]:
    """Sort key that reads runs of digits as numbers.

    >>> sorted(["a10", "a9", "a1"], key=natural)
    ['a1', 'a9', 'a10']
    """
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", stem)], stem
