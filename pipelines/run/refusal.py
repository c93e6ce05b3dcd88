"""Refuse runs that would overwrite files that are not theirs; a refused run leaves nothing behind.

Whether a run may start is known only once its folder is locked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from dpdeblur.pipelines.run.generation import generation_file
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.resuming.bucket_outcomes import TABLES
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables import journal

_FILES = ("latency.parquet", "report.html", "summary.json")


def check_ours(folder: RunFolder, settings: Mapping[str, Any]) -> dict[str, str]:
    """Check that a folder holds a run, or none of the files that a run would write; return the pictures of others in it.

    Args:
        folder: of the run.
        settings: of the run.

    Returns:
        The pictures that a run would overwrite if it had such scenes, by the id of the scene; none where a run is there.

    Raises:
        UsageError: it holds a file of somebody else's, which it names.
    """
    began = store.read_whole(generation_file(folder.uri)) is not None or store.files_in(folder.path(journal.FOLDER))
    if folder.manifest() or began:
        return {}
    if theirs := next(_in_the_way(folder, settings), None):
        raise would_overwrite(folder.uri, theirs)
    return {store.name(uri).removesuffix(suffix): uri for uri, suffix in folder.places_of_pictures(settings)}


def would_overwrite(run: str, theirs: str) -> UsageError:
    """Return the refusal of a run that would overwrite a file of somebody else's."""
    return UsageError(
        f"--output {run} holds no run, but {theirs}, which a run would overwrite. Choose a new or an empty folder."
    )


def _in_the_way(folder: RunFolder, settings: Mapping[str, Any]) -> Iterator[str]:
    yield from (uri for uri in store.files_in(folder.uri) if store.name(uri) in _FILES)
    for table in TABLES:
        yield from folder.parts(table)
    if settings.get("images") == "shards" and not folder.images.apart:
        yield from folder.images.shards()
        yield from folder.images.index()


def missing_folders(uri: str) -> tuple[str, ...]:
    """Return the folders of this machine that must be made for one to be there, the innermost first; none for a store's."""
    path = store.local_path(uri)
    return () if path is None else tuple(str(folder) for folder in (path, *path.parents) if not folder.exists())


@contextmanager
def nothing_left(folder: str, log: str, lock: str, made_folders: Sequence[str]) -> Iterator[None]:
    """Remove the files and folders that a run has made, if it is refused before it has done anything; the block holds its lock.

    Args:
        folder: of the run.
        log: its file.
        lock: its file, in the folder of what only the run itself reads.
        made_folders: those that have been made for the lock, the innermost first.

    Raises:
        UsageError: the block's.
    """
    own, state = {log, generation_file(folder)}, store.parent(lock)
    before = _files(folder, state)
    try:
        yield
    except UsageError:
        made = _files(folder, state) - before
        if made and made <= own:  # other files: the run had begun, and was not refused
            store.delete([*made, *([lock] if state in made_folders else [])])
            for empty in (*_folders_in(state), *made_folders):
                store.remove_empty_folder(empty)
        raise


def _files(*folders: str) -> set[str]:
    return {uri for folder in folders for uri in store.files_in(folder)}


def _folders_in(folder: str) -> list[str]:
    """Return the folders that are in one of this machine, at any depth, the innermost first; none in a store."""
    path = store.local_path(folder)
    return [] if path is None else sorted((str(entry) for entry in path.rglob("*") if entry.is_dir()), reverse=True)
