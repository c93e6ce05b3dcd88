"""Plans get the rows of their pictures, and no others, in one pass over both."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.records import Scene, Source
from dpdeblur.transforms.shards.shard_plan import RESTORED, assign, with_rows

NAMES = st.sets(st.text(st.characters(), min_size=1, max_size=3), max_size=30)


@given(NAMES, NAMES, st.integers(1, 6))
def test_each_plan_has_the_rows_of_its_scenes(scenes: set[str], rows: set[str], in_each: int) -> None:
    picture = Source("p.png", size=100)
    whole = [Scene(name, picture, picture, restored=picture) for name in sorted(scenes)]
    plans = list(with_rows(assign(whole, in_each * 1024, RESTORED), ((name, {"of": name}) for name in sorted(rows))))
    assert [scene for plan in plans for scene in plan.scenes] == whole
    for plan in plans:
        assert plan.rows == {scene.scene_id: {"of": scene.scene_id} for scene in plan.scenes if scene.scene_id in rows}
