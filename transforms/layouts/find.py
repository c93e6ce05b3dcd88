"""From a place to the scenes in it: one recursive listing, then pure functions from names to scenes.

Nothing is opened but manifests, and the headers of shards that have no index. What is wrong with one scene is a row in
`Found.failures`; what takes no part is counted in `Found.left_out`; only what puts all scenes in doubt is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from dpdeblur.transforms.layout_names import LAYOUTS
from dpdeblur.transforms.layouts import manifest, shards, slips
from dpdeblur.transforms.layouts.candidates import CandidateScene, Settled, pictures, refuse_collisions, settle, unread_pictures
from dpdeblur.transforms.layouts.explain_nothing import nothing_found, several_fit
from dpdeblur.transforms.layouts.ids import id_from_path, subset_from_path
from dpdeblur.transforms.layouts.left_out import Kind, LeftOut, LeftOutCounter, kind_of_entry, kind_of_file
from dpdeblur.transforms.layouts.registry import FOLDER_LAYOUTS, FolderLayout
from dpdeblur.transforms.layouts.shards import UnusedMember
from dpdeblur.transforms.records import Failure, Scene, UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import Listing, list_files, single_file
from dpdeblur.transforms.storage.walk import File


@dataclass(frozen=True, slots=True)
class Found:
    """What lies in a place.

    Attributes:
        source: the place; a local path is made absolute.
        layout: the layout that was used.
        scenes: sorted by scene_id.
        failures: scenes that cannot be used, as rows of stage "find", sorted by scene_id. No id is in both, nor twice.
        files: files listed; for a manifest, 1.
        left_out: files that take no part, by kind, each with its number and a few examples; see `left_out.sentence`.
        remarks: what looks like a slip, though it can be used, in sentences.
        incomplete: ids of the failures that lack a file which may still come.
        unselected: ids of the scenes, whole or not, that are there but were not asked for; see `selection.select`.
    """

    source: str
    layout: str
    scenes: tuple[Scene, ...]
    failures: tuple[Failure, ...]
    files: int
    left_out: tuple[LeftOut, ...] = ()
    remarks: tuple[str, ...] = ()
    incomplete: frozenset[str] = frozenset()
    unselected: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Reading:
    """A listing as one layout reads it.

    Attributes:
        layout: its name.
        candidates: what may be scenes; folders that cannot be listed too, where there is anything else.
        settled: what became of them.
        unused_members: members of shards that belong to no scene.
    """

    layout: str
    candidates: list[CandidateScene]
    settled: Settled
    unused_members: list[UnusedMember]


def find_scenes(source: str, layout: str = "auto", *, restored: bool = False) -> Found:
    """Find the scenes in a place.

    Args:
        source: a folder, a manifest or a tar; a local path or any URI that Beam's file systems open.
        layout: one of `LAYOUTS`, or "auto" to recognise it.
        restored: whether a manifest's column `restored` is read: pictures that somebody else restored.

    Raises:
        UsageError: nothing there is a scene, two layouts fit, or the place cannot be listed; says what was found. Or restored
            pictures are asked for, and it is no manifest.
    """
    source = absolute(source)
    if is_manifest(source, layout):
        candidates = read_manifest(source, restored=restored)
        settled, remarks = settle(candidates), slips.remarks(source, candidates, restored=restored)
        return Found(source, "manifest", settled.scenes, settled.failures, files=1, remarks=remarks)
    if restored:
        raise UsageError(f"{source} is no manifest with a column of restored pictures: say where they are with --restored.")
    return find_in_listing(source, list_place(source), layout)


def find_in_listing(source: str, listing: Listing, layout: str = "auto") -> Found:
    """Find the scenes among the files of a listing: as `find_scenes`, without asking any file system but for tars.

    Args:
        source: the folder listed: its name is the id of a scene that lies right in it.
        listing: what lies in it.
        layout: one of `LAYOUTS` other than "manifest", or "auto".

    Raises:
        UsageError: nothing there is a scene, or two layouts fit.
    """
    reading = the_reading(source, listing, layout)
    settled, left_out = reading.settled, LeftOutCounter()
    for path, kind in unused(listing, reading):
        left_out.add(kind, path)
    files, incomplete = len(listing.files), settled.incomplete
    return Found(source, reading.layout, settled.scenes, settled.failures, files, left_out.counts(), incomplete=incomplete)


def the_reading(source: str, listing: Listing, layout: str) -> Reading:
    """Return the one reading of a listing that gives scenes.

    Raises:
        UsageError: there is none, or there are two, or two places would give scenes of one name.
    """
    found = readings(source, listing, layout)
    for reading in found:
        if FOLDER_LAYOUTS[reading.layout].by_names:
            refuse_collisions(reading.candidates)
    fitting = whole_or_all(found)
    if not fitting:
        raise UsageError(nothing_found(source, listing, layout))
    if len(fitting) > 1:
        raise several_fit(source, [_summary(reading) for reading in fitting])
    return fitting[0]


def readings(source: str, listing: Listing, layout: str) -> list[Reading]:
    """Return what each layout that fits makes of a listing, in the order in which layouts are tried.

    Raises:
        UsageError: pictures cannot be paired, or shards are not complete.
    """
    root, found = source.rstrip("/").rsplit("/", 1)[-1] or "scene", []
    of_pictures = replace(listing, files=tuple(pictures(listing.files)))
    for name, known in FOLDER_LAYOUTS.items():
        if layout in ("auto", name):
            contents = list(known.contents(of_pictures if known.by_names else listing, root))
            candidates = [item for item in contents if isinstance(item, CandidateScene)]
            if candidates:
                ids = {candidate.scene_id for candidate in candidates}
                spare = [*unreadable(listing), *unread(listing, known, root)]
                candidates += [candidate for candidate in spare if candidate.scene_id not in ids]
                members = [item for item in contents if isinstance(item, UnusedMember)]
                found.append(Reading(name, candidates, settle(candidates), members))
    return found


def whole_or_all(found: list[Reading]) -> list[Reading]:
    """Return the readings that give whole scenes; all, where none does: the others fit by chance, or are not complete yet."""
    return [reading for reading in found if reading.settled.scenes] or found


def unused(listing: Listing, reading: Reading) -> Iterator[tuple[str, Kind]]:
    """Yield the path and the kind of all that takes no part in a reading."""
    used = {file.path for candidate in reading.candidates for files in candidate.files.values() for file in files}
    used |= {member.path for member in reading.unused_members}
    used |= {candidate.place for candidate in reading.candidates if not candidate.files}  # links that may have led to scenes
    companions = FOLDER_LAYOUTS[reading.layout].companions if reading.layout in FOLDER_LAYOUTS else ()
    for file in listing.files:
        if file.path not in used and not is_companion(file, companions) and (kind := kind_of_file(file)):
            yield file.path, kind
    for member in reading.unused_members:
        yield member.path, member.kind
    for entry in listing.skipped:
        if kind := kind_of_entry(entry):
            yield entry.path, kind


def is_companion(file: File, companions: tuple[str, ...]) -> bool:
    """Whether a file describes scenes, by its name or by that of its folder."""
    return file.name in companions or file.folder.rpartition("/")[2] in companions


def absolute(source: str) -> str:
    """Return a place as workers may name it, which may start elsewhere: local paths are absolute, no `file:` URIs.

    Raises:
        UsageError: nothing is given.
    """
    if not source.strip():
        raise UsageError("The input is empty: give a folder, a manifest or a tar.")
    return store.absolute(source)


def is_manifest(source: str, layout: str) -> bool:
    """Whether a place is a file that lists scenes.

    Raises:
        UsageError: there is no such layout.
    """
    if layout not in ("auto", *LAYOUTS):
        raise UsageError(f"There is no layout {layout!r}: say auto, {', '.join(LAYOUTS)}.")
    return layout == "manifest" or (layout == "auto" and source.lower().endswith(manifest.EXTENSIONS))


def check_manifest(source: str) -> None:
    """Check that a manifest is a file.

    Raises:
        UsageError: it is none.
    """
    if single_file(source) is None:
        raise UsageError(f"{source} is no file: --layout manifest needs the CSV, JSON lines or Parquet file itself as --input.")


def read_manifest(source: str, *, restored: bool = False) -> list[CandidateScene]:
    """Return the candidates of a manifest. Args: source: the file; restored: whether its column `restored` is read.

    Raises:
        UsageError: it is no file, cannot be read, or has no rows.
    """
    check_manifest(source)
    candidates = manifest.candidates(source, restored=restored)
    if not candidates:
        raise UsageError(f"{source} has no rows.")
    return candidates


def list_place(source: str) -> Listing:
    """Return what lies in a folder; of a tar, the tar itself.

    Raises:
        UsageError: it is not there, cannot be listed, or is a file of a kind that is not read.
    """
    if shards.is_compressed(source) or source.lower().endswith(".zip"):
        if single_file(source) is not None:
            raise UsageError(f"{source} is a compressed archive: no picture in it can be read by itself. Unpack it first.")
    elif source.lower().endswith(".tar"):
        found = single_file(source)
        if found is None:
            raise UsageError(f"{source} is not there, or is no file.")
        return Listing((File(source.rsplit("/", 1)[-1], found),))
    return list_files(source)


def unreadable(listing: Listing) -> list[CandidateScene]:
    """Folders that cannot be listed, and dead links that may have led to one: what is in them is not known."""
    problems = [(folder.path, f"The folder cannot be listed: {folder.reason}.") for folder in listing.closed]
    problems += [
        (file.path, f"Nothing can be read here: {file.problem}.")
        for file in listing.files
        if file.problem and not file.extension
    ]
    return [
        CandidateScene(id_from_path(path), path, subset_from_path(path), problem=problem, may_pass=True)
        for path, problem in problems
    ]


def unread(listing: Listing, layout: FolderLayout, root: str) -> list[CandidateScene]:
    """Return scenes whose pictures are all in formats that are not read, by the names of these.

    Args:
        listing: what lies in the place.
        layout: how its pictures are named.
        root: name of the folder listed.
    """
    files = tuple(unread_pictures(listing.files)) if layout.names_roles else ()
    found = layout.contents(Listing(files), root) if files else ()
    return [candidate for candidate in found if isinstance(candidate, CandidateScene)]


def _summary(reading: Reading) -> tuple[str, int, int, list[str]]:
    scenes, failures = reading.settled.scenes, reading.settled.failures
    ids = [scene.scene_id for scene in scenes[:2]] or [failure.scene_id for failure in failures[:2]]
    return reading.layout, len(scenes), len(failures), ids
