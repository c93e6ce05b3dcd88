"""Scenes found inside a pipeline are those that `find_scenes` finds, and no id is taken twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner
from apache_beam.testing.util import assert_that, equal_to

from dpdeblur.transforms.finding.find_scenes import FindScenes
from dpdeblur.transforms.layouts import find_scenes
from dpdeblur.transforms.records import Failure
from tests.builders import WRITERS, make_scenes, write_folders


def summary(found: Any) -> tuple[str, str]:
    return found.scene_id, found.message if isinstance(found, Failure) else found.left.uri


@pytest.mark.parametrize("layout", ["folders", "dpdd", "manifest"])
def test_it_finds_what_find_scenes_finds(layout: str, tmp_path: Path) -> None:
    place = str(WRITERS[layout](tmp_path / "in", make_scenes(3)))
    found = find_scenes(place)
    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        assert_that(pipeline | FindScenes(place) | beam.Map(summary), equal_to(list(map(summary, found.scenes))))


def test_what_is_not_whole_is_a_failure_and_an_id_of_two_places_too(tmp_path: Path) -> None:
    one, two = (write_folders(tmp_path / name, make_scenes(3)) for name in ("one", "two"))
    for folder, gone in ((one, "scene-000"), (two, "scene-001")):
        for file in (folder / gone).iterdir():
            file.unlink()
        (folder / gone).rmdir()
    (two / "scene-000" / "right.png").unlink()
    outcome = {
        "scene-000": "The right view is missing",
        "scene-001": str(one / "scene-001" / "left.png"),
        "scene-002": f"{one / 'scene-002' / 'left.png'} and {two / 'scene-002' / 'left.png'} would both be scene scene-002.",
    }

    def as_expected(found: list[tuple[str, str]]) -> None:
        assert {name for name, _ in found} == set(outcome)
        assert len(found) == len(outcome)
        assert all(outcome[name] in said for name, said in found), found

    with beam.Pipeline(runner=FnApiRunner()) as pipeline:
        assert_that(pipeline | FindScenes(str(one), str(two)) | beam.Map(summary), as_expected)


def test_a_place_without_scenes_fails_the_pipeline(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="does not exist"), beam.Pipeline(runner=FnApiRunner()) as pipeline:
        pipeline | FindScenes(str(tmp_path / "nowhere"))
