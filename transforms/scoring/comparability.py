"""Whether runs can be compared, and what a reader of the comparison must know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dpdeblur.transforms.records import Score, UsageError
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.results import Run

SAME_DB = 1e-6  # input PSNR of one scene in two runs
Table = Mapping[str, Score]  # of one run: scene_id to its row


def names_of(runs: Sequence[Run]) -> list[str]:
    """The folders' own names, or their paths where names repeat.

    Raises:
        UsageError: fewer than two runs, or one of them twice.
    """
    if len(runs) < 2:
        raise UsageError("Comparing takes two runs or more.")
    folders = [store.absolute(run.folder, resolve=True) for run in runs]
    twice = next((folder for folder in folders if folders.count(folder) > 1), None)
    if twice:
        raise UsageError(f"{twice} is given twice.")
    names = [run.name for run in runs]
    return names if len(set(names)) == len(names) else [run.folder for run in runs]


def protocol_notes(names: Sequence[str], tables: Sequence[Table], scored: Sequence[str], *, any_protocol: bool) -> list[str]:
    """Scores of different protocols: refused, or with `any_protocol` noted.

    Raises:
        UsageError: they differ, and `any_protocol` is not set.
    """
    different = [scene for scene in scored if len({table[scene].protocol for table in tables}) > 1]
    if not different:
        return []
    example = "; ".join(f"{name}: {table[different[0]].protocol}" for name, table in zip(names, tables, strict=True))
    what = f"{count(len(different), 'scene')} scored by different metric protocols ({example})"
    if not any_protocol:
        raise UsageError(
            f"{what}. Score the pictures of all runs by one protocol, or compare all the same with --any-protocol."
        )
    return [f"{what}: differences may come from the protocol and not from the pictures."]


def left_out_notes(names: Sequence[str], tables: Sequence[Table], shared: Sequence[str], scored: Sequence[str]) -> list[str]:
    """How many scenes take no part, and why."""
    left = [
        f"{count(len(table) - len(shared), 'scene')} of {name}"
        for name, table in zip(names, tables, strict=True)
        if len(table) > len(shared)
    ]
    notes = [f"Left out, as not all runs restored them: {', '.join(left)}."] if left else []
    if len(scored) < len(shared):
        unscored = len(shared) - len(scored)
        notes.append(
            f"Without a score in some run: {unscored} of {count(len(shared), 'shared scene')}. They count for times only."
        )
    return notes


def input_notes(tables: Sequence[Table], scored: Sequence[str]) -> list[str]:
    """Scenes of one name whose unprocessed pictures score differently are hardly the same scenes."""
    odd = [scene for scene in scored if not _alike([table[scene].input_psnr_db for table in tables])]
    if not odd:
        return []
    example = f"for example {odd[0]}, whose input PSNR differs between runs"
    return [f"Same name, but not the same input: {count(len(odd), 'scene')}, {example}."]


def _alike(values: Sequence[float | None]) -> bool:
    known = [value for value in values if value is not None]
    return all(value == known[0] or abs(value - known[0]) <= SAME_DB for value in known)


def count(number: int, noun: str) -> str:
    """A number with its noun, in the plural where it is one."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
