"""Numbers and the words beside them."""

from __future__ import annotations

import pytest

from dpdeblur.pipelines.options.values import Share
from dpdeblur.pipelines.run.display import Tally
from dpdeblur.pipelines.run.stopping import FailureLimit
from dpdeblur.transforms import progress
from dpdeblur.transforms.records import Failure


@pytest.mark.parametrize(("todo", "said"), [(None, "0 scenes"), (1, "0 of 1 scene"), (20, "0 of 20 scenes")])
def test_a_tally_says_of_how_many(todo: int | None, said: str) -> None:
    assert Tally(todo).count() == said


def test_one_scene_too_many_fails() -> None:
    progress.reset()
    limit = FailureLimit(Share(0), scenes=3)
    limit.add(
        Failure(scene_id="a", subset="", stage="read", error_type="SceneError", message="broken", uri="a.png", input_key="k")
    )
    assert progress.reason() == "1 scene failed, more than --max-failures allows"
    progress.reset()
