"""`dpdeblur import-raw`: extract both views from raw files that hold both halves of their pixels."""

from __future__ import annotations

import io
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from dpdeblur.pipelines.console import complain, say
from dpdeblur.pipelines.exitcodes import OK, WITH_FAILURES
from dpdeblur.pipelines.options.tools import ImportRawOptions
from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.layouts.candidates import pictures
from dpdeblur.transforms.layouts.left_out import RAW_EXTENSIONS
from dpdeblur.transforms.raw.frames import Views, read_views
from dpdeblur.transforms.raw.side import Side, side_of_first
from dpdeblur.transforms.records import SceneError, UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.listing import list_files
from dpdeblur.transforms.wording import counted, escaped

RAW = tuple(f".{extension}" for extension in RAW_EXTENSIONS)
WORTH_SAYING = 0.001  # share of clipped pixels


def run(options: ImportRawOptions) -> int:
    """Import all raw files of a place; return the exit code.

    Args:
        options: of the command.

    Raises:
        UsageError: there are none, two have the same name, rawpy is missing, or left and right cannot be told apart.
    """
    files = _files(options.input)
    first = options.first or _side(options.reference, files).first
    failed = 0
    for name, file in files.items():
        folder = store.join(options.output, name)
        if {"left.tif", "right.tif", "combined.tif"} <= {store.name(there) for there in store.files_in(folder, "*.tif")}:
            _tell(options, f"{name}: exists already")
            continue
        try:
            views = read_views(store.read(file))
        except (SceneError, OSError) as error:
            failed += 1
            complain(f"{escaped(file)}: {error}")
            continue
        _write(folder, views, first)
        lost = f", {views.clipped:.1%} clipped: the views are equal there" if views.clipped > WORTH_SAYING else ""
        _tell(options, f"{name}: {views.combined.shape[1]}x{views.combined.shape[0]}{lost}")
    _tell(options, f"{counted(len(files) - failed, 'scene')} in {options.output}, {failed} failed")
    _tell(options, "They are linear: dpdeblur deblur --transfer linear --input " + options.output)
    return WITH_FAILURES if failed else OK


def _files(place: str) -> dict[str, str]:
    """Return the raw files of a place, by the name of their scene.

    Raises:
        UsageError: there are none, or two have one name.
    """
    if place.lower().endswith(RAW):
        return {PurePosixPath(place).stem: place}
    root = store.absolute(place)
    paths = [file.path for file in list_files(root).files if file.path.lower().endswith(RAW)]
    found: dict[str, str] = {}
    for path in paths:
        name = PurePosixPath(path).stem
        if name in found:
            raise UsageError(f"{escaped(path)} and {escaped(found[name])} have the same name: import their folders one by one.")
        found[name] = store.join(root, path)
    if not found:
        raise UsageError(f"There are no raw files in {place}, with names that end in {', '.join(RAW)}.")
    return found


def _side(reference: str | None, files: dict[str, str]) -> Side:
    """Find out from the reference which view the second frames are, and print it.

    Raises:
        UsageError: there is no reference, it is none, or it does not tell.
    """
    if reference is None:
        raise UsageError(
            "which view is the second frame of these files? No source says so. Export both views of one of them with Canon's "
            "software, and give their folder with --reference; or use --first left or --first right."
        )
    name = PurePosixPath(reference.rstrip("/")).name
    if name not in files:
        raise UsageError(f"--reference {reference} must be named after one of the raw files: {', '.join(list(files)[:3])}, …")
    left, right = (_view(reference, side) for side in ("left", "right"))
    try:
        views = read_views(store.read(files[name]))
    except SceneError as error:
        raise UsageError(f"{files[name]}: {error}") from None
    side = side_of_first(views.first, views.other, left, right)
    say(f"The second frame is the {side.first} view: {side.agreeing} of {side.blocks} blocks of {name} say so.")
    return side


def _view(folder: str, side: str) -> Image:
    root = store.absolute(folder)
    files = [file.path for file in pictures(list_files(root).files) if PurePosixPath(file.path).stem.lower() == side]
    if len(files) != 1:
        raise UsageError(f"--reference {folder} must hold one picture {side}.tif (or .png, .jpg); it holds {len(files)}.")
    try:
        return codecs.decode(store.read(store.join(root, files[0])), files[0])
    except SceneError as error:
        raise UsageError(f"{folder}/{files[0]}: {error}") from None


def _write(folder: str, views: Views, first: str) -> None:
    """Write three TIFFs, the combined one last: where it is, the others are."""
    left, right = (views.first, views.other) if first == "left" else (views.other, views.first)
    for name, picture in (("left", left), ("right", right), ("combined", views.combined)):
        store.write_whole(store.join(folder, f"{name}.tif"), _tiff(picture))


def _tiff(picture: NDArray[np.uint16]) -> bytes:
    import tifffile  # noqa: PLC0415  slow to import

    stream = io.BytesIO()
    tifffile.imwrite(stream, picture, photometric="rgb", compression="zlib", predictor=True, metadata=None)
    return stream.getvalue()


def _tell(options: ImportRawOptions, line: str) -> None:
    if not options.quiet:
        say(line)
