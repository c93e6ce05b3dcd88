"""Training examples: what the pool makes of what was rendered. Needs no torch."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("cv2", reason="training needs the extra: pip install '.[train]'")
from dpdeblur.models.training.pool import Pool, write_shard
from dpdeblur.models.training.scenes import SceneOptions, example
from dpdeblur.models.training.surfaces import Picture

SIZE, CROP = 96, 64


def drawn(rng: np.random.Generator) -> tuple[Picture, Picture]:
    """A small example of the kind that `dpdeblur.models.training.train` renders, from one made-up photograph."""
    photo = np.random.default_rng(0).integers(0, 256, (200, 240, 3), np.uint8)
    return example(rng, [photo], [], SceneOptions(size=SIZE, margin=16, largest_radius=8))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("pool")
    write_shard(path / "0000.npy", drawn, (5, 0), path)
    return path


def test_an_example_is_a_function_of_its_seed() -> None:
    (first, sharp), (second, other) = (drawn(np.random.default_rng(3)) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(sharp, other)


def test_examples_are_gamma_coded_and_of_one_size() -> None:
    for seed in range(8):
        views, sharp = drawn(np.random.default_rng(seed))
        assert views.shape == (2, sharp.shape[0], SIZE, SIZE)
        assert sharp.shape[0] in (1, 3)
        assert min(views.min(), sharp.min()) >= 0
        assert max(views.max(), sharp.max()) <= 1


def test_little_light_is_drawn_as_often_as_asked() -> None:
    photo = np.full((200, 240, 3), 200, np.uint8)
    photo[::7] = 40
    light = [
        example(np.random.default_rng(seed), [photo], [], SceneOptions(size=32, margin=8, largest_radius=2, dark=dark))[
            1
        ].mean()
        for dark in (0.0, 1.0)
        for seed in range(16)
    ]
    assert np.median(light[16:]) < 0.7 * np.median(light[:16])


def test_batches_are_in_range_and_differ(folder: Path) -> None:
    pool = Pool(folder, np.random.default_rng(0), CROP, misfit=1.0)
    (views, sharp), (again, _) = pool.batch(6), pool.batch(6)
    assert views.shape == (6, 6, CROP, CROP)
    assert sharp.shape == (6, 3, CROP, CROP)
    assert views.dtype == sharp.dtype == np.float32
    assert min(views.min(), sharp.min()) >= 0
    assert max(views.max(), sharp.max()) <= 1
    assert not np.array_equal(views, again)


def test_what_is_in_focus_stays_exact_whatever_the_light_of_either_view(tmp_path: Path) -> None:
    """Views may differ in brightness, by less than a fifth; their mean is the sharp picture all the same."""
    sharp = np.random.default_rng(1).uniform(0.2, 0.6, (3, SIZE, SIZE)).astype(np.float32)
    write_shard(tmp_path / "0000.npy", lambda _: (np.stack([sharp, sharp]), sharp), (0,), tmp_path)
    pool = Pool(tmp_path, np.random.default_rng(2), CROP, misfit=2.0)
    apart, exact = [], []
    for _ in range(40):
        views, target = (a[0] for a in pool.batch(1))
        error = np.abs((views[:3] + views[3:]) / 2 - target).max()
        exact.append(error < 1e-4)
        apart.append(abs(float(np.log(views[:3].mean() / views[3:].mean()))))
    assert sum(exact) >= 8  # the rest have noise of their own
    assert sum(a > 0.01 for a in apart) >= 4
    assert max(apart) < 0.21
