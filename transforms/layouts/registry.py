"""All layouts. A new one needs a file like `ntire.py`, a line here, and its shape in `layout_names`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dpdeblur.transforms.layouts import dpdd, folders, ntire, restormer, shards
from dpdeblur.transforms.layouts.candidates import CandidateScene
from dpdeblur.transforms.layouts.shards import UnusedMember
from dpdeblur.transforms.storage.listing import Listing


@dataclass(frozen=True, slots=True)
class FolderLayout:
    """A layout of the files under a folder.

    Attributes:
        contents: from a listing, and the name of the folder listed, to the candidates.
        companions: names of files, or of folders, that describe scenes and are no picture of one.
        by_names: whether names of pictures are all that counts. Then `contents` is given the pictures alone; and two candidates
            of one name are two places, so that the input as a whole is in doubt.
        names_roles: whether a picture's own name says which one of its scene it is, whatever else is there.
    """

    contents: Callable[[Listing, str], Iterable[CandidateScene | UnusedMember]]
    companions: tuple[str, ...] = ()
    by_names: bool = True
    names_roles: bool = False


# In the order in which they are tried, and named in messages. Each is tried: where two fit, the input is refused with both.
FOLDER_LAYOUTS = {
    "folders": FolderLayout(folders.candidates, folders.COMPANIONS, names_roles=True),
    "dpdd": FolderLayout(dpdd.candidates),
    "restormer": FolderLayout(restormer.candidates),
    "ntire": FolderLayout(ntire.candidates, names_roles=True),
    "shards": FolderLayout(shards.contents, shards.COMPANIONS, by_names=False),
}
