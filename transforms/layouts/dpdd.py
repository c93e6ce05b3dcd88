"""The DPDD tree: `{train,val,test}_{c,l,r}/source/` and `{train,val,test}_c/target/`, as downloaded."""

from __future__ import annotations

import re
from collections.abc import Iterable

from dpdeblur.transforms.layouts.drafts import Draft, Picture
from dpdeblur.transforms.layouts.ids import id_from_path
from dpdeblur.transforms.layouts.ordered import pair

_FOLDER = re.compile(r"((?:.*/)?)(train|val|test)_([clr])/(source|target)", re.DOTALL)
_ROLES = {("l", "source"): "left", ("r", "source"): "right", ("c", "source"): "combined", ("c", "target"): "target"}


def drafts(found: Iterable[Picture], root: str) -> list[Draft]:
    """The scenes of every subset, paired by the sorted order of the file names.

    Args:
        found: pictures of a listing.
        root: name of the folder listed; not used, since these names are unique in the set.

    Raises:
        UsageError: the folders of a subset hold different numbers of pictures, or views disagree in their names.
    """
    subsets: dict[tuple[str, str], dict[str, tuple[str, list[Picture]]]] = {}
    for picture in found:
        match = _FOLDER.fullmatch(picture.folder)
        role = match and _ROLES.get((match[3], match[4]))
        if match and role:
            subsets.setdefault((match[1], match[2]), {}).setdefault(role, (picture.folder, []))[1].append(picture)
    result = []
    for (tree, subset), folders in sorted(subsets.items()):
        if "left" in folders or "right" in folders:
            paired = pair(folders, order=str, name=lambda stem, tree=tree: (id_from_path(stem), f"{tree}{stem}"))  # type: ignore[misc]
            for draft in paired:
                draft.subset = subset
            result += paired
    return result
