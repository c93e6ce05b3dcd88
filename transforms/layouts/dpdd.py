"""The DPDD tree: `{train,val,test}_{c,l,r}/source/` and `{train,val,test}_c/target/`, as downloaded."""

from __future__ import annotations

import re

from dpdeblur.transforms.layouts.candidates import CandidateScene
from dpdeblur.transforms.layouts.pairing import FolderGroup, pair_groups
from dpdeblur.transforms.storage.listing import Listing

_FOLDER = re.compile(r"((?:.*/)?)(train|val|test)_([clr])/(source|target)", re.DOTALL)
_ROLES = {("l", "source"): "left", ("r", "source"): "right", ("c", "source"): "combined", ("c", "target"): "target"}


def candidates(listing: Listing, root: str) -> list[CandidateScene]:
    """Return the candidates of every subset, paired by the sorted order of the file names.

    Args:
        listing: the pictures in the place.
        root: name of the folder listed; not used, since these names are unique in the set.

    Raises:
        UsageError: the folders of a subset hold different numbers of pictures, or views disagree in their names.
    """
    groups: dict[tuple[str, str], FolderGroup] = {}
    for file in listing.files:
        match = _FOLDER.fullmatch(file.folder)
        role = match and _ROLES.get((match[3], match[4]))
        if match and role:
            tree, subset = match[1], match[2]
            if (tree, subset) not in groups:
                folders = {role: f"{tree}{subset}_{view}/{kind}" for (view, kind), role in _ROLES.items()}
                groups[tree, subset] = FolderGroup(folders, tree, "", subset)
            groups[tree, subset].add(role, file)
    return pair_groups((group for _, group in sorted(groups.items())), listing.closed, order=str)
