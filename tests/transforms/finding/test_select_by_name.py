"""Scenes selected from names alone, bucket by bucket, are those that are selected from all of them in one place."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.finding.collection import BucketScenes, Collection
from dpdeblur.transforms.finding.part_of_collection import part_of
from dpdeblur.transforms.finding.select_by_name import Names, select_by_name
from dpdeblur.transforms.records import Failure, Scene, Source, UsageError, failure_to_find
from dpdeblur.transforms.selection import Part, Selection

BUCKETS = 4
IDS = st.text("abé\U0001f600", min_size=1, max_size=3)
SUBSETS = st.sampled_from(["", "test", "train"])
PICTURE = st.none() | st.just(Source("t"))
SCENES = st.builds(lambda subset, target: Scene("", Source("l"), Source("r"), None, target, subset), SUBSETS, PICTURE)
FAILURES = st.builds(lambda subset: failure_to_find("", "broken", subset=subset), SUBSETS)
SELECTIONS = st.builds(
    Selection,
    st.none() | SUBSETS,
    st.none() | st.sampled_from(["a*", "*b", "nobody"]),
    st.none() | st.lists(IDS, max_size=3).map(tuple),
    st.none() | st.integers(1, 4),
    st.none() | st.sampled_from([Part(1, 1), Part(1, 2), Part(2, 2), Part(2, 3)]),
)


def content(collection: Collection) -> list[Any]:
    return [collection.bucket(number, BUCKETS) for number in range(BUCKETS)]


@given(st.dictionaries(IDS, SCENES | FAILURES, min_size=1, max_size=12), SELECTIONS)
def test_from_names_as_from_scenes(found: dict[str, Scene | Failure], selection: Selection) -> None:
    every = Collection("/in", "folders")
    for scene_id, item in found.items():
        named = (
            Scene(scene_id, item.left, item.right, None, item.target, item.subset)
            if isinstance(item, Scene)
            else failure_to_find(scene_id, item.message, subset=item.subset)
        )
        every.add(BucketScenes.of([named]))
    buckets = content(every)
    try:
        part = part_of(every, selection)
    except UsageError as error:
        try:
            select_by_name(every.overview(), map(Names.of, buckets), selection)
        except UsageError as other:
            assert str(other) == str(error)
            return
        raise AssertionError("it was refused there, and not here") from error
    overview, wanted = select_by_name(every.overview(), map(Names.of, buckets), selection)
    assert overview == part.overview()
    for there, here in zip(map(wanted.of, buckets), content(part), strict=True):
        assert (there.plain, there.unselected) == (here.plain, here.unselected)
        assert [failure.scene_id for failure in there.failures] == [failure.scene_id for failure in here.failures]
