"""However an engine cuts and orders the records of a run, its workers leave the tables that the command would have made."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from apache_beam.pvalue import TaggedOutput
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from dpdeblur.pipelines.attempt import decision, find
from dpdeblur.pipelines.attempt.attempt import Attempt
from dpdeblur.pipelines.attempt.commit import Commit, staged_buckets
from dpdeblur.pipelines.attempt.earlier import sort
from dpdeblur.pipelines.attempt.find import FOUND, SOURCES, Find
from dpdeblur.pipelines.attempt.plan import CARRIED, REPORT, Plan
from dpdeblur.pipelines.run import run_folder
from dpdeblur.pipelines.run.commit import commit, put_in_place
from dpdeblur.pipelines.run.job import Job, plan_work
from dpdeblur.pipelines.run.run_folder import RunFolder
from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.layouts import Found
from dpdeblur.transforms.records import Outcome, Scene, Score, Source, UsageError
from dpdeblur.transforms.resuming.bucket_outcomes import TABLES
from dpdeblur.transforms.resuming.bucket_plan import Counts, Terms
from dpdeblur.transforms.resuming.earlier import TableFiles
from dpdeblur.transforms.storage.spool import bucket_of
from dpdeblur.transforms.tables import journal
from dpdeblur.transforms.tables.examples import Example
from dpdeblur.transforms.tables.input_key import input_key
from dpdeblur.transforms.tables.parquet import read_tables
from dpdeblur.transforms.tables.schemas import from_table
from tests.rows import FINISHED, failure, score

NAMES = "abcdefgh"
BROKEN = 3


@dataclass(frozen=True)
class Try:
    """One attempt.

    Attributes:
        versions: of the scenes in the input; those of version 0 are not whole, and restoring those of `BROKEN` fails.
        lost: scenes whose pictures somebody has deleted before.
        how: flags.
        killed_after: scenes; None where it comes to its end.
    """

    versions: dict[str, int]
    lost: frozenset[str]
    how: str
    killed_after: int | None

    def found(self) -> Found:
        whole = tuple(
            Scene(name, Source("l", stamp=f"{name}{version}"), Source("r"))
            for name, version in sorted(self.versions.items())
            if version
        )
        broken = tuple(failure(name, stage="find") for name, version in self.versions.items() if not version)
        return Found("in", "folders", whole, broken, 0)

    def outcome(self, scene: Scene, number: int) -> Outcome:
        version = self.versions[scene.scene_id]
        picture = f"images/{scene.scene_id}.png"
        row = failure(scene.scene_id) if version == BROKEN else score(scene.scene_id, image_path=picture, ssim=version / 8)
        return replace(row, input_key=input_key(scene, "d"), finished_at=FINISHED.replace(minute=number))


TRY = st.builds(
    Try,
    st.dictionaries(st.sampled_from(NAMES), st.integers(0, BROKEN), min_size=1),
    st.frozensets(st.sampled_from(NAMES), max_size=2),
    st.sampled_from(["", "", "retry", "prune", "restart"]),
    st.none() | st.none() | st.integers(0, 5),
)


def here(attempt: Try, folder: RunFolder, number: int) -> Counts | str:
    """The attempt in one process."""
    job = Job[Any](Collection.of(attempt.found()), None, 1, {"images": "restored"}, "d", {}, "")
    retry, restart = attempt.how == "retry", attempt.how == "restart"
    try:
        work = plan_work(job, folder, retry_failed=retry, restart=restart, prune=attempt.how == "prune")
    except UsageError as error:
        return str(error).replace(folder.uri, "RUN")
    folder.make_ready(restart=restart, forget_failures=retry and bool(work.todo))
    if not work.nothing_to_do:
        facts = folder.write_manifest({"settings": {"images": "restored"}, "gone": sorted(work.counts.gone)})
        if restored(attempt, list(work.scenes_to_do()), folder, number) is not None:
            end(commit(folder, work.wanted, work.buckets, prune=attempt.how == "prune"), folder, facts)
    return work.counts


def by_workers(attempt: Try, folder: RunFolder, number: int, order: Random) -> Counts | str:
    """The same by the steps of the graph, with every record in any order."""
    restart = attempt.how == "restart"
    before = {} if restart else folder.manifest()
    folder.sweep()
    this = Attempt(
        name=folder.generations.take_over(),
        run=folder.uri,
        images=None,
        suffix=".png",
        find=lambda: Collection.of(attempt.found()),
        terms=Terms(
            "d",
            folder.images.uri,
            frozenset(before.get("gone", ())),
            retry_failed=attempt.how == "retry",
            prune=attempt.how == "prune",
        ),
        restart=restart,
        finished=before.get("finished") is not None,
        facts={"settings": {"images": "restored"}},
        tables=TableFiles.of(dict.fromkeys(TABLES, ()), 0) if restart else folder.table_files(),
    )
    records, tagged = outputs(Find().process(this))
    records += [record for source in tagged[SOURCES] for record in sort(source, this)]
    order.shuffle(records)
    buckets = defaultdict[int, list[Any]](list)
    for bucket, record in records:
        buckets[bucket].append(record)
    todo, plans = outputs(item for bucket in buckets.items() for item in Plan(this).process(bucket))
    for items in (todo, *plans.values()):
        order.shuffle(items)
    known = [*tagged[FOUND], *plans[REPORT]]
    order.shuffle(known)
    made = decision.decide((0, known), this)
    assert decision.read(this) == made == decision.decide((0, tagged[FOUND]), this), (
        "what was decided holds, however often it is asked"
    )
    if made.refusal:
        return made.refusal.replace(folder.uri, "RUN")
    if made.goes_on:
        outcomes = restored(attempt, todo, folder, number)
        if outcomes is not None:
            carried = defaultdict[int, list[Any]](list)
            for bucket, record in [*plans[CARRIED], *((bucket_of(one.scene_id, made.buckets), one) for one in outcomes)]:
                carried[bucket].append(record)
            for each in carried.items():
                assert list(Commit(this).process(each, made)) == [each[0]]
            committed = put_in_place(folder, staged_buckets(this, made.buckets))
            end(committed.statistics, folder, folder.manifest())
            check_examples(committed.examples, attempt, folder)
    else:
        assert not todo
    return made.counts


def outputs(items: Iterator[Any]) -> tuple[list[Any], dict[str, list[Any]]]:
    """The main output of a step, and its others."""
    main, others = list[Any](), defaultdict[str, list[Any]](list)
    for item in items:
        (others[item.tag] if isinstance(item, TaggedOutput) else main).append(getattr(item, "value", item))
    return main, others


def restored(attempt: Try, todo: list[Scene], folder: RunFolder, number: int) -> list[Outcome] | None:
    """Restore scenes; None where the attempt is killed meanwhile."""
    in_order = sorted(todo, key=lambda scene: scene.scene_id)
    outcomes = [attempt.outcome(scene, number) for scene in in_order[: attempt.killed_after]]
    records = journal.Journal(folder.path(journal.FOLDER))
    for outcome in outcomes:
        Path(folder.images.uri).mkdir(exist_ok=True)
        if isinstance(outcome, Score):
            Path(folder.images.uri, f"{outcome.scene_id}.png").touch()
        records.append(outcome)
    records.close()
    return outcomes if attempt.killed_after is None else None


def check_examples(examples: Sequence[Example], attempt: Try, folder: RunFolder) -> None:
    """The report may show all that is restored and still there: they are few."""
    scores = {one.scene_id: one for one in from_table(read_tables(folder.parts("metrics"), Score), Score)}
    expected = {scene.scene_id: (scene, scores[scene.scene_id]) for scene in attempt.found().scenes if scene.scene_id in scores}
    assert {one.scene.scene_id: (one.scene, one.score) for one in examples} == expected


def end(statistics: Any, folder: RunFolder, facts: dict[str, Any]) -> None:
    assert folder.statistics().restored == statistics.restored
    folder.write_json("summary.json", {"restored": statistics.restored, "failed": statistics.failed})
    folder.write_manifest(facts, finished=True)


def content(folder: RunFolder) -> dict[str, Any]:
    """What a run folder holds, but for times of the command."""
    tables = {name: read_tables(folder.parts(name), kind).sort_by("scene_id").to_pylist() for name, kind in TABLES.items()}
    for row in tables["failures"]:
        row["finished_at"] = row["stage"] != "find" and row["finished_at"]
    lines = sorted(line for line in journal.lines_in(folder.path(journal.FOLDER)))
    pictures = sorted(path.name for path in Path(folder.images.uri).glob("*"))
    manifest = {name: value for name, value in folder.manifest().items() if name in ("gone", "settings")}
    return {**tables, "journal": lines, "pictures": pictures, "manifest": manifest}


@settings(deadline=None, max_examples=12, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(st.lists(TRY, min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_the_workers_leave_what_the_command_alone_would(tries: list[Try], order: Random) -> None:
    with tempfile.TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_folder, "ROWS_PER_FILE", 2)  # several buckets for a few scenes
        patch.setattr(find, "SCENES_IN_A_RECORD", 1)
        folders = [Path(place, name) for name in ("here", "workers")]
        for number, attempt in enumerate(tries):
            runs = [RunFolder(str(folder)) for folder in folders]
            for run in runs:
                run.generations.finish()
                for name in attempt.lost:
                    Path(run.images.uri, f"{name}.png").unlink(missing_ok=True)
            counts = here(attempt, runs[0], number)
            assert comparable(by_workers(attempt, runs[1], number, order)) == comparable(counts)
            assert content(runs[1]) == content(runs[0])


def comparable(counts: Counts | str) -> Counts | str:
    return counts if isinstance(counts, str) else replace(counts, gone=sorted(counts.gone))
