"""What is left to do follows from scenes and outcomes alone, and is the same whether they are compared at once or by bucket."""

from __future__ import annotations

import hashlib
import json

from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.records import Failure, Outcome, Scene, Source, scene_to_tuple
from dpdeblur.transforms.resuming.diff import Diff, Done, Wanted, diff, of_outcome, with_former_keys
from dpdeblur.transforms.storage.patient_read import InputUnreachableError
from dpdeblur.transforms.storage.spool import bucket_of
from dpdeblur.transforms.tables.input_key import former_input_key, input_key
from tests.rows import failure, score

NAMES = [f"s{n}" for n in range(8)]
KEYS = st.sampled_from(["k1", "k2"])
DONE = st.builds(
    Done,
    scene_id=st.sampled_from(NAMES),
    input_key=KEYS,
    restored=st.booleans(),
    finished_ms=st.integers(0, 3),
    stage=st.sampled_from(["find", "decode"]),
    error_type=st.sampled_from(["SceneError", InputUnreachableError.__name__]),
).map(lambda one: one._replace(stage="", error_type="") if one.restored else one)
KINDS = st.dictionaries(st.sampled_from(NAMES), st.sampled_from(["whole", "broken", "unselected"]))


def wanted_of(kinds: dict[str, str], keys: dict[str, str]) -> Wanted:
    def of(kind: str) -> list[str]:
        return [name for name, what in kinds.items() if what == kind]

    broken: list[Failure] = [failure(name, stage="find") for name in of("broken")]
    return Wanted({name: keys[name] for name in of("whole")}, broken, frozenset(of("unselected")))


WANTED = st.builds(wanted_of, KINDS, st.fixed_dictionaries(dict.fromkeys(NAMES, KEYS)))
FLAGS = st.fixed_dictionaries(dict.fromkeys(["retry_failed", "retry_unreachable", "prune"], st.booleans()))


def part(wanted: Wanted, number: int, buckets: int) -> Wanted:
    def here(name: str) -> bool:
        return bucket_of(name, buckets) == number

    return Wanted(
        {name: key for name, key in wanted.keys.items() if here(name)},
        [row for row in wanted.failures if here(row.scene_id)],
        frozenset(filter(here, wanted.unselected)),
    )


@given(WANTED, st.lists(DONE, max_size=20), FLAGS, st.sampled_from([2, 4, 8]))
def test_buckets_together_are_the_whole(wanted: Wanted, done: list[Done], flags: dict[str, bool], buckets: int) -> None:
    whole = diff(wanted, done, **flags)
    parts: list[Diff] = [
        diff(part(wanted, n, buckets), [one for one in done if bucket_of(one.scene_id, buckets) == n], **flags)
        for n in range(buckets)
    ]
    assert frozenset().union(*(each.todo for each in parts)) == whole.todo
    assert frozenset().union(*(each.lost for each in parts)) == whole.lost
    assert {one for each in parts for one in each.kept} == set(whole.kept)
    assert {one for each in parts for one in each.gone} == set(whole.gone)
    assert sum(each.before for each in parts) == whole.before
    assert all(each.same for each in parts) == whole.same


@given(WANTED, st.lists(DONE, max_size=20), FLAGS)
def test_each_scene_is_in_the_tables_once_or_to_do(wanted: Wanted, done: list[Done], flags: dict[str, bool]) -> None:
    change = diff(wanted, done, **flags)
    kept = [one.scene_id for one in (*change.kept, *change.gone)]
    broken = {row.scene_id for row in wanted.failures}
    once = [name for name in kept if name not in wanted.unselected]
    assert len(once) == len(set(once))
    assert not set(kept) & change.todo
    assert all(one.restored for one in change.gone if one.scene_id in broken), "what it gave before stays"
    assert not {one.scene_id for one in change.kept} & broken
    assert change.todo | (set(kept) & wanted.keys.keys()) == wanted.keys.keys()
    has_outcome = {one.scene_id for one in done}
    asked_for_otherwise = {name for name in wanted.unselected if name in has_outcome}
    assert asked_for_otherwise <= set(kept), "what was not asked for stays"
    if not flags["prune"]:
        worked_on = {one.scene_id for one in done} - {one.scene_id for one in done if one.not_found_whole}
        assert worked_on <= set(kept) | change.todo | broken, "nothing that was worked on is forgotten"


@given(WANTED, st.lists(DONE, max_size=20))
def test_only_outcomes_for_the_present_key_count_and_scores_win(wanted: Wanted, done: list[Done]) -> None:
    holding = {one.scene_id: one for one in diff(wanted, done, retry_unreachable=False).kept if one.scene_id in wanted.keys}
    for scene_id, one in holding.items():
        assert one.input_key == wanted.keys[scene_id]
    for one in done:
        if wanted.keys.get(one.scene_id) == one.input_key:
            best = holding[one.scene_id]
            assert (best.restored, best.finished_ms) >= (one.restored, one.finished_ms)


def test_outcomes_of_earlier_versions_hold() -> None:
    """The former key is pinned: version 0.1 gave it to this scene."""
    sources = {side: Source(f"/s/a/{side}.png", None, 9, "9-1", f"a/{side}.png") for side in ("left", "right")}
    scene = Scene("a", sources["left"], sources["right"], subset="test")
    former = former_input_key(scene, "d")
    facts = ["d", "test", *([f"/s/a/{side}.png", None, 9, "9-1"] for side in sources), None, None, None]
    assert former == hashlib.sha256(json.dumps(facts).encode()).hexdigest()[:32]
    earlier: list[Outcome] = [
        score("a", input_key=former),
        failure("a", input_key="of other files"),
        failure("b", input_key=former),
    ]
    done = list(map(of_outcome, earlier))
    wanted = with_former_keys(Wanted({"a": input_key(scene, "d")}), [scene_to_tuple(scene)], done, "d")
    assert wanted.former == {"a": former}
    change = diff(wanted, done)
    assert [(one.scene_id, one.input_key) for one in change.kept] == [("a", former)]
    assert not change.todo
