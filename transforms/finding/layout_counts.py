"""Counts of what a layout finds in parts of a place; their sum over all parts decides which layout the place has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from dpdeblur.transforms.finding.collection import Census
from dpdeblur.transforms.layouts.explain_nothing import nothing_found, several_fit
from dpdeblur.transforms.layouts.find import list_place, no_rows
from dpdeblur.transforms.layouts.left_out import LeftOutCounter
from dpdeblur.transforms.layouts.registry import FOLDER_LAYOUTS
from dpdeblur.transforms.layouts.slips import Slips
from dpdeblur.transforms.records import UsageError

MANIFEST = "manifest"
LISTED, READ, SETTLED = range(3)
"""Passes in which the input may be refused as a whole."""


class Refusal(NamedTuple):
    """Reason to refuse a place as a whole. The first by step and number counts, in whatever order they are found.

    Attributes:
        step: `LISTED`, `READ` or `SETTLED`.
        number: of the row, or of the layout in the order in which they are tried.
        text: for the user.
    """

    step: int
    number: int
    text: str


@dataclass(slots=True)
class LayoutCounts:
    """Counts of what one layout finds in a part of a place; the counts of all parts can be added.

    Attributes:
        candidates: files or rows that may be scenes, how many.
        scenes: what is known of those that came of them.
        left_out: what takes no part.
        slips: in rows of a manifest.
        unread_columns: a sentence on columns of a manifest that are not read.
        refusal: why nothing of the place is used, where it is so.
    """

    candidates: int = 0
    scenes: Census = field(default_factory=lambda: Census("", ""))
    left_out: LeftOutCounter = field(default_factory=LeftOutCounter)
    slips: Slips = field(default_factory=Slips)
    unread_columns: tuple[str, ...] = ()
    refusal: Refusal | None = None

    def refuse(self, refusal: Refusal | None) -> None:
        """Note a reason to refuse the place."""
        self.refusal = min(filter(None, (self.refusal, refusal)), default=None)

    def merge(self, other: LayoutCounts) -> None:
        """Add the counts of another part."""
        self.candidates += other.candidates
        self.scenes.merge(other.scenes)
        self.left_out.merge(other.left_out)
        self.slips.merge(other.slips)
        self.unread_columns = self.unread_columns or other.unread_columns
        self.refuse(other.refusal)


CountsByLayout = Mapping[str, LayoutCounts]


def merged(parts: Iterable[CountsByLayout]) -> dict[str, LayoutCounts]:
    """Add up the counts of all parts of a place, by the name of the layout."""
    whole: dict[str, LayoutCounts] = {}
    for part in parts:
        for name, counts in part.items():
            whole.setdefault(name, LayoutCounts()).merge(counts)
    return whole


def chosen(source: str, layout: str, counts: CountsByLayout) -> Census:
    """Choose the only layout with complete scenes, or else the only one that fits; return the counts of its scenes.

    Args:
        source: the place.
        layout: that was asked for, or "auto".
        counts: what each layout makes of all of it.

    Raises:
        UsageError: nothing there is a scene, two layouts fit, or the place is refused for another reason.
    """
    refusals = [each.refusal for each in counts.values() if each.refusal and (each.candidates or each.refusal.step < SETTLED)]
    if refusals:
        raise UsageError(min(refusals).text)
    there = {name: counts[name] for name in (MANIFEST, *FOLDER_LAYOUTS) if name in counts and counts[name].candidates}
    fitting = {name: each for name, each in there.items() if each.scenes.scenes} or there
    if not fitting:
        raise no_rows(source) if MANIFEST in counts else UsageError(nothing_found(source, list_place(source), layout))
    if len(fitting) > 1:
        raise several_fit(source, [_sketch(name, each.scenes) for name, each in fitting.items()])
    ((name, one),) = fitting.items()
    scenes = one.scenes
    scenes.source, scenes.layout = source, name
    scenes.left_out = one.left_out.counts()
    scenes.remarks = (*one.unread_columns, *one.slips.remarks())
    return scenes


def _sketch(name: str, scenes: Census) -> tuple[str, int, int, list[str]]:
    return name, scenes.scenes, scenes.failures, [item.scene_id for item in (scenes.first or scenes.first_failures)[:2]]
