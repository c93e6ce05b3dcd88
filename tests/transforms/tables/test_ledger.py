"""Growing tables: every scene once, whatever is told twice, in whatever portions, with whatever restarts in between."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.records import Failure, JobError, Outcome, Score
from dpdeblur.transforms.storage import store
from dpdeblur.transforms.tables.ledger import Done, Ledger, take_over
from dpdeblur.transforms.tables.schemas import from_table
from dpdeblur.transforms.tables.sketch import latency_row, sketches
from tests.rows import failure, score

START = datetime(2026, 5, 4, 22, 59, tzinfo=UTC)  # some rows before the hour, some after it, some after the day's end
WINDOW_S = 60.0
KINDS: tuple[Callable[..., Outcome], ...] = (score, failure)


@st.composite
def outcomes(draw: st.DrawFn) -> list[Outcome]:
    """Outcomes of a few scenes; the files of a scene change from revision to revision, and the clock says anything."""
    made: list[Outcome] = []
    for scene in range(draw(st.integers(0, 5))):
        for revision in range(draw(st.integers(1, 3))):
            for kind in draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=2)):
                name, time = f"scene-{scene}", START + timedelta(seconds=draw(st.integers(0, 9000)))
                made.append(kind(name, input_key=f"key-{scene}-{revision}", revision=revision, finished_at=time))
    return made


def expected(told: list[Outcome]) -> dict[str, Outcome]:
    """What must be in the tables: of the latest files the score, else the failure, of several the last."""
    return {
        scene: max(
            (outcome for outcome in told if outcome.scene_id == scene),
            key=lambda outcome: (outcome.revision, isinstance(outcome, Score), outcome.finished_at),
        )
        for scene in {outcome.scene_id for outcome in told}
    }


def rows(folder: Path, table: str, row_type: type) -> list[object]:
    return [row for file in sorted((folder / table).glob("*.parquet")) for row in from_table(pq.read_table(file), row_type)]


@given(st.data())
def test_every_scene_is_in_the_tables_once_however_it_is_told(data: st.DataObject) -> None:
    told = data.draw(outcomes())
    in_turn = data.draw(
        st.permutations([*told, *data.draw(st.lists(st.sampled_from(told), max_size=5) if told else st.just([]))])
    )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ledger = Ledger(name, WINDOW_S, take_over(name))
        while in_turn:
            size = data.draw(st.integers(1, len(in_turn)))
            ledger.add(in_turn[:size])
            in_turn = in_turn[size:]
            if data.draw(st.booleans()):
                ledger = Ledger(name, WINDOW_S, take_over(name))
        held = [*rows(folder, "metrics", Score), *rows(folder, "failures", Failure)]
        assert sorted(held, key=repr) == sorted(expected(told).values(), key=repr)
        assert ledger.done() == {scene: Done.of(outcome) for scene, outcome in expected(told).items()}
        _check_files(folder)
        _check_windows(folder, [row for row in held if isinstance(row, Score)])


def _check_files(folder: Path) -> None:
    for file in [*folder.glob("metrics/*"), *folder.glob("failures/*")]:
        hours = pc.unique(pc.strftime(pq.read_table(file)["finished_at"], "%Y-%m-%dT%H")).to_pylist()
        assert hours in ([], [file.stem]), "a row is in the file of another hour"


def _check_windows(folder: Path, scores: list[Score]) -> None:
    """The statistics are those of the rows in each window, whatever was told before."""
    of_window: dict[datetime, list[Score]] = {}
    for row in scores:
        of_window.setdefault(row.finished_at.replace(second=0), []).append(row)
    found = pq.ParquetDataset(folder / "windows").read().to_pylist() if (folder / "windows").exists() else []
    assert {row["window_start"] for row in found} == set(of_window)
    for start, inside in of_window.items():
        for group, sketch in sketches(inside).items():
            (row,) = (r for r in found if (r["window_start"], r["stage"], r["group_by"], r["group"]) == (start, *group))
            same = latency_row(group, sketch)
            assert row["count"] == same.count
            assert row["p50_ms"] == pytest.approx(same.p50_ms, rel=1e-9)
            assert row["scenes_per_s"] == pytest.approx(same.count / WINDOW_S)


def test_a_writer_that_was_replaced_writes_no_more(tmp_path: Path) -> None:
    old = Ledger(str(tmp_path), WINDOW_S, take_over(str(tmp_path)))
    old.add([score("a", finished_at=START)])
    new = Ledger(str(tmp_path), WINDOW_S, take_over(str(tmp_path)))
    with pytest.raises(JobError, match="another job has taken over"):
        old.add([score("b", finished_at=START)])
    assert new.add([score("b", finished_at=START), score("a", finished_at=START)]) == 1
    assert [row["scene_id"] for row in pq.read_table(tmp_path / "metrics").to_pylist()] == ["a", "b"]


def test_what_a_batch_run_left_is_known_and_can_be_replaced(tmp_path: Path) -> None:
    from dpdeblur.transforms.tables.parquet import write_table
    from dpdeblur.transforms.tables.schemas import to_table

    before = [score("a", finished_at=START), score("b", finished_at=START)]
    write_table(to_table(before, Score), str(tmp_path / "metrics" / "part-00000.parquet"))
    ledger = Ledger(str(tmp_path), WINDOW_S, take_over(str(tmp_path)))
    assert ledger.add([before[0]]) == 0
    earlier = START - timedelta(hours=2)  # by a clock that was ahead before
    later = replace(before[0], input_key="changed", revision=1, finished_at=earlier)
    assert ledger.add([later]) == 1
    assert sorted(rows(tmp_path, "metrics", Score), key=repr) == sorted([later, before[1]], key=repr)


def test_a_table_of_another_kind_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "2026-05-04T22.parquet").write_bytes(b"no table")
    with pytest.raises(OSError, match=r"metrics/2026-05-04T22\.parquet"):
        Ledger(str(tmp_path), WINDOW_S, "")


@pytest.mark.parametrize("files_written", range(9))
def test_windows_are_whole_again_after_an_end_between_two_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files_written: int
) -> None:
    folder = str(tmp_path)
    first: list[Outcome] = [score("a", finished_at=START), score("b", finished_at=START), failure("c", finished_at=START)]
    Ledger(folder, WINDOW_S, take_over(folder)).add(first)
    later = START + timedelta(hours=2)
    second: list[Outcome] = [score(name, revision=1, input_key="changed", finished_at=later) for name in "acd"]
    left, write = [files_written], store.write_whole

    def until_the_end(uri: str, data: bytes) -> None:
        if not left[0]:
            raise OSError("the process has been killed")
        left[0] -= 1
        write(uri, data)

    ledger = Ledger(folder, WINDOW_S, take_over(folder))
    with monkeypatch.context() as patched:
        patched.setattr(store, "write_whole", until_the_end)
        with suppress(OSError):
            ledger.add(second)
    assert files_written < 8 or left[0] > 0, "not every write was tried"
    # what a run that goes on has: the tables, and the journal of the one that ended
    ledger = Ledger(folder, WINDOW_S, take_over(folder))
    ledger.add(second)
    held = rows(tmp_path, "metrics", Score)
    assert {row.scene_id: row.revision for row in held if isinstance(row, Score)} == {"a": 1, "b": 0, "c": 1, "d": 1}
    assert not rows(tmp_path, "failures", Failure)
    _check_windows(tmp_path, [row for row in held if isinstance(row, Score)])
