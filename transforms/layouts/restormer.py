"""The layout of Restormer and MIRNetv2: `inputL/ inputR/ [inputC/] [target/]`, alone or under a folder for each subset."""

from __future__ import annotations

from dpdeblur.transforms.layouts.candidates import CandidateScene
from dpdeblur.transforms.layouts.ids import subset_from_path
from dpdeblur.transforms.layouts.pairing import FolderGroup, natural, pair_groups
from dpdeblur.transforms.storage.listing import Listing

_ROLES = {"inputL": "left", "inputR": "right", "inputC": "combined", "target": "target"}


def candidates(listing: Listing, root: str) -> list[CandidateScene]:
    """Return the candidates next to every `inputL` and `inputR`, paired by the natural order of the names: 2 before 10.

    Args:
        listing: the pictures in the place.
        root: name of the folder listed; not used, since these names carry the id.

    Raises:
        UsageError: the folders hold different numbers of pictures, or views disagree in their names.
    """
    groups: dict[str, FolderGroup] = {}
    for file in listing.files:
        parent, slash, name = file.folder.rpartition("/")
        role = _ROLES.get(name)
        if role:
            parent += slash
            if parent not in groups:
                folders = {role: parent + name for name, role in _ROLES.items()}
                groups[parent] = FolderGroup(folders, parent, parent, subset_from_path(f"{parent}scene"))
            groups[parent].add(role, file)
    return pair_groups((group for _, group in sorted(groups.items())), listing.closed, order=natural)
