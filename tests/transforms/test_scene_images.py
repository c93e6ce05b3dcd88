"""The images of one scene: what is refused before anything is decompressed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dpdeblur.models.machine import memory_bytes
from dpdeblur.transforms.images import codecs
from dpdeblur.transforms.records import Scene, SceneError, Source
from dpdeblur.transforms.scene_images import PixelSettings, Stopwatch, image_memory, load_images
from tests import builders


def test_memory_bounds_all_images_of_a_scene_together(tmp_path: Path) -> None:
    image = np.zeros((400, 500, 3), np.uint8)
    file = Source(builders.write_file(tmp_path / "view.jxl", codecs.encode(image, "jxl")))
    scene = Scene("s", file, file, target=file)
    taken = image.nbytes
    roles = ("left", "right", "target")
    enough = 2 * taken + 5 * taken + 10_000  # two that are there, one at work, the files
    loaded = load_images(scene, roles, PixelSettings(), Stopwatch(), enough)
    assert sum(one.nbytes for one in loaded.images.values()) == 3 * taken
    with pytest.raises(SceneError, match="--workers") as caught:
        load_images(scene, roles, PixelSettings(), Stopwatch(), enough - taken)
    assert "500x400" in str(caught.value)


def test_scenes_under_way_at_once_share_half_of_the_memory() -> None:
    assert image_memory(1) == memory_bytes() // 2
    assert image_memory(4) == memory_bytes() // 8
