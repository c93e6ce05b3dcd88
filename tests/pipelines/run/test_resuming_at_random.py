"""However often a job is interrupted, and whatever happens to its scenes meanwhile: each is done once for what it is now."""

from __future__ import annotations

import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpdeblur.pipelines.run.job import FEW_GONE, Job, plan_work
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.errors import UsageError
from dpdeblur.transforms.layouts import Found
from dpdeblur.transforms.records import Failure, Latency, Outcome, Scene, Score, Source, is_not_found, now
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.parquet import write_table
from dpdeblur.transforms.tables.schemas import to_table
from tests.builders import write_file
from tests.rows import failure, score

NAMES = "abcdef"
change = st.tuples(st.just("change"), st.sampled_from(NAMES), st.integers(1, 3))
remove = st.tuples(st.just("remove"), st.sampled_from(NAMES), st.just(0))
lose = st.tuples(st.sampled_from(["lose", "find again"]), st.sampled_from(NAMES), st.just(0))
killed = st.tuples(st.just("killed"), st.sampled_from(["", "torn"]), st.integers(0, 6))
finish = st.tuples(st.just("finish"), st.just(""), st.just(0))
retry = st.tuples(st.just("retry"), st.just(""), st.integers(0, 6))


class World:
    """An input whose scenes come, change, lose a view and go, and the run folder of a job on them."""

    def __init__(self, folder: str) -> None:
        self.run = RunFolder(folder)
        self.versions: dict[str, int] = {"a": 1, "b": 1, "c": 1}
        self.lost: set[str] = set()  # scenes that lack a view at present
        self.held: set[str] = set()  # keys that have a score, in the journal or in the tables

    def job(self) -> Job[Any]:
        scenes = tuple(
            Scene(name, Source("l", stamp=f"{name}{v}"), Source("r"), subset=name)
            for name, v in self.versions.items()
            if name not in self.lost
        )
        lost = sorted(self.lost & self.versions.keys())
        failures = tuple(failure(name, stage="find", message="A dead link.", finished_at=now()) for name in lost)
        keys = {scene.scene_id: journal.input_key(scene, "d") for scene in scenes}
        return Job(Found("", "", scenes, failures, 0), None, 1, {}, "d", keys, {}, "")

    def gone(self) -> set[str]:
        """Scenes that were worked on once, and are no longer in the input, or no longer whole."""
        worked_on = [row for row in self.latest() if not is_not_found(row)]
        return {row.scene_id for row in worked_on} - (set(self.versions) - self.lost)

    def latest(self) -> list[Outcome]:
        """The last outcome of each scene, and the last score of those that are not found whole any more."""
        rows = sorted(self.run.outcomes(), key=lambda row: row.finished_at)
        last = {row.scene_id: row for row in rows}
        scores = {row.scene_id: row for row in rows if isinstance(row, Score)}
        return [*last.values(), *(row for name, row in scores.items() if is_not_found(last[name]))]

    def outcome(self, scene: Scene, key: str) -> Outcome:
        """The third version of a file is broken."""
        row = failure(scene.scene_id) if self.versions[scene.scene_id] == 3 else score(scene.scene_id)
        return replace(row, input_key=key, finished_at=now())

    def attempt(self, how: str, torn: str, steps: int) -> bool:
        """Make an attempt; return whether it was not refused."""
        job = self.job()
        if len(self.gone() - set(self.run.manifest().get("gone", ()))) > FEW_GONE:
            with pytest.raises(UsageError, match="no longer in"):
                plan_work(job, self.run, retry_failed=how == "retry")
            return False
        work = plan_work(job, self.run, retry_failed=how == "retry")
        todo = [scene.scene_id for scene in work.todo]
        assert Counter([*todo, *(row.scene_id for row in work.kept)]) == Counter(job.scene_ids), "each scene once"
        failed = {row.scene_id for row in self.latest() if isinstance(row, Failure) and not is_not_found(row)}
        assert {row.scene_id for row in work.gone} == self.gone() - (failed & self.lost & self.versions.keys()), (
            "nothing is forgotten"
        )
        tried = [row for row in work.kept if not is_not_found(row)]
        assert all(row.input_key == job.keys[row.scene_id] for row in tried), "nothing out of date is kept"
        assert not self.held & {job.keys[name] for name in todo}, "nothing that is finished is done again"
        if how == "retry" and todo:
            self.run.forget_failures()
        self.run.sweep()
        facts = {"settings": {}, "gone": sorted(row.scene_id for row in work.gone)}
        self.run.write_manifest(facts)
        records, done = journal.Journal(self.run.path(journal.FOLDER)), []
        for scene in work.todo if how == "finish" else work.todo[:steps]:
            records.begin(scene)
            done.append(self.outcome(scene, job.keys[scene.scene_id]))
            records.append(done[-1])
        records.close()
        self.held |= {row.input_key for row in done if isinstance(row, Score)}
        if torn:
            write_file(Path(self.run.path(journal.FOLDER, "torn.jsonl")), journal.to_line(score("a"))[:99].encode())
        if how == "finish":
            self.commit([*work.earlier, *done], facts)
        return True

    def commit(self, outcomes: list[Outcome], facts: dict[str, Any]) -> None:
        for name, row_type in (("metrics", Score), ("failures", Failure)):
            table = to_table([row for row in outcomes if isinstance(row, row_type)], row_type)
            write_table(table, self.run.path(".state", "tables", name, "part-00000.parquet"))
        write_table(to_table([], Latency), self.run.path(".state", "tables", "latency.parquet"))
        self.run.commit(Counter(row.scene_id for row in outcomes))
        self.run.write_json("summary.json", {})
        self.run.write_manifest(facts, finished=True)
        assert plan_work(self.job(), self.run).nothing_to_do
        self.held = {row.input_key for row in outcomes if isinstance(row, Score)}


@settings(deadline=None, max_examples=30)
@given(st.lists(change | remove | lose | killed | finish | retry, max_size=12))
def test_each_scene_is_done_once_for_what_it_is(events: list[tuple[str, str, int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder)
        for what, name, number in [*events, ("finish", "", 0)]:
            if what == "change":
                world.versions[name] = number
            elif what == "remove":
                world.versions.pop(name, None)
            elif what == "lose":
                world.lost.add(name)
            elif what == "find again":
                world.lost.discard(name)
            else:
                taken = world.attempt(what, name, number)
        if taken:
            rows = world.run.outcomes()
            assert Counter(row.scene_id for row in rows if not is_not_found(row)) == Counter(
                {*(world.versions.keys() - world.lost), *world.gone()}
            )
            assert {row.scene_id for row in rows if is_not_found(row)} == world.lost & world.versions.keys()
            for row in rows:
                if row.scene_id in world.versions.keys() - world.lost:
                    assert isinstance(row, Failure) == (world.versions[row.scene_id] == 3)
