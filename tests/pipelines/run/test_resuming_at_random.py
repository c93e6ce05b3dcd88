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

from dpdeblur.pipelines.run.commit import commit
from dpdeblur.pipelines.run.job import FEW_GONE, Job, Work, plan_work
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.errors import JobError, UsageError
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.layouts import Found
from dpdeblur.transforms.records import Outcome, Scene, Score, Source, now
from dpdeblur.transforms.resuming.diff import Done
from dpdeblur.transforms.tables import journal, journal_lines
from dpdeblur.transforms.tables.input_key import input_key
from tests.builders import write_file
from tests.rows import failure, score

NAMES = "abcdef"
change = st.tuples(st.just("change"), st.sampled_from(NAMES), st.integers(1, 3))
remove = st.tuples(st.just("remove"), st.sampled_from(NAMES), st.just(0))
lose = st.tuples(st.sampled_from(["lose", "find again"]), st.sampled_from(NAMES), st.just(0))
killed = st.tuples(st.just("killed"), st.sampled_from(["", "torn"]), st.integers(0, 6))
finish = st.tuples(st.just("finish"), st.just(""), st.just(0))
retry = st.tuples(st.just("retry"), st.just(""), st.integers(0, 6))
split = st.tuples(st.just("split"), st.just(""), st.sampled_from([1, 2, 8]))


class Folder(RunFolder):
    """A run folder that is split into as many buckets as a test says."""

    split = 1

    def buckets(self, scenes: int) -> int:
        return self.split

    def done(self) -> list[Done]:
        """All outcomes that it holds."""
        earlier = self.earlier(self.split)
        return [one for number in range(self.split) for one in earlier.bucket(number).done]


class World:
    """An input whose scenes come, change, lose a view and go, and the run folder of a job on them."""

    def __init__(self, folder: str) -> None:
        self.run = Folder(folder)
        self.versions: dict[str, int] = {"a": 1, "b": 1, "c": 1}
        self.lost: set[str] = set()  # scenes that lack a view at present
        self.held: set[str] = set()  # keys that have a score, in the journal or in the tables

    def scenes(self) -> tuple[Scene, ...]:
        return tuple(
            Scene(name, Source("l", stamp=f"{name}{v}"), Source("r"), target=Source("t"), subset=name)
            for name, v in self.versions.items()
            if name not in self.lost
        )

    def job(self) -> Job[Any]:
        lost = sorted(self.lost & self.versions.keys())
        failures = tuple(failure(name, stage="find", message="A dead link.", finished_at=now()) for name in lost)
        return Job(Collection.of(Found("", "", self.scenes(), failures, 0)), None, 1, {}, "d", {}, "")

    def keys(self) -> dict[str, str]:
        return {scene.scene_id: input_key(scene, "d") for scene in self.scenes()}

    def gone(self) -> set[str]:
        """Scenes that were worked on once, and are no longer in the input, or no longer whole."""
        worked_on = [one for one in self.latest() if not one.not_found_whole]
        return {one.scene_id for one in worked_on} - (set(self.versions) - self.lost)

    def latest(self) -> list[Done]:
        """The last outcome of each scene, and the last score of those that are not found whole any more."""
        done = sorted(self.run.done(), key=lambda one: one.finished_ms)
        last = {one.scene_id: one for one in done}
        scores = {one.scene_id: one for one in done if one.restored}
        return [*last.values(), *(one for name, one in scores.items() if last[name].not_found_whole)]

    def outcome(self, scene: Scene, key: str) -> Outcome:
        """The third version of a file is broken."""
        row = failure(scene.scene_id) if self.versions[scene.scene_id] == 3 else score(scene.scene_id)
        return replace(row, input_key=key, finished_at=now())

    def attempt(self, how: str, torn: str, steps: int) -> bool:
        """Make an attempt; return whether it was not refused."""
        job, keys = self.job(), self.keys()
        if len(self.gone() - set(self.run.manifest().get("gone", ()))) > FEW_GONE:
            with pytest.raises(UsageError, match="no longer in"):
                plan_work(job, self.run, retry_failed=how == "retry")
            return False
        work = plan_work(job, self.run, retry_failed=how == "retry")
        scenes = list(work.scenes_to_do())
        todo = [scene.scene_id for scene in scenes]
        assert work.first == min(scenes, key=lambda scene: scene.scene_id, default=None)
        failed = {one.scene_id for one in self.latest() if not one.restored and not one.not_found_whole}
        assert set(work.counts.gone) == self.gone() - (failed & self.lost & self.versions.keys()), "nothing is forgotten"
        assert work.counts.scenes == len({*self.versions, *work.counts.gone}), "each scene once"
        out_of_date = {name for name in keys if all(one.input_key != keys[name] for one in self.run.done())}
        assert out_of_date <= set(todo), "nothing out of date is kept"
        assert not self.held & {keys[name] for name in todo}, "nothing that is finished is done again"
        self.run.make_ready(restart=False, forget_failures=how == "retry" and bool(todo))
        facts = {"settings": {}, "gone": sorted(work.counts.gone)}
        self.run.write_manifest(facts)
        records, done = journal.Journal(self.run.path(journal.FOLDER)), []
        for scene in scenes if how == "finish" else scenes[:steps]:
            records.begin(scene)
            done.append(self.outcome(scene, keys[scene.scene_id]))
            records.append(done[-1])
        records.close()
        self.held |= {row.input_key for row in done if isinstance(row, Score)}
        if torn:
            write_file(Path(self.run.path(journal.FOLDER, "torn.jsonl")), journal_lines.to_line(score("a"))[:99].encode())
        if how == "finish":
            self.commit(work, facts)
        elif todo[steps:]:
            with pytest.raises(JobError, match=f"{len(todo[steps:])} scene.* missing"):
                commit(self.run, work.wanted, work.buckets)
        return True

    def commit(self, work: Work, facts: dict[str, Any]) -> None:
        statistics = commit(self.run, work.wanted, work.buckets)
        assert statistics.restored + statistics.failed == work.counts.scenes
        assert self.run.statistics().restored == statistics.restored
        self.run.write_json("summary.json", {})
        self.run.write_manifest(facts, finished=True)
        assert plan_work(self.job(), self.run).nothing_to_do
        self.held = {one.input_key for one in self.run.done() if one.restored}


@settings(deadline=None, max_examples=30)
@given(st.lists(change | remove | lose | killed | finish | retry | split, max_size=12))
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
            elif what == "split":
                world.run.split = number
            else:
                taken = world.attempt(what, name, number)
        if taken:
            done = world.run.done()
            assert Counter(one.scene_id for one in done if not one.not_found_whole) == Counter(
                {*(world.versions.keys() - world.lost), *world.gone()}
            )
            assert {one.scene_id for one in done if one.not_found_whole} == world.lost & world.versions.keys()
            for one in done:
                if one.scene_id in world.versions.keys() - world.lost:
                    assert one.restored == (world.versions[one.scene_id] != 3)
