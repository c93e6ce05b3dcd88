"""Examples for a report: whichever scenes it would choose among all, they are among those of the buckets."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.images import thumbnails
from dpdeblur.transforms.records import Scene, Score, Source, scene_to_tuple
from dpdeblur.transforms.storage.spool import bucket_of
from dpdeblur.transforms.tables.examples import MOST, MOST_THUMBNAILS, Example, choose, examples_of, some_of, some_rows
from dpdeblur.transforms.tables.schemas import to_table
from tests.rows import score


def rows(gains: list[float]) -> list[Score]:
    return [replace(score(f"s{number:04d}"), psnr_db=30.0 + gain, input_psnr_db=30.0) for number, gain in enumerate(gains)]


@given(st.lists(st.integers(-9, 9).map(float), min_size=1, max_size=300), st.sampled_from([1, 2, 8]))
def test_those_that_gained_least_and_most_of_all_are_among_those_of_the_buckets(gains: list[float], buckets: int) -> None:
    scores = rows(gains)
    found = list[Example]()
    for number in range(buckets):
        bucket = [one for one in scores if bucket_of(one.scene_id, buckets) == number]
        scenes = [scene_to_tuple(Scene(one.scene_id, Source("l"), Source("r"))) for one in bucket]
        found = some_of([*found, *examples_of(to_table(bucket, Score), scenes, buckets)])
    shown, best = choose([one.score for one in found]), choose(scores)
    end = MOST // 3
    for part in (slice(end), slice(-end, None)):
        assert [one.gain_db for one in shown[part]] == [one.gain_db for one in best[part]]
    assert all(one.scene.scene_id == one.score.scene_id for one in found)


@given(st.lists(st.floats(-9, 9), max_size=50), st.integers(4, 30))
def test_some_rows_are_few_and_hold_the_extremes(gains: list[float], most: int) -> None:
    table = to_table(rows(gains), Score)
    some = some_rows(table, most)
    assert some.num_rows == min(most, table.num_rows)
    for extreme in (min, max):
        if gains:
            assert extreme(some["psnr_db"].to_pylist()) == extreme(table["psnr_db"].to_pylist())


def test_a_process_remembers_thumbnails_of_as_many_scenes_as_a_report_shows() -> None:
    assert thumbnails.MOST == MOST + MOST_THUMBNAILS


def test_an_example_survives_json_and_a_damaged_one_is_told() -> None:
    example = Example(Scene("a", Source("l", 3, 4, "s", "p"), Source("r"), subset="test"), score("a"))
    assert Example.from_json(example.to_json()) == example
    scene, row = example.to_json()
    with pytest.raises(ValueError, match="row of scene a is damaged"):
        Example.from_json([scene, row.replace('"a"', '"b"')])
