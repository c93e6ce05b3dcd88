"""Read shards and manifests that are dropped into a watched folder, each once, when it is complete.

A file is complete when it has not changed from one look to the next; a tar needs its end mark too, two blocks of zeros. Until
then nothing in it is a scene, and one that is broken gives a single failure. A file that changes is read again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dpdeblur.transforms.layouts import manifest, shards
from dpdeblur.transforms.layouts.candidates import CandidateScene
from dpdeblur.transforms.layouts.ids import printable
from dpdeblur.transforms.layouts.shards import UnusedMember
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.shards.tar_scan import BLOCK
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import Listing
from dpdeblur.transforms.storage.walk import File
from dpdeblur.transforms.wording import escaped

_END = bytes(2 * BLOCK)


@dataclass(frozen=True, slots=True)
class Dropped:
    """Contents of the shards and manifests of a folder at one look.

    Attributes:
        candidates: what may be scenes, and one for each file that cannot be read, named like it.
        versions: of the file that a candidate is from, by the candidate's printable name.
        used: URIs of the shards and manifests, and of the pictures that manifests name.
        read: printable paths of those that were read to their end.
        unused_members: members of shards that belong to no scene.
    """

    candidates: list[CandidateScene] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    unused_members: list[UnusedMember] = field(default_factory=list)

    @property
    def layout(self) -> str:
        """The layout to report: shards if there are any, else manifest."""
        return "shards" if any(uri.lower().endswith(".tar") for uri in self.used) else "manifest"

    def add(self, file: File, candidates: Sequence[CandidateScene]) -> None:
        """Add the contents of one file."""
        self.candidates.extend(candidates)
        self.versions.update((printable(candidate.scene_id), _version(file)) for candidate in candidates)
        self.used.add(file.source.uri)


@dataclass(frozen=True, slots=True)
class _Content:
    """Contents of one file, kept as long as it does not change.

    Attributes:
        candidates: of a shard; or the one that says why the file cannot be read.
        unused_members: of a shard.
        rows: of a manifest; its pictures are looked up at each look.
        is_foreign: whether it is a table of something else.
        is_read: whether it was read to its end.
    """

    candidates: Sequence[CandidateScene] = ()
    unused_members: Sequence[UnusedMember] = ()
    rows: Sequence[tuple[int, manifest.PlainRow | str]] = ()
    is_foreign: bool = False
    is_read: bool = False


class DroppedFiles:
    """Reads the shards and manifests of a folder at each look, and remembers those that have not changed.

    Args:
        kinds: which are looked for: `shards`, `manifest`.
    """

    def __init__(self, kinds: Sequence[str]) -> None:
        self._kinds = kinds
        self._seen: dict[str, str] | None = None  # their versions at the last look
        self._known: dict[str, tuple[str, _Content]] = {}

    def look(self, listing: Listing) -> Dropped:
        """Return the contents of the files of a listing; a new or changed file is read at the next look."""
        found, files = Dropped(), list(self._files(listing))
        for file in files:
            version = _version(file)
            known = self._known.get(file.path)
            if known and known[0] == version:
                _take(file, known[1], found)
            elif self._seen is None or self._seen.get(file.path) == version:
                content = _content(file)
                if content.is_read or content.is_foreign:  # whatever else is wrong may be over at the next look
                    self._known[file.path] = version, content
                _take(file, content, found)
            else:
                found.add(file, [_not_read(file, "has just arrived, or is still being written")])
        self._seen = {file.path: _version(file) for file in files}
        return found

    def _files(self, listing: Listing) -> Iterator[File]:
        for file in listing.files:
            is_table = file.path.lower().endswith(manifest.EXTENSIONS)
            beside_shards = file.folder.rpartition("/")[2] in shards.COMPANIONS
            if ("shards" in self._kinds and shards.is_shard(file)) or (
                "manifest" in self._kinds and is_table and not beside_shards
            ):
                yield file


def _take(file: File, content: _Content, found: Dropped) -> None:
    if content.is_foreign:
        return
    reader = manifest.Reader(file.source.uri, file.path)
    rows = [reader.candidate(*row) for row in content.rows]
    found.add(file, [*content.candidates, *rows])
    found.used.update(each.source.uri for row in rows for files in row.files.values() for each in files)
    found.unused_members.extend(content.unused_members)
    if content.is_read:
        found.read.add(printable(file.path))


def _content(file: File) -> _Content:
    if file.problem:
        return _Content([_not_read(file, f"cannot be read: {file.problem}", may_pass=True)])
    try:
        return _shard(file) if shards.is_shard(file) else _manifest(file)
    except (OSError, UsageError) as error:
        return _Content([_not_read(file, f"cannot be read: {str(error).rstrip('.')}")])


def _shard(file: File) -> _Content:
    size = file.source.size or 0
    if store.read(file.source.uri, max(0, size - len(_END)), len(_END)) != _END:
        return _Content([_not_read(file, "has no end mark: it is still being written, or was cut short", may_pass=True)])
    contents = list(shards.contents(Listing((file,)), ""))
    candidates = [item for item in contents if isinstance(item, CandidateScene)]
    if broken := [candidate for candidate in candidates if candidate.scene_id == file.path]:
        return _Content(broken)
    return _Content(candidates, [item for item in contents if isinstance(item, UnusedMember)], is_read=True)


def _manifest(file: File) -> _Content:
    if not manifest.names_views(file.source.uri):
        return _Content(is_foreign=True)
    return _Content(rows=list(manifest.Reader(file.source.uri).plain_rows()), is_read=True)


def _not_read(file: File, problem: str, *, may_pass: bool = False) -> CandidateScene:
    """Return a candidate that represents a whole file, with what is wrong with it."""
    candidate = CandidateScene(file.path, file.path, problem=f"{escaped(file.path)} {problem}.", may_pass=may_pass)
    candidate.add("file", file)
    return candidate


def _version(file: File) -> str:
    return f"{file.source.size} {file.source.stamp}"
