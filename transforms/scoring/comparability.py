"""Whether runs can be compared, and notes for the reader of a comparison."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.records import Score
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.results import Run
from dpdeblur.transforms.wording import counted

SAME_DB = 1e-6  # input PSNR of one scene in two runs
Rows = Mapping[str, Score]  # of one run: scene_id to its row


def names_of(runs: Sequence[Run], given: Sequence[str] | None = None) -> list[str]:
    """Return what to call runs in a comparison.

    Args:
        runs: in order.
        given: names that somebody chose, one for each.

    Returns:
        The given names; or the names of the runs' methods where these tell them apart, else of the folders, else their paths.

    Raises:
        UsageError: fewer than two runs, one of them twice, or a name given twice.
    """
    if len(runs) < 2:
        raise UsageError("Comparing needs at least two runs.")
    folders = [store.absolute(run.folder, resolve=True) for run in runs]
    if twice := _repeated(folders):
        raise UsageError(f"{twice} is given twice.")
    if given is not None:
        if twice := _repeated(given):
            raise UsageError(f"Two runs are called {twice!r}: give each a different name with --method NAME=RUN.")
        return list(given)
    choices = ([method_of(run) for run in runs], [run.name for run in runs])
    return next((names for names in choices if not _repeated(names)), [run.folder for run in runs])


def method_of(run: Run) -> str:
    """Return the name of what restored the pictures of a run: the model, or the --method that was scored."""
    settings = run.manifest.get("settings", {})
    return str(settings.get("method") or settings.get("model") or run.name)


def _repeated(names: Sequence[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)


def protocol_notes(names: Sequence[str], tables: Sequence[Rows], scored: Sequence[str], *, any_protocol: bool) -> list[str]:
    """Refuse scores of different protocols, or note them if `any_protocol` is set.

    Raises:
        UsageError: they differ, and `any_protocol` is not set.
    """
    different = [scene for scene in scored if len({table[scene].protocol for table in tables}) > 1]
    if not different:
        return []
    example = "; ".join(f"{name}: {table[different[0]].protocol}" for name, table in zip(names, tables, strict=True))
    what = f"{counted(len(different), 'scene')} scored by different metric protocols ({example})"
    if not any_protocol:
        raise UsageError(
            f"{what}. Score the pictures of all runs with one protocol, or compare them anyway with --any-protocol."
        )
    return [f"{what}: differences may come from the protocol instead of the pictures."]


def left_out_notes(names: Sequence[str], tables: Sequence[Rows], shared: Sequence[str], scored: Sequence[str]) -> list[str]:
    """Note how many scenes are left out, and why."""
    left = [
        f"{counted(len(table) - len(shared), 'scene')} of {name}"
        for name, table in zip(names, tables, strict=True)
        if len(table) > len(shared)
    ]
    notes = [f"Left out, as not all runs restored them: {', '.join(left)}."] if left else []
    if len(scored) < len(shared):
        unscored = len(shared) - len(scored)
        notes.append(
            f"Without a score in some run: {unscored} of {counted(len(shared), 'shared scene')}. Only their times count."
        )
    return notes


def input_notes(tables: Sequence[Rows], scored: Sequence[str]) -> list[str]:
    """Note scenes with the same name whose unprocessed pictures score differently: hardly the same scenes."""
    odd = [scene for scene in scored if not _alike([table[scene].input_psnr_db for table in tables])]
    if not odd:
        return []
    example = f"for example {odd[0]}, whose input PSNR differs between runs"
    return [f"The same name, but another input: {counted(len(odd), 'scene')}, {example}."]


def _alike(values: Sequence[float | None]) -> bool:
    known = [value for value in values if value is not None]
    return all(value == known[0] or abs(value - known[0]) <= SAME_DB for value in known)
