"""Numbers and the words beside them."""

from __future__ import annotations

import pytest

from dpdeblur.pipelines.run.display import Tally


@pytest.mark.parametrize(("todo", "said"), [(None, "0 scenes"), (1, "0 of 1 scene"), (20, "0 of 20 scenes")])
def test_a_tally_says_of_how_many(todo: int | None, said: str) -> None:
    assert Tally(todo).count() == said
