"""A commit is one write: before it the old tables count, after it the new ones; and only the last attempt to start has it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from dpdeblur.pipelines.run.commit import commit
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.records import JobError
from dpdeblur.transforms.resuming.diff import Wanted
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.storage.spool import Spool, bucket_of
from dpdeblur.transforms.tables import journal
from tests.rows import failure, score

BUCKETS = 4
NAMES = [f"s{n:02d}" for n in range(20)]


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


def wanted(names: list[str], key: str = "k") -> Spool[Wanted]:
    spool = Spool[Wanted]()
    for number in range(BUCKETS):
        spool.add_to(number, Wanted({name: key for name in names if bucket_of(name, BUCKETS) == number}))
    return spool


def finish(folder: RunFolder, names: list[str], **changes: Any) -> None:
    records = journal.Journal(folder.path(journal.FOLDER))
    for name in names:
        records.append(score(name, **changes))
    records.close()


def rows(folder: RunFolder, table: str = "metrics") -> list[dict[str, Any]]:
    return [row for uri in folder.parts(table) for row in pq.read_table(uri).to_pylist()]


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    """A run folder whose tables hold all names."""
    folder = RunFolder(str(tmp_path))
    folder.make_ready(restart=False, forget_failures=False)
    finish(folder, NAMES)
    assert commit(folder, wanted(NAMES), BUCKETS).restored == len(NAMES)
    return folder


def test_each_bucket_is_a_file_and_those_without_change_stay(folder: RunFolder) -> None:
    assert [store.name(uri) for uri in folder.parts("metrics")] == [f"part-{n:05d}.parquet" for n in range(BUCKETS)]
    for number, uri in enumerate(folder.parts("metrics")):
        ids = pq.read_table(uri)["scene_id"].to_pylist()
        assert ids == sorted(name for name in NAMES if bucket_of(name, BUCKETS) == number)
    before = {uri: Path(uri).stat().st_ino for uri in [*folder.parts("metrics"), *folder.parts("failures")]}
    folder.make_ready(restart=False, forget_failures=False)
    finish(folder, ["new"])
    commit(folder, wanted([*NAMES, "new"]), BUCKETS)
    changed = {store.name(uri) for uri, inode in before.items() if Path(uri).stat().st_ino != inode}
    assert changed == {f"part-{bucket_of('new', BUCKETS):05d}.parquet"}
    assert Counter(row["scene_id"] for row in rows(folder)) == Counter([*NAMES, "new"])


@pytest.mark.parametrize("turn", range(6))
def test_a_commit_that_is_cut_short_is_finished_by_the_next_start(
    folder: RunFolder, turn: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.make_ready(restart=False, forget_failures=False)
    finish(folder, NAMES, input_key="k2", ssim=0.25)
    moves, real = 0, store.move

    def move(source: str, target: str) -> None:
        nonlocal moves
        moves += 1
        if moves > turn:
            raise Killed
        real(source, target)

    monkeypatch.setattr(store, "move", move)
    with pytest.raises(Killed):
        commit(folder, wanted(NAMES, "k2"), BUCKETS)
    monkeypatch.undo()
    again = RunFolder(folder.uri)
    assert again.generations.pending()
    found = [one for number in range(BUCKETS) for one in again.earlier(BUCKETS).bucket(number).done]
    assert {one.scene_id for one in found if one.input_key == "k2"} == set(NAMES), "nothing finished is lost meanwhile"
    again.generations.finish()
    assert not again.generations.pending()
    assert [(row["scene_id"], row["ssim"]) for row in sorted(rows(again), key=lambda row: row["scene_id"])] == [
        (name, 0.25) for name in NAMES
    ]


def test_an_attempt_that_was_taken_for_dead_cannot_commit(folder: RunFolder) -> None:
    first, second = RunFolder(folder.uri), RunFolder(folder.uri)
    first.make_ready(restart=False, forget_failures=False)
    finish(first, ["late"])
    second.make_ready(restart=False, forget_failures=False)
    with pytest.raises(JobError, match="taken over"):
        commit(first, wanted([*NAMES, "late"]), BUCKETS)
    assert {row["scene_id"] for row in rows(folder)} == set(NAMES)
    commit(second, wanted([*NAMES, "late"]), BUCKETS)
    assert {row["scene_id"] for row in rows(folder)} == {*NAMES, "late"}
    second.make_ready(restart=False, forget_failures=False)
    assert not list(Path(folder.uri, ".state", "tables").rglob("*.parquet")), "what the first one wrote is swept up"


def test_a_table_split_otherwise_is_sorted_anew(folder: RunFolder) -> None:
    folder.make_ready(restart=False, forget_failures=False)
    records = journal.Journal(folder.path(journal.FOLDER))
    records.append(replace(failure("broken"), input_key="k"))
    records.close()
    for split in (1, 8):
        spool = Spool[Wanted]()
        for number in range(split):
            spool.add_to(number, Wanted({name: "k" for name in [*NAMES, "broken"] if bucket_of(name, split) == number}))
        assert commit(folder, spool, split).failed == 1
        assert len(folder.parts("metrics")) == len(folder.parts("failures")) == split
        assert sorted(row["scene_id"] for row in rows(folder)) == NAMES
        assert [row["scene_id"] for row in rows(folder, "failures")] == ["broken"]
