"""Messages for inputs without scenes (what they hold instead, and where to find help) or with several possible layouts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import starmap

from dpdeblur.transforms.layout_names import LAYOUTS, PICTURE_EXTENSIONS
from dpdeblur.transforms.layouts import manifest, shards
from dpdeblur.transforms.layouts.left_out import OTHER_PICTURE_EXTENSIONS, RAW_EXTENSIONS
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage.listing import Listing
from dpdeblur.transforms.wording import counted, escaped

RAW_HELP = (
    "Raw files hold both views, but must be developed into two pictures first, one for each half of the pixels: "
    "dpdeblur import-raw does that for Canon's Dual Pixel RAW (docs/how-to/canon.md); docs/how-to/pixel.md is for phones."
)
OTHER_HELP = (
    "Pictures are read as PNG, TIFF, JPEG and JPEG XL: convert these first. They must be the two views of a dual-pixel sensor; "
    "docs/how-to/canon.md says how to get them from a camera."
)
ORDINARY_HELP = (
    "These look like ordinary photographs. A scene needs the left and the right view of a dual-pixel sensor, as two pictures: "
    "docs/how-to/canon.md says how to get them from a camera. If they are such views under other names, list them in a "
    "manifest: docs/how-to/manifests.md."
)


def nothing_found(source: str, listing: Listing, layout: str) -> str:
    """Return a message on a place without scenes: what it holds, and what to do about it.

    Args:
        source: the place.
        listing: what is in it.
        layout: the layout that was asked for, or "auto".
    """
    files = listing.files
    kinds = Counter(file.extension or "no extension" for file in files)
    what = ", ".join(f"{count} {escaped(kind)}" for kind, count in kinds.most_common(4))
    example = f" (for example {escaped(files[0].path)})" if files else ""
    said = f"{_unreadable(listing)}{_no_scene_in_tar(listing, layout)}{_advice(listing, kinds, layout)}"
    return f"No scene in {source}: {what or 'no files'}{example}.{said}"


def _unreadable(listing: Listing) -> str:
    closed = [f"{escaped(folder.path)} cannot be listed: {folder.reason}." for folder in listing.closed[:3]]
    dead = [f"{escaped(file.path)}: {file.problem}." for file in listing.files if file.problem][:3]
    return "".join(f" {sentence}" for sentence in [*closed, *dead])


def _no_scene_in_tar(listing: Listing, layout: str) -> str:
    """Name a member of a tar that holds no scene: how its members are called is what is wrong with it."""
    tar = next(filter(shards.is_shard, listing.files), None)
    member = shards.first_member(tar) if tar and layout in ("auto", "shards") else ""
    return f" Members of {escaped(tar.path)} belong to no scene: {escaped(member)}, for example." if tar and member else ""


def _advice(listing: Listing, kinds: Counter[str], layout: str) -> str:
    raw, other, read = (
        sum(kinds[extension] for extension in group) for group in (RAW_EXTENSIONS, OTHER_PICTURE_EXTENSIONS, PICTURE_EXTENSIONS)
    )
    if layout == "auto" and raw:
        return f" {RAW_HELP}"
    if layout == "auto" and other > read:
        return f" {OTHER_HELP}"
    if layout == "auto" and _look_like_photographs(listing):
        return f" {ORDINARY_HELP}"
    packed = next((file.path for file in listing.files if shards.is_compressed(file.path)), "")
    if packed:
        return f" {escaped(packed)} is a compressed tar, which is not supported: unpack it, or make a plain tar of it."
    tables = [file.path for file in listing.files if file.path.lower().endswith(manifest.EXTENSIONS)]
    hint = f" If {escaped(tables[0])} is a manifest, give that file as --input." if tables else ""
    expected = LAYOUTS[layout] if layout in LAYOUTS else "; ".join(f"{name}: {shape}" for name, shape in LAYOUTS.items())
    return f"{hint} Expected for --layout {layout}: {expected}."


def _look_like_photographs(listing: Listing) -> bool:
    """Whether most files are JPEGs, as cameras write them."""
    jpegs = sum(file.extension in ("jpg", "jpeg") for file in listing.files)
    return jpegs > len(listing.files) / 2


def several_fit(source: str, fitting: Sequence[tuple[str, int, int, Iterable[str]]]) -> UsageError:
    """Return the error for a place that several layouts fit.

    Args:
        source: the place.
        fitting: of each its name, how many scenes it gives, how many broken ones, and ids of the first of them.
    """
    return UsageError(
        f"{len(fitting)} layouts fit {source}: {'; '.join(starmap(_sketch, fitting))}. "
        f"Choose one with {' or '.join(f'--layout {name}' for name, *_ in fitting)}."
    )


def _sketch(layout: str, scenes: int, broken: int, first: Iterable[str]) -> str:
    whole = counted(scenes, "scene") if scenes else f"no complete scene, {broken} broken ones"
    return f"{layout} ({whole}, {', '.join(first)}, …)"
