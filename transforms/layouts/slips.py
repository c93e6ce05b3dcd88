"""What looks like a slip in a manifest, though it can be used."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from operator import itemgetter

from dpdeblur.transforms.layouts import manifest
from dpdeblur.transforms.layouts.candidates import CandidateScene
from dpdeblur.transforms.layouts.ids import escaped
from dpdeblur.transforms.storage.spool import PARTITIONS, Spool, buckets_for
from dpdeblur.transforms.wording import counted

_VIEWS = ("left", "right")
_VIEWS_AT_ONCE, _SHOWN = 50_000, 3


def remarks(uri: str, found: list[CandidateScene], *, restored: bool = False) -> tuple[str, ...]:
    """Return what looks like a slip in a manifest, though it can be used."""
    slips = Slips(uri, restored=restored)
    for number, candidate in enumerate(found):
        slips.add(number, candidate)
    return slips.remarks()


class Slips:
    """What looks like a slip in a manifest: columns that are not read, one file in two roles, one view in two rows.

    Args:
        uri: the manifest.
        restored: whether its column `restored` is read.
    """

    def __init__(self, uri: str, *, restored: bool = False) -> None:
        self._uri, self._known = uri, {*manifest.REQUIRED, *manifest.OPTIONAL, *([manifest.RESTORED] if restored else [])}
        self._twice: dict[tuple[str, str], _First] = {}
        self._views = {role: Spool[tuple[int, int, str]]() for role in _VIEWS}

    def add(self, number: int, candidate: CandidateScene) -> None:
        """Look at the candidate of one more row."""
        uris = {role: files[0].source.uri for role, files in candidate.files.items()}
        for role in _VIEWS:
            if role in uris:
                view = hash(uris[role])  # two of one hash cost a needless question
                self._views[role].add_to(view % PARTITIONS, (view, number, candidate.scene_id))
        if len({*uris.values()}) < len(uris):
            roles: dict[str, str] = {}
            for role, uri in uris.items():
                if other := roles.get(uri):
                    self._twice.setdefault((other, role), _First()).add(number, candidate.scene_id)
                roles[uri] = role

    def remarks(self) -> tuple[str, ...]:
        """Return what was found, in sentences."""
        not_read = [escaped(name) for name in manifest.columns(self._uri) if name not in self._known]
        said = [f"Columns of the manifest that are not read: {', '.join(not_read[:8])}{', …' if len(not_read) > 8 else ''}."]
        return (*(said if not_read else ()), *self._repeated())

    def _repeated(self) -> Iterator[str]:
        for (one, other), found in sorted(self._twice.items(), key=lambda item: (item[1].named, item[0])):
            yield f"{counted(found.count, 'row')} with one file as {one} and as {other}: {found}. Is that meant?"
        shared = {role: found for role, views in self._views.items() if (found := _shared(views)).count}
        for role, found in sorted(shared.items(), key=lambda item: (item[1].named, item[0])):
            yield f"{counted(found.count, 'row')} with the {role} view of another row: {found}. Is that meant?"


def _shared(views: Spool[tuple[int, int, str]]) -> _First:
    """Return the rows that have a view of a row before them.

    Args:
        views: the view of each row, its number and its scene.
    """
    shared = _First()
    buckets = buckets_for(len(views), _VIEWS_AT_ONCE)
    for bucket in range(buckets):
        there = list(views.bucket(bucket, buckets))
        times = Counter(map(itemgetter(0), there))
        if len(times) == len(there):
            continue
        by_view: dict[int, _First] = defaultdict(_First)
        for view, number, scene_id in there:
            if times[view] > 1:
                by_view[view].add(number, scene_id)
        for rows in by_view.values():
            (_, first), *others = rows.named
            others = [(number, f"{first} and {name}") for number, name in others if name != first]
            if others:
                shared.merge(rows.count - (len(rows.named) - len(others)), others)
    return shared


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
