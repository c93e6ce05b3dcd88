"""Count files that belong to no scene, by kind and with examples, so that none is skipped silently."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from dpdeblur.transforms.layout_names import PICTURE_EXTENSIONS
from dpdeblur.transforms.storage.listing import Listing
from dpdeblur.transforms.storage.walk import FOLDER, GONE, HIDDEN, READ_ALREADY, SPECIAL, File, SkippedEntry
from dpdeblur.transforms.wording import counted, escaped

RAW_EXTENSIONS = ("cr2", "cr3", "crw", "dng", "nef", "nrw", "arw", "sr2", "raf", "orf", "rw2", "pef", "iiq", "3fr")
OTHER_PICTURE_EXTENSIONS = ("heic", "heif", "webp", "avif", "gif", "bmp", "jp2", "exr", "hdr", "psd", "pgm", "ppm")
MAX_EXAMPLES = 3


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Files that belong to no scene, all of one kind.

    Attributes:
        kind: what they are, in the singular: "raw file".
        detail: what else there is to say of them, or nothing: "of no scene".
        count: how many there are.
        examples: paths of the first of them, at most `MAX_EXAMPLES`.
    """

    kind: str
    detail: str
    count: int
    examples: tuple[str, ...]

    def __str__(self) -> str:
        return f"{counted(self.count, self.kind)} {self.detail}".rstrip()


Kind = tuple[str, str]
"""Of a file that is left out: `LeftOut.kind` and `LeftOut.detail`."""
PICTURE, MEMBER, TAR = ("picture", "of no scene"), ("shard member", "of no scene"), ("tar", "without a scene")
RAW, VIDEO, OTHER_PICTURE = ("raw file", ""), ("video", ""), ("picture", "in an unsupported format")
ARCHIVE, TABLE, OTHER, DEAD_LINK = ("archive", ""), ("table", ""), ("other file", ""), ("link", "without content")
HIDDEN_FILE, LINK_BACK, SPECIAL_FILE = ("hidden file", ""), ("link", "that leads back"), ("special file", "")
_KIND_BY_EXTENSION = {
    **dict.fromkeys(PICTURE_EXTENSIONS, PICTURE),
    **dict.fromkeys(RAW_EXTENSIONS, RAW),
    **dict.fromkeys(OTHER_PICTURE_EXTENSIONS, OTHER_PICTURE),
    **dict.fromkeys(("mp4", "mov", "avi", "mkv", "m4v", "webm", "mts"), VIDEO),
    **dict.fromkeys(("tar", "tgz", "tbz2", "txz", "gz", "bz2", "xz", "zst", "zip", "7z", "rar"), ARCHIVE),
    **dict.fromkeys(("csv", "tsv", "jsonl", "ndjson", "parquet"), TABLE),
}


class LeftOutCounter:
    """Counts files by kind, and remembers the first of each by path, whatever the order in which they come."""

    def __init__(self) -> None:
        self._counts: dict[Kind, int] = {}
        self._examples: dict[Kind, list[str]] = {}

    def add(self, kind: Kind, path: str) -> None:
        """Count one more file."""
        self._counts[kind] = self._counts.get(kind, 0) + 1
        examples = self._examples.setdefault(kind, [])
        if len(examples) < MAX_EXAMPLES or path < examples[-1]:
            self._examples[kind] = sorted([*examples, path])[:MAX_EXAMPLES]

    def merge(self, other: LeftOutCounter) -> None:
        """Add the counts of another counter."""
        for kind, count in other._counts.items():
            self._counts[kind] = self._counts.get(kind, 0) + count
            self._examples[kind] = sorted([*self._examples.get(kind, ()), *other._examples[kind]])[:MAX_EXAMPLES]

    def counts(self) -> tuple[LeftOut, ...]:
        """Return the counts, the most frequent kind first."""
        kinds = sorted(self._counts, key=lambda kind: (-self._counts[kind], kind))
        return tuple(LeftOut(*kind, self._counts[kind], tuple(map(escaped, self._examples[kind]))) for kind in kinds)


def kind_of_file(file: File) -> Kind | None:
    """Return the kind of an unused file, by its name; None for a folder, whose files are counted one by one."""
    if file.problem:
        return None if file.problem == FOLDER else DEAD_LINK
    return _KIND_BY_EXTENSION.get(file.extension, OTHER)


def kind_of_entry(entry: SkippedEntry) -> Kind | None:
    """Return the kind of an entry that the listing skipped; None if it no longer exists."""
    kinds = {HIDDEN: HIDDEN_FILE, READ_ALREADY: LINK_BACK, SPECIAL: SPECIAL_FILE, GONE: None}
    return kinds.get(entry.reason, LINK_BACK)


def worth_saying(left_out: Iterable[LeftOut]) -> tuple[LeftOut, ...]:
    """Return the kinds to report: all but hidden files and links back to folders already listed."""
    return tuple(kind for kind in left_out if (kind.kind, kind.detail) not in (HIDDEN_FILE, LINK_BACK))


def sentence(left_out: Iterable[LeftOut]) -> str:
    """Return a line on the files left out; empty if there are none.

    >>> sentence([LeftOut("raw file", "", 9, ("a.CR2",)), LeftOut("video", "", 3, ("b.mov",))])
    '12 files left out: 9 raw files (such as a.CR2), 3 videos (such as b.mov); see plan --explain'
    """
    kinds = worth_saying(left_out)
    if not kinds:
        return ""
    what = ", ".join(f"{kind} (such as {kind.examples[0]})" for kind in kinds)
    return f"{counted(sum(kind.count for kind in kinds), 'file')} left out: {what}; see plan --explain"


def closed_folders(listing: Listing) -> tuple[str, ...]:
    """Return a sentence for each folder that cannot be listed."""
    return tuple(f"{escaped(folder.path)} cannot be listed: {folder.reason}." for folder in listing.closed)
