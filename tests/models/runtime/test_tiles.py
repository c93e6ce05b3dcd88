"""Tiles cover a frame once, stay inside it, begin at multiples, keep their halo, and fit the memory."""

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.binding import Planes
from dpdeblur.models.runtime.tiles import plan_tiles, restore_tiles, tiles_within

frames: st.SearchStrategy[dict[str, int]] = st.builds(
    dict,
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    multiple=st.sampled_from([1, 2, 3, 8, 16]),
    halo=st.integers(0, 60),
    max_pixels=st.integers(0, 200_000),
)


def plan(frame: dict[str, int]) -> Any:
    size = {key: frame[key] * frame["multiple"] for key in ("height", "width")}
    try:
        return size, plan_tiles(**{**frame, **size})
    except ModelError:
        return size, None


@settings(deadline=None)
@given(frames)
def test_cores_cover_the_frame_once(frame: dict[str, int]) -> None:
    size, tiles = plan(frame)
    assume(tiles)
    covered = np.zeros((size["height"], size["width"]), int)
    for tile in tiles:
        covered[tile.rows.kept, tile.columns.kept] += 1
    assert (covered == 1).all()


@settings(deadline=None)
@given(frames)
def test_every_tile_has_its_halo_its_origin_and_its_bound(frame: dict[str, int]) -> None:
    size, tiles = plan(frame)
    assume(tiles)
    for tile in tiles:
        assert tile.pixels <= frame["max_pixels"]
        for span, length in ((tile.rows, size["height"]), (tile.columns, size["width"])):
            assert 0 <= span.start <= span.keep_start < span.keep_stop <= span.stop <= length
            assert all(end % frame["multiple"] == 0 for end in (span.start, span.stop))
            assert span.start == 0 or span.keep_start - span.start >= frame["halo"]
            assert span.stop == length or span.stop - span.keep_stop >= frame["halo"]


@settings(deadline=None)
@given(frames)
def test_a_frame_that_fits_is_one_tile(frame: dict[str, int]) -> None:
    size, tiles = plan(frame)
    if frame["max_pixels"] >= size["height"] * size["width"]:
        assert len(tiles) == 1


@settings(deadline=None)
@given(frames)
def test_what_is_refused_would_not_fit(frame: dict[str, int]) -> None:
    size, tiles = plan(frame)
    margin = -(-frame["halo"] // frame["multiple"]) * frame["multiple"]
    smallest = np.prod([min(length, frame["multiple"] + 2 * margin) for length in size.values()])
    assert (tiles is None) == (frame["max_pixels"] < smallest)


@settings(deadline=None, max_examples=40)
@given(frames, st.integers(0, 3))
def test_a_sliding_mean_is_the_same_in_tiles(frame: dict[str, int], reach: int) -> None:
    """A box filter with zero padding stands for any network: its halo is its reach."""
    size, tiles = plan({**frame, "halo": max(frame["halo"] % 8, reach)})
    assume(tiles)

    def network(x: Planes) -> Planes:
        padded = np.pad(x, ((0, 0), (reach, reach), (reach, reach)))
        steps = range(2 * reach + 1)
        shifted = [padded[:3, i : i + x.shape[1], j : j + x.shape[2]] for i in steps for j in steps]
        return np.asarray(np.sum(shifted, axis=0))

    picture = np.random.default_rng(0).integers(0, 99, (6, size["height"], size["width"])).astype(np.float32)
    assert np.array_equal(restore_tiles(network, picture, tiles), network(picture))


def test_thirty_megapixels_within_a_gigabyte_and_a_half() -> None:
    tiles = tiles_within(4480, 6720, multiple=16, halo=128, bytes_per_pixel=400, max_bytes=1_500_000_000)
    planes, largest = 6720 * 4480 * 36, max(tile.pixels for tile in tiles)
    assert planes + largest * (400 + 36) <= 1_500_000_000
    assert sum(tile.pixels for tile in tiles) < 1.8 * 6720 * 4480


def test_too_little_memory_says_how_much_is_needed() -> None:
    with pytest.raises(ModelError, match=r"at least (\d+) MB") as refused:
        tiles_within(4480, 6720, multiple=16, halo=128, bytes_per_pixel=400, max_bytes=10_000_000)
    needed = int(str(refused.value).split("at least ")[1].split()[0])
    assert tiles_within(4480, 6720, multiple=16, halo=128, bytes_per_pixel=400, max_bytes=needed * 1_000_000)
    assert "--max-memory" in str(refused.value)
