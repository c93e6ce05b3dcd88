"""A rotating pool of training examples on disk, written by one process and read by another.

Rendering is dearer than a training step's share of pixels, so each example is used several times, cropped and
augmented anew. Shard files hold uint16 [64, 9, S, S]: left RGB, right RGB, sharp RGB, gamma-coded, 65535 = 1.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dpdeblur.models.training.surfaces import Picture

SHARD_EXAMPLES = 64
IN_FOCUS = 0.75
"""Crops that keep more of their detail than this become exactly sharp ones: what is in focus must come out unchanged."""
Source = Callable[[np.random.Generator], tuple[Picture, Picture]]


def wait_while_paused(folder: Path) -> None:
    """Sleep as long as a file named PAUSE lies in `folder` (or its parent): for benchmarks on a shared machine."""
    while (folder / "PAUSE").exists() or (folder.parent / "PAUSE").exists():
        time.sleep(2)


def write_shard(path: Path, source: Source, seed: tuple[int, ...], pause: Path) -> None:
    """Write one shard: example j is drawn from the generator seeded with (*seed, j). Appears whole or not at all."""
    rows = []
    for j in range(SHARD_EXAMPLES):
        wait_while_paused(pause)
        views, sharp = source(np.random.default_rng([*seed, j]))
        planes = [np.broadcast_to(p, (3, *p.shape[-2:])) for p in (views[0], views[1], sharp)]
        rows.append(np.rint(np.clip(np.concatenate(planes), 0, 1) * 65535).astype(np.uint16))
    part = path.with_suffix(".part")
    with part.open("wb") as file:
        np.save(file, np.stack(rows))
    part.rename(path)


def fill(pool: Path, source: Source, seed: int, slots: int, first: int = 0, stop: int | None = None, every: int = 1) -> None:
    """Write shards number first, first + every, … (until `stop`, or for ever) into `slots` slots in turn."""
    pool.mkdir(parents=True, exist_ok=True)
    number = first
    while stop is None or number < stop:
        write_shard(pool / f"{number % slots:04d}.npy", source, (seed, number), pool)
        number += every


class Pool:
    """Random augmented batches from the shards that are there now; new shards are picked up as they appear."""

    def __init__(self, folder: Path, rng: np.random.Generator, crop: int, grey: float = 0.1, misfit: float = 0.0) -> None:
        self.folder, self.rng, self.crop, self.grey, self.misfit = folder, rng, crop, grey, misfit
        self._shards: list[npt.NDArray[np.uint16]] = []
        self.refresh()

    def refresh(self) -> None:
        """Look for new shards; waits until there is at least one."""
        while not (paths := sorted(self.folder.glob("*.npy"))):
            time.sleep(1)
        self._shards = [np.load(p, mmap_mode="r") for p in paths]

    def batch(self, count: int) -> tuple[Picture, Picture]:
        """Return (views [count, 6, c, c], sharp [count, 3, c, c]) in [0, 1]."""
        crops = np.stack([self._one() for _ in range(count)])
        return crops[:, :6], crops[:, 6:]

    def _one(self) -> Picture:
        rng, c = self.rng, self.crop
        shard = self._shards[int(rng.integers(len(self._shards)))]
        example = shard[int(rng.integers(len(shard)))]
        y, x = (int(rng.integers(0, n - c + 1)) for n in example.shape[-2:])
        planes = np.array(example[:, y : y + c, x : x + c]).reshape(3, 3, c, c)
        kept = _detail_kept(planes)
        if kept > IN_FOCUS:
            planes[:2] = planes[2] if rng.random() < 0.4 else _noisy(rng, planes[2])
        else:
            moved = np.rint(rng.normal(0, self.misfit * min((0.75 - kept) / 0.4, 1), 2)).astype(int)
            v, u = (int(np.clip(a + d, 0, n - c)) for a, d, n in zip((y, x), moved, example.shape[-2:], strict=True))
            planes[2] = example[6:, v : v + c, u : u + c]
        if rng.random() < 0.5:
            planes = planes[:, :, ::-1]
        if rng.random() < 0.5:
            # Mirrored left to right, the left photodiode becomes the right one.
            planes = planes[[1, 0, 2], :, :, ::-1]
        if rng.random() < self.grey:
            planes = np.repeat(planes[:, [int(rng.integers(3))]], 3, 1)
        else:
            planes = planes[:, rng.permutation(3)]
        return _relit(rng, planes).reshape(9, c, c)


def _relit(rng: np.random.Generator, planes: npt.NDArray[np.uint16]) -> Picture:
    """Return `planes` [3, 3, c, c] in [0, 1], often in more or less light, sometimes with views of unequal brightness.

    Each photodiode looks past the microlens from its own side: towards the edges of a sensor one view darkens, by up to a
    third. The two change by opposite factors 1 ± e, e a ramp over the crop, so that their mean keeps its brightness.
    """
    values = planes.astype(np.float32) * np.float32(1 / 65535)
    kind = rng.random()
    if kind < 0.5:
        low, high = (1 / 64, 1) if kind < 0.08 else (0.4, 1.8)
        values *= np.float32(np.exp(rng.uniform(np.log(low), np.log(high))) ** (1 / 2.2))
    if rng.random() < 0.3:
        axis = np.linspace(-0.5, 0.5, values.shape[-1], dtype=np.float32)
        e, down, across = (np.float32(rng.normal(0, s)) for s in (0.03, 0.015, 0.015))
        unequal = np.clip(e + down * axis[:, None] + across * axis, -0.1, 0.1)
        values[0] *= 1 + unequal
        values[1] *= 1 - unequal
    return np.clip(values, 0, 1, out=values)


def _detail_kept(planes: npt.NDArray[np.uint16]) -> float:
    """Return which fraction of the sharp picture's horizontal detail the left view still has; 1 and more where in focus.

    `planes` [3, 3, c, c] are left, right, sharp. Sharp references of real scenes sit a pixel or two off where the blur is
    large; a network that is never told so restores edges so firmly that it is worse than blur when they are misplaced.
    """
    left, _, sharp = (np.abs(np.diff(p[1, ::4].astype(np.float32), axis=-1)).mean() for p in planes)
    return float(left / (sharp + 1e-3))


def _noisy(rng: np.random.Generator, sharp: npt.NDArray[np.uint16]) -> npt.NDArray[np.uint16]:
    """Return two views [2, 3, c, c] of a scene in focus: `sharp` [3, c, c] with noise of its own for each."""
    linear = (sharp.astype(np.float32) / 65535) ** np.float32(2.2)
    shot = np.float32(np.exp(rng.uniform(np.log(1e-7), np.log(1e-4))))
    colours = 3 if (sharp[0] != sharp[1]).any() else 1
    noise = rng.standard_normal((2, colours, *sharp.shape[1:]), np.float32) * np.sqrt(shot * linear + shot * np.float32(0.01))
    coded = np.clip(linear + noise, 0, 1) ** np.float32(1 / 2.2)
    return np.rint(coded * 65535).astype(np.uint16)
