"""Finding scenes: from a place to the dual-pixel captures in it, in any of the layouts that the field uses.

One recursive listing, then pure functions from names to scenes. Nothing is opened but manifests, and the headers of shards
that have no index. What is wrong with one scene is a row in `Found.failures`; only what puts all of them in doubt is an error.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from dpdeblur.transforms.layout_names import LAYOUTS
from dpdeblur.transforms.layouts import dpdd, folders, manifest, ntire, restormer, shards
from dpdeblur.transforms.layouts.drafts import Draft, Picture, pictures, refuse_collisions, settle
from dpdeblur.transforms.layouts.ids import check_scene_id, escaped
from dpdeblur.transforms.records import Failure, Scene, UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import File, list_files, single_file
from dpdeblur.transforms.wording import counted

__all__ = ["LAYOUTS", "Found", "check_scene_id", "find_in_listing", "find_scenes"]

_BY_NAMES: dict[str, Callable[[Iterable[Picture], str], list[Draft]]] = {
    "folders": folders.drafts,
    "dpdd": dpdd.drafts,
    "restormer": restormer.drafts,
    "ntire": ntire.drafts,
}
_MANIFESTS = (".csv", ".parquet")


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in a place.

    Attributes:
        source: the place; a local path is made absolute.
        layout: the layout that was used.
        scenes: sorted by scene_id.
        failures: scenes that cannot be used, as rows of stage "find", sorted by scene_id. No id is in both, nor twice.
        files: files listed; for a manifest, 1.
        unused: pictures listed that belong to no scene; 0 for manifests and shards.
    """

    source: str
    layout: str
    scenes: tuple[Scene, ...]
    failures: tuple[Failure, ...]
    files: int
    unused: int = 0


def find_scenes(source: str, layout: str = "auto") -> Found:
    """Find the scenes in a place.

    Args:
        source: a folder, a manifest or a tar; a local path or any URI that Beam's file systems open.
        layout: one of `LAYOUTS`, or "auto" to recognise it.

    Raises:
        UsageError: nothing there is a scene, two layouts fit, or the place cannot be listed; says what was found.
    """
    if layout not in ("auto", *LAYOUTS):
        raise UsageError(f"There is no layout {layout!r}: say auto, {', '.join(LAYOUTS)}.")
    if not source.strip():
        raise UsageError("The input is empty: give a folder, a manifest or a tar.")
    source = store.absolute(source)  # workers may start elsewhere
    if layout == "manifest" or (layout == "auto" and source.lower().endswith(_MANIFESTS)):
        return _in_manifest(source)
    if source.lower().endswith(".tar"):
        return find_in_listing(source, [_single(source)], "shards")
    return find_in_listing(source, list_files(source), layout)


def find_in_listing(source: str, files: Sequence[File], layout: str = "auto") -> Found:
    """The scenes among the files of a listing: as `find_scenes`, without asking any file system but for tars.

    Args:
        source: the folder listed: its name is the id of a scene that lies right in it.
        files: the listing.
        layout: one of `LAYOUTS` other than "manifest", or "auto".
    """
    named, root = pictures(files), _last_part(source)
    fits: list[Found] = []
    for name, drafts_of in _BY_NAMES.items():
        drafts = drafts_of(named, root) if layout in ("auto", name) else []
        if drafts:
            refuse_collisions(drafts)
            used = sum(len(files_of) for draft in drafts for files_of in draft.views.values())
            fits.append(_found(source, name, drafts, len(files), len(named) - used))
    if layout in ("auto", "shards") and (in_shards := shards.drafts(files)):
        fits.append(_found(source, "shards", in_shards, len(files)))
    fits = [found for found in fits if found.scenes] or fits  # names that give no whole scene fit only if no others do
    if not fits:
        raise UsageError(_nothing(source, files, layout))
    if len(fits) > 1:
        raise UsageError(
            f"{len(fits)} layouts fit {source}: {'; '.join(map(_sketch, fits))}. "
            f"Say which with {' or '.join(f'--layout {found.layout}' for found in fits)}."
        )
    return fits[0]


def _in_manifest(source: str) -> Found:
    if single_file(source) is None:
        raise UsageError(f"{source} is no file: --layout manifest needs the CSV or Parquet file itself as --input.")
    drafts = manifest.drafts(source)
    if not drafts:
        raise UsageError(f"{source} has no rows.")
    return _found(source, "manifest", drafts, files=1)


def _single(source: str) -> File:
    found = single_file(source)
    if found is None:
        raise UsageError(f"{source} is not there, or is no file.")
    return File(source.rsplit("/", 1)[-1], found)


def _found(source: str, layout: str, drafts: Iterable[Draft], files: int, unused: int = 0) -> Found:
    scenes, failures = settle(drafts)
    return Found(source, layout, tuple(scenes), tuple(failures), files, unused)


def _last_part(source: str) -> str:
    return source.rstrip("/").rsplit("/", 1)[-1] or "scene"


def _sketch(found: Found) -> str:
    ids = [scene.scene_id for scene in found.scenes[:2]] or [failure.scene_id for failure in found.failures[:2]]
    whole = counted(len(found.scenes), "scene") if found.scenes else f"no whole scene, {len(found.failures)} broken ones"
    return f"{found.layout} ({whole}, {', '.join(ids)}, …)"


def _nothing(source: str, files: Sequence[File], layout: str) -> str:
    kinds = Counter(
        file.path.rsplit(".", 1)[-1].lower() if "." in file.path.rsplit("/", 1)[-1] else "no extension" for file in files
    )
    what = ", ".join(f"{count} {escaped(kind)}" for kind, count in kinds.most_common(4))
    example = f" (for example {escaped(files[0].path)})" if files else ""
    tables = [file.path for file in files if file.path.lower().endswith(_MANIFESTS)]
    hint = f" If {escaped(tables[0])} is a manifest, give that file as --input." if tables else ""
    expected = LAYOUTS[layout] if layout in LAYOUTS else "; ".join(f"{name}: {shape}" for name, shape in LAYOUTS.items())
    return f"No scene in {source}: {what or 'no files'}{example}.{hint} Expected for --layout {layout}: {expected}."
