"""An NTIRE entry: a zip with restored pictures NNNN_g.png and a readme.txt of four lines at its root, and nothing else.

The evaluation server rejects an upload whose lines do not parse or whose pictures are not those it counts; what is checked
here is at least as strict. Zips may come from anybody: sizes are bounded before anything is inflated, and nothing is extracted.
"""

from __future__ import annotations

import re
import stat
import struct
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from dpdeblur.pipelines.challenge.readme import README, parse_readme, shown
from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.records import SceneError

PICTURE_NAME = re.compile(r"[0-9]{4}_g\.png", re.ASCII)
MOST_FILES = 5_000
MOST_BYTES = 4 << 30  # of all files together, inflated
MOST_PICTURE_BYTES = 512 << 20
MOST_README_BYTES = 64 << 10
MOST_PIXELS = 50_000_000
MOST_SIZES = 4  # named in a message
_METHODS = {zipfile.ZIP_BZIP2: "bzip2", zipfile.ZIP_LZMA: "LZMA", 9: "Deflate64", 93: "Zstandard", 95: "XZ", 98: "PPMd"}

_END = struct.Struct("<4s4H2LH")
_ZIP64_LOCATOR_BYTES = 20
_BROKEN = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError, struct.error)


def check(path: Path, count: int | None = None) -> list[str]:
    """Return all that is wrong with an entry, one sentence each; an empty list for a good one.

    Args:
        path: of the zip.
        count: how many pictures the server expects; None if that is not known.
    """
    try:
        trouble = _directory_trouble(path)
        if trouble:
            return [trouble]
        with zipfile.ZipFile(path) as archive:
            return list(_problems(archive, count))
    except _BROKEN as error:
        return [f"{path.name} cannot be read as a zip: {error}."]


def _directory_trouble(path: Path) -> str:
    """Return why the list of files must not be read, if so: it is read as a whole, so its size is checked first."""
    with path.open("rb") as stream:
        size = stream.seek(0, 2)
        stream.seek(max(0, size - 0xFFFF - _END.size - _ZIP64_LOCATOR_BYTES))
        tail = stream.read()
    plain = tail[-_END.size :].startswith(b"PK\x05\x06") and tail.endswith(b"\0\0")
    at = len(tail) - _END.size if plain else tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        return f"{path.name} is not a zip, or it is cut short."
    *_, entries, directory, _, _ = _END.unpack_from(tail, at)
    if tail[max(0, at - _ZIP64_LOCATOR_BYTES) :].startswith(b"PK\x06\x07") or entries == 0xFFFF or directory == 0xFFFFFFFF:
        return f"{path.name} is a zip of more than 4 GB or 65534 files (zip64), more than any entry needs."
    if entries > MOST_FILES or directory > MOST_FILES * 512:
        return f"{path.name} lists {entries} files in {directory} bytes: an entry has at most {MOST_FILES}."
    return ""


def _problems(archive: zipfile.ZipFile, count: int | None) -> Iterator[str]:
    files = archive.infolist()
    if trouble := _bomb_trouble(files, archive.start_dir):
        yield trouble
        return
    yield from (
        f"{shown(name)} is in the zip {times} times." for name, times in Counter(f.filename for f in files).items() if times > 1
    )
    sizes: dict[str, list[str]] = {}
    for file in files:
        if trouble := _form_trouble(file):
            yield f"{shown(file.orig_filename)}: {trouble}"
        elif file.filename == README:
            yield from _readme_problems(archive, file)
        else:
            picture = _picture(archive, file)
            if isinstance(picture, str):
                yield picture
            else:
                sizes.setdefault(f"{picture.shape[1]}x{picture.shape[0]}", []).append(file.filename)
    if len(sizes) > 1:
        yield differing_sizes(sizes)
    if not any(file.filename == README for file in files):
        yield f"{README} is missing at the root of the zip."
    pictures = len({file.filename for file in files if PICTURE_NAME.fullmatch(file.filename)})
    if count is not None and pictures != count:
        yield wrong_count(pictures, count)
    elif not pictures:
        yield "There is no picture named NNNN_g.png at the root of the zip."


def _bomb_trouble(files: Sequence[zipfile.ZipInfo], directory: int) -> str:
    """Return why no file in a zip is read, if so."""
    if len(files) > MOST_FILES:
        return f"The zip holds {len(files)} files: an entry has at most {MOST_FILES}."
    total = sum(file.file_size for file in files)
    if total > MOST_BYTES:
        return f"The files would inflate to {total} bytes, above the limit of {MOST_BYTES}: none was read."
    if _overlap(files, directory):
        return "Files of the zip overlap: it holds less than it claims, and none of it was read."
    return ""


def differing_sizes(sizes: Mapping[str, Sequence[str]]) -> str:
    """Return a problem for pictures of several sizes: those of a challenge all have the same.

    Args:
        sizes: names of pictures by their size, WIDTHxHEIGHT.
    """
    by_count = sorted(sizes.items(), key=lambda item: (-len(item[1]), item[0]))
    found = ", ".join(f"{size} ({len(names)}, such as {names[0]})" for size, names in by_count[:MOST_SIZES])
    return f"The pictures differ in size, but those of a challenge all have the same: {found}."


def wrong_count(pictures: int, count: int) -> str:
    """Return a problem if an entry has another number of pictures than the server expects."""
    return f"There are {pictures} pictures named NNNN_g.png at the root of the zip, not {count}."


def _form_trouble(file: zipfile.ZipInfo) -> str:
    name = file.orig_filename
    if file.flag_bits & 1 or file.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        method = _METHODS.get(file.compress_type, f"method {file.compress_type}")
        how = "encrypted" if file.flag_bits & 1 else f"compressed by {method}"
        return f"it is {how}, which servers cannot read: store it, or deflate it."
    if stat.S_ISLNK(file.external_attr >> 16):
        return "it is a link, not a file."
    if any(letter in name for letter in "/\\:\0") or name in (".", ".."):
        return "it lies in a folder, or its name is a path: all files lie at the root of the zip."
    if name != README and not PICTURE_NAME.fullmatch(name):
        return f"it is neither {README} nor a picture named NNNN_g.png, such as 0500_g.png."
    if file.file_size > (MOST_README_BYTES if name == README else MOST_PICTURE_BYTES):
        return f"it would inflate to {file.file_size} bytes, too many for such a file."
    return ""


def _readme_problems(archive: zipfile.ZipFile, file: zipfile.ZipInfo) -> list[str]:
    try:
        return parse_readme(archive.read(file).decode("utf-8"))[1]
    except UnicodeDecodeError:
        return [f"{README} is not UTF-8 text."]
    except _BROKEN as error:
        return [f"{README} cannot be read: {error}."]


def _picture(archive: zipfile.ZipFile, file: zipfile.ZipInfo) -> Image | str:
    """Return a picture of an entry; or what is wrong with it."""
    try:
        data = archive.read(file)
        if not data.startswith(b"\x89PNG"):
            return f"{file.filename} is not a PNG."
        picture = codecs.decode(data, file.filename, MOST_PIXELS)
    except SceneError as error:
        return f"{file.filename}: {error}"
    except _BROKEN as error:
        return f"{file.filename} cannot be read: {error}."
    return picture if picture.ndim == 3 else f"{file.filename} has one channel: the challenge compares RGB."


def _overlap(files: Sequence[zipfile.ZipInfo], directory: int) -> bool:
    """Return whether two files share bytes, as in bombs whose entries all point to one."""
    ordered = sorted(files, key=lambda file: file.header_offset)
    ends = [file.header_offset + 30 + len(file.orig_filename.encode()) + file.compress_size for file in ordered]
    return any(
        end > start for end, start in zip(ends, [*(file.header_offset for file in ordered[1:]), directory], strict=False)
    )
