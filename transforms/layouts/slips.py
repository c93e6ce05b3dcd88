"""Remarks on likely mistakes in a manifest that can still be used."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.layouts import manifest
from dpdeblur.transforms.layouts.candidates import CandidateScene
from dpdeblur.transforms.wording import counted, escaped

_COLUMNS_SHOWN, _SHOWN = 8, 3
_VIEWS = ("left", "right")


def remarks(uri: str, found: list[CandidateScene], *, restored: bool = False) -> tuple[str, ...]:
    """Return remarks on likely mistakes in a manifest that can still be used."""
    slips, views = Slips(), list[NamedView]()
    for number, candidate in enumerate(found):
        uris = {role: files[0].source.uri for role, files in candidate.files.items()}
        slips.add(number, candidate.scene_id, uris)
        views += views_of(number, candidate.scene_id, uris)
    slips.add_shared([Views.of(views)])
    return (*unread_columns(uri, restored=restored), *slips.remarks())


def unread_columns(uri: str, *, restored: bool = False) -> tuple[str, ...]:
    """Return a sentence on the columns of a manifest that are not read, where there are any."""
    known = {*manifest.REQUIRED, *manifest.OPTIONAL, *([manifest.RESTORED] if restored else [])}
    not_read = [escaped(name) for name in manifest.columns(uri) if name and name not in known]
    more = ", …" if len(not_read) > _COLUMNS_SHOWN else ""
    return (f"Columns of the manifest that are not read: {', '.join(not_read[:_COLUMNS_SHOWN])}{more}.",) if not_read else ()


NamedView = tuple[str, str, int, str]
"""A view that a row names: its role and address, the number of the row and the id of its scene."""


def views_of(number: int, scene_id: str, uris: Mapping[str, str]) -> Iterator[NamedView]:
    """Yield the left and the right view that a row names.

    Args:
        number: of the row.
        scene_id: of its scene.
        uris: addresses of the pictures that it names, by role.
    """
    return ((role, uris[role], number, scene_id) for role in _VIEWS if role in uris)


@dataclass(frozen=True, slots=True)
class Views:
    """Many views that rows name, in columns.

    Attributes:
        digests: of role and address: two of one digest cost a needless question.
        roles: of the views, by their place in `_VIEWS`.
        numbers: of the rows.
        ids: of their scenes.
    """

    digests: NDArray[np.uint64]
    roles: NDArray[np.uint8]
    numbers: NDArray[np.int64]
    ids: NDArray[np.object_]

    @classmethod
    def of(cls, named: Sequence[NamedView]) -> Views:
        """Return views in columns."""
        addresses = (f"{role} {uri}".encode(errors="surrogatepass") for role, uri, _, _ in named)
        digests = b"".join([hashlib.blake2b(address, digest_size=8).digest() for address in addresses])
        return cls(
            np.frombuffer(digests, np.uint64),
            np.array([_VIEWS.index(view[0]) for view in named], np.uint8),
            np.array([view[2] for view in named], np.int64),
            np.array([view[3] for view in named], np.object_),
        )

    @classmethod
    def joined(cls, parts: Iterable[Views]) -> Views:
        """Return several parts as one."""
        several = [cls.of([]), *parts]
        return cls(*(np.concatenate([getattr(part, name) for part in several]) for name in cls.__slots__))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self.digests)

    def take(self, places: NDArray[np.int64]) -> Views:
        """Return those at some places."""
        return Views(*(getattr(self, name)[places] for name in self.__slots__))

    def by_digest(self, parts: int) -> Iterator[tuple[int, Views]]:
        """Yield them in so many parts, by number: those of one digest in one part."""
        part_of = (self.digests % np.uint64(parts)).astype(np.int64)
        order = np.argsort(part_of, kind="stable")
        for places in np.split(order, np.flatnonzero(np.diff(part_of[order])) + 1):
            if places.size:
                yield int(part_of[places[0]]), self.take(places)


class Slips:
    """Likely mistakes in some rows of a manifest: one file in two roles, one view in two rows. Can be merged."""

    def __init__(self) -> None:
        self._twice: dict[tuple[str, str], _First] = {}
        self._shared: dict[str, _First] = {}

    def add(self, number: int, scene_id: str, uris: Mapping[str, str]) -> None:
        """Look at one more row. Args: as `views_of`."""
        if len({*uris.values()}) < len(uris):
            roles: dict[str, str] = {}
            for role, uri in uris.items():
                if other := roles.get(uri):
                    self._twice.setdefault((other, role), _First()).merge(1, [(number, scene_id)])
                roles[uri] = role

    def add_shared(self, parts: Iterable[Views]) -> None:
        """Look for views that several rows name.

        Args:
            parts: all views whose digests fall into one bucket.
        """
        views = Views.joined(parts)
        views = views.take(np.lexsort((views.numbers, views.digests)))
        begins = np.append(True, views.digests[1:] != views.digests[:-1])
        firsts = np.maximum.accumulate(np.where(begins, np.arange(len(begins)), 0))[: len(views)]
        again = np.flatnonzero(~begins)
        again = again[views.ids[again] != views.ids[firsts[again]]]
        for place, role in enumerate(_VIEWS):
            others = again[views.roles[again] == place]
            lowest = others[np.argsort(views.numbers[others])[: _SHOWN + 1]]
            named = [(int(views.numbers[row]), f"{views.ids[firsts[row]]} and {views.ids[row]}") for row in lowest]
            if named:
                self._shared.setdefault(role, _First()).merge(len(others), named)

    def merge(self, other: Slips) -> None:
        """Add what was found in other rows."""
        for roles, found in other._twice.items():
            self._twice.setdefault(roles, _First()).merge(found.count, found.named)
        for role, found in other._shared.items():
            self._shared.setdefault(role, _First()).merge(found.count, found.named)

    def remarks(self) -> Iterator[str]:
        """Yield what was found, as sentences."""
        for (one, other), found in sorted(self._twice.items(), key=lambda item: (item[1].named, item[0])):
            yield f"{counted(found.count, 'row')} with the same file as {one} and as {other}: {found}. Is that intended?"
        for role, found in sorted(self._shared.items(), key=lambda item: (item[1].named, item[0])):
            yield f"{counted(found.count, 'row')} with the {role} view of another row: {found}. Is that intended?"


class _First:
    """Counts rows, and keeps the names of the first of them."""

    def __init__(self) -> None:
        self.count = 0
        self.named: list[tuple[int, str]] = []

    def merge(self, count: int, named: list[tuple[int, str]]) -> None:
        self.count += count
        if len(self.named) <= _SHOWN or named[0] < self.named[-1]:
            self.named = sorted([*self.named, *named])[: _SHOWN + 1]

    def __str__(self) -> str:
        return ", ".join(escaped(name) for _, name in self.named[:_SHOWN]) + (", …" if self.count > _SHOWN else "")
