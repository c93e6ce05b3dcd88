"""What looks like a slip in a manifest, though it can be used."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from operator import itemgetter

from dpdeblur.transforms.layouts import manifest
from dpdeblur.transforms.layouts.candidates import CandidateScene
from dpdeblur.transforms.wording import counted, escaped

_COLUMNS_SHOWN, _SHOWN = 8, 3
_VIEWS = ("left", "right")


def remarks(uri: str, found: list[CandidateScene], *, restored: bool = False) -> tuple[str, ...]:
    """Return what looks like a slip in a manifest, though it can be used."""
    slips, views = Slips(), list[View]()
    for number, candidate in enumerate(found):
        slips.add(number, candidate)
        views += views_of(number, candidate)
    slips.add_shared(views)
    return (*unread_columns(uri, restored=restored), *slips.remarks())


def unread_columns(uri: str, *, restored: bool = False) -> tuple[str, ...]:
    """Return a sentence on the columns of a manifest that are not read, where there are any."""
    known = {*manifest.REQUIRED, *manifest.OPTIONAL, *([manifest.RESTORED] if restored else [])}
    not_read = [escaped(name) for name in manifest.columns(uri) if name and name not in known]
    more = ", …" if len(not_read) > _COLUMNS_SHOWN else ""
    return (f"Columns of the manifest that are not read: {', '.join(not_read[:_COLUMNS_SHOWN])}{more}.",) if not_read else ()


View = tuple[int, str, int, str]
"""A view that a row names: a digest of its role and its address, its role, the number of the row and the id of its scene."""


def views_of(number: int, candidate: CandidateScene) -> Iterator[View]:
    """Yield the left and the right view that the candidate of a row names."""
    for role in _VIEWS:
        if files := candidate.files.get(role):
            address = f"{role} {files[0].source.uri}".encode(errors="surrogatepass")
            digest = int.from_bytes(hashlib.blake2b(address, digest_size=8).digest())
            yield digest, role, number, candidate.scene_id  # two of one digest cost a needless question


class Slips:
    """What looks like a slip in some rows of a manifest: one file in two roles, one view in two rows. They add up."""

    def __init__(self) -> None:
        self._twice: dict[tuple[str, str], _First] = {}
        self._shared: dict[str, _First] = {}

    def add(self, number: int, candidate: CandidateScene) -> None:
        """Look at the candidate of one more row."""
        uris = {role: files[0].source.uri for role, files in candidate.files.items()}
        if len({*uris.values()}) < len(uris):
            roles: dict[str, str] = {}
            for role, uri in uris.items():
                if other := roles.get(uri):
                    self._twice.setdefault((other, role), _First()).add(number, candidate.scene_id)
                roles[uri] = role

    def add_shared(self, views: Iterable[View]) -> None:
        """Look for views that several rows name.

        Args:
            views: all whose digests fall into one bucket.
        """
        there = list(views)
        times = Counter(map(itemgetter(0), there))
        if len(times) == len(there):
            return
        by_view: dict[tuple[int, str], _First] = defaultdict(_First)
        for digest, role, number, scene_id in there:
            if times[digest] > 1:
                by_view[digest, role].add(number, scene_id)
        for (_, role), rows in by_view.items():
            (_, first), *others = rows.named
            others = [(number, f"{first} and {name}") for number, name in others if name != first]
            if others:
                self._shared.setdefault(role, _First()).merge(rows.count - (len(rows.named) - len(others)), others)

    def merge(self, other: Slips) -> None:
        """Add what was found in other rows."""
        for roles, found in other._twice.items():
            self._twice.setdefault(roles, _First()).merge(found.count, found.named)
        for role, found in other._shared.items():
            self._shared.setdefault(role, _First()).merge(found.count, found.named)

    def remarks(self) -> Iterator[str]:
        """Yield what was found, in sentences."""
        for (one, other), found in sorted(self._twice.items(), key=lambda item: (item[1].named, item[0])):
            yield f"{counted(found.count, 'row')} with one file as {one} and as {other}: {found}. Is that meant?"
        for role, found in sorted(self._shared.items(), key=lambda item: (item[1].named, item[0])):
            yield f"{counted(found.count, 'row')} with the {role} view of another row: {found}. Is that meant?"


class _First:
    """Counts rows, and keeps the names of the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self.named: list[tuple[int, str]] = []

    def add(self, number: int, name: str) -> None:
        self.merge(1, [(number, name)])

    def merge(self, count: int, named: list[tuple[int, str]]) -> None:
        self.count += count
        if len(self.named) <= _SHOWN or named[0] < self.named[-1]:
            self.named = sorted([*self.named, *named])[: _SHOWN + 1]

    def __str__(self) -> str:
        return ", ".join(escaped(name) for _, name in self.named[:_SHOWN]) + (", …" if self.count > _SHOWN else "")
