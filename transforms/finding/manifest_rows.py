"""Rows of a manifest whose ids fall into one bucket: all that can be said of them without the others."""

from __future__ import annotations

from collections.abc import Iterable
from operator import itemgetter

from dpdeblur.transforms.finding.layout_counts import READ, LayoutCounts, Refusal
from dpdeblur.transforms.layouts.candidates import CandidateScene, Settled, settle
from dpdeblur.transforms.layouts.foreign_tables import Row
from dpdeblur.transforms.layouts.ids import printable
from dpdeblur.transforms.layouts.manifest import Reader
from dpdeblur.transforms.layouts.slips import View, views_of
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.storage.spool import Spool

NumberedRow = tuple[int, Row | str]


def rows_by_id(reader: Reader) -> Spool[NumberedRow]:
    """Return all rows of a manifest, by the ids of their scenes. Raises: UsageError: as `Reader.rows`."""
    rows = Spool[NumberedRow]()
    for number, row in reader.rows():
        rows.add(printable(reader.name(number, row)), (number, row))
    return rows


def settle_rows(reader: Reader, rows: Iterable[NumberedRow]) -> tuple[Settled, list[View], LayoutCounts]:
    """Return what comes of the rows of one bucket, the views that they name, and what is to be counted besides.

    Args:
        reader: of the manifest.
        rows: in any order.
    """
    candidates, views, counts = list[CandidateScene](), list[View](), LayoutCounts()
    for number, row in sorted(rows, key=itemgetter(0)):
        try:
            candidate = reader.candidate(number, row)
        except UsageError as error:  # a file cannot be looked at
            counts.refuse(Refusal(READ, number, str(error)))
            break
        counts.slips.add(number, candidate)
        views += views_of(number, candidate)
        candidates.append(candidate)
    counts.candidates = len(candidates)
    return settle(candidates), views, counts
