"""Parts of a collection: nothing is in two, nothing is in none, and a slip is told, not taken for an empty set."""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.finding.collection import Collection
from dpdeblur.transforms.finding.part_of_collection import part_of, without_empty_subsets
from dpdeblur.transforms.layouts import Found
from dpdeblur.transforms.records import Failure, Scene, Source, UsageError
from dpdeblur.transforms.selection import Part, Selection, select, selected

IDS = st.text("abc/019_", min_size=1, max_size=6)
COLLECTIONS = st.dictionaries(IDS, st.sampled_from(["train", "val", "test"]), min_size=1, max_size=40)
COLLECTION = {"val/1": "val", "test/1": "test", "test/2": "test", "test/10": "test"}


@given(COLLECTIONS, st.integers(1, 40), st.data())
def test_parts_are_the_whole_with_nothing_twice(scenes: dict[str, str], parts: int, data: st.DataObject) -> None:
    parts = min(parts, len(scenes))
    limit = data.draw(st.one_of(st.none(), st.integers(parts, 50)))
    found = [selected(scenes, Selection(limit=limit, part=Part(number, parts))) for number in range(1, parts + 1)]
    assert sorted(chain.from_iterable(found)) == selected(scenes, Selection(limit=limit))
    assert max(map(len, found)) - min(map(len, found)) <= 1


@given(COLLECTIONS, st.integers(1, 50))
def test_more_of_a_limit_begins_with_less_of_it(scenes: dict[str, str], limit: int) -> None:
    assert selected(scenes, Selection()) == sorted(scenes)
    assert selected(scenes, Selection(limit=limit)) == sorted(scenes)[:limit]


@given(COLLECTIONS)
def test_subsets_and_ids_are_a_partition(scenes: dict[str, str]) -> None:
    by_subset = [selected(scenes, Selection(subset=subset)) for subset in sorted(set(scenes.values()))]
    assert sorted(chain.from_iterable(by_subset)) == sorted(scenes)
    for ids in by_subset:
        assert selected(scenes, Selection(ids=tuple(reversed(ids)))) == ids


@given(COLLECTIONS, st.data())
def test_what_is_selected_and_what_is_not_are_all_that_was_found(scenes: dict[str, str], data: st.DataObject) -> None:
    broken = data.draw(st.sets(st.sampled_from(sorted(scenes))))
    found = collection(scenes, broken)
    limited = select(found, Selection(limit=data.draw(st.integers(1, 50))))
    kept = {scene.scene_id for scene in limited.scenes} | {failure.scene_id for failure in limited.failures}
    assert kept | limited.unselected == set(scenes)
    assert not kept & limited.unselected
    assert {failure.scene_id for failure in limited.failures} == kept & broken, "no part hides what is broken"


@pytest.mark.parametrize(
    ("selection", "ids"),
    [
        (Selection(subset="test"), ["test/1", "test/10", "test/2"]),
        (Selection(pattern="test/1*"), ["test/1", "test/10"]),
        (Selection(pattern="*/1"), ["test/1", "val/1"]),
        (Selection(pattern="test/[!1]"), ["test/2"]),
        (Selection(ids=("val/1", "test/2")), ["test/2", "val/1"]),
        (Selection(subset="test", limit=2, part=Part(2, 2)), ["test/10"]),
    ],
)
def test_filters_apply_in_order(selection: Selection, ids: list[str]) -> None:
    assert selected(COLLECTION, selection) == ids


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (
            Selection(subset="tset"),
            r"no such subset. The subsets are test \(3\), val \(1\). Did you mean test",
        ),
        (Selection(pattern="indoor*"), r"--scenes indoor\*: no scene has such an id. Ids are test/1, test/10"),
        (Selection(ids=("test/1", "test/3")), r"1 of the 2 ids listed do not exist: test/3"),
        (Selection(ids=()), "the file lists no id"),
        (Selection(part=Part(1, 5)), "--part 1/5: 4 scenes cannot be split into 5 parts"),
        (Selection(subset="test", pattern="val*"), "no scene has such an id. Ids are test/1"),
    ],
)
def test_a_selection_of_nothing_is_an_error_that_says_what_is_there(selection: Selection, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        selected(COLLECTION, selection)


def test_an_input_without_subsets_says_so() -> None:
    with pytest.raises(UsageError, match="The input has no subsets"):
        selected({"a": "", "b": ""}, Selection(subset="test"))


@pytest.mark.parametrize(
    ("broken", "left", "unselected"),
    [
        ({"val/1"}, set(), {"val/1"}),  # a subset of which nothing is there
        ({"test/1"}, {"test/1"}, set()),  # one of a subset is missing
        (set(COLLECTION), set(COLLECTION), set()),  # nothing is there at all
    ],
)
def test_subsets_without_any_whole_scene_are_left_out(broken: set[str], left: set[str], unselected: set[str]) -> None:
    found = without_empty_subsets(Collection.of(collection(COLLECTION, broken)))
    (bucket,) = found.parts()
    assert {failure.scene_id for failure in bucket.failures} == left
    assert bucket.unselected == unselected
    assert (found.failures, found.unselected) == (len(left), len(unselected))
    assert len(found.remarks) == bool(unselected)


def collection(scenes: dict[str, str], broken: set[str]) -> Found:
    picture = Source("a.png")
    whole = tuple(Scene(name, picture, picture, subset=subset) for name, subset in sorted(scenes.items()) if name not in broken)
    failure: Callable[[str], Failure] = lambda name: Failure(  # noqa: E731
        scene_id=name, subset=scenes[name], stage="find", error_type="SceneError", message="", uri="", input_key=""
    )
    return Found("in", "folders", whole, tuple(map(failure, sorted(broken))), 1, incomplete=frozenset(broken))


@given(
    st.dictionaries(st.text(st.characters(), min_size=1, max_size=4), st.sampled_from(["", "test", "val"]), max_size=9),
    st.data(),
)
def test_part_of_a_collection_in_buckets_is_the_part_of_what_was_found(scenes: dict[str, str], data: st.DataObject) -> None:
    broken = data.draw(st.sets(st.sampled_from([*scenes]))) if scenes else set()
    found = collection(scenes, broken)
    selection = Selection(
        subset=data.draw(st.none() | st.sampled_from(["", "test", "train"])),
        pattern=data.draw(st.none() | st.sampled_from(["*", "?", "[a-z]*"])),
        ids=data.draw(st.none() | st.lists(st.sampled_from([*scenes, "none"])).map(tuple)),
        limit=data.draw(st.none() | st.integers(1, 5)),
        part=data.draw(st.none() | st.sampled_from([Part(1, 2), Part(2, 3)])),
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dpdeblur.transforms.finding.collection.SCENES_AT_ONCE", 2)
        try:
            expected = select(found, selection)
        except UsageError as error:
            with pytest.raises(UsageError) as raised:
                part_of(Collection.of(found), selection)
            assert str(raised.value) == str(error)
            return
        part = part_of(Collection.of(found), selection)
        parts = [*part.parts()]
    for kind in ("scenes", "failures"):
        ids = sorted(item.scene_id for bucket in parts for item in getattr(bucket, kind))
        assert ids == sorted(item.scene_id for item in getattr(expected, kind))
    assert frozenset().union(*(bucket.unselected for bucket in parts)) == expected.unselected
    assert (part.scenes, part.failures, part.unselected) == (
        len(expected.scenes), len(expected.failures), len(expected.unselected),
    )  # fmt: skip
