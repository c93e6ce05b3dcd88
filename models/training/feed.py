"""Where the pool's examples come from: scenes drawn by processes and rendered here, or real pairs read from disk."""

import queue
import threading
from typing import Any, Protocol

import numpy as np
import torch

from dpdeblur.models.optics.batch import detail, render
from dpdeblur.models.optics.packed import LAYERS, unpacked
from dpdeblur.models.training.drawing import Drawers
from dpdeblur.models.training.pairs import Pair, crops
from dpdeblur.models.training.pool import Pool
from dpdeblur.models.training.scenes import SceneOptions


class Feed(Protocol):
    """Brings examples into a pool.

    Attributes:
        examples: how many it has brought.
    """

    examples: int

    def pump(self) -> bool:
        """Add a few finished examples to the pool; return whether there were any."""

    def close(self) -> None:
        """Stop the background work."""


class SceneFeed:
    """Takes drawn scenes, uploads and renders them in groups of one number of channels, and puts them into the pool."""

    def __init__(self, drawers: Drawers, pool: Pool, options: SceneOptions, group: int = 48) -> None:
        self.drawers, self.pool, self.margin, self.group = drawers, pool, options.margin, group
        self.waiting: dict[int, list[int]] = {1: [], 3: []}
        self.examples = 0
        side, cuda = options.drawn_size, pool.device.type == "cuda"
        self.staging: list[dict[str, Any]] = [
            {
                "images": torch.empty((LAYERS * group, side, side, 3), dtype=torch.uint8, pin_memory=cuda),
                "alphas": torch.empty((LAYERS * group, side, side), dtype=torch.uint8, pin_memory=cuda),
                "radii": torch.empty((LAYERS * group, side, side), dtype=torch.float16, pin_memory=cuda),
                "copied": None,
            }
            for _ in range(2)
        ]

    def pump(self) -> bool:
        """Render one group of scenes, if one is ready."""
        numbers = self.drawers.slots.arrays["numbers"]
        for slot in self.drawers.taken(2 * self.group):
            self.waiting[int(numbers[slot, 0])].append(slot)
        channels = max(self.waiting, key=lambda c: len(self.waiting[c]))
        if len(self.waiting[channels]) < self.group:
            return False
        slots, self.waiting[channels] = self.waiting[channels][: self.group], self.waiting[channels][self.group :]
        self._render(slots)
        return True

    def close(self) -> None:
        """Stop the processes."""
        self.drawers.close()

    @torch.no_grad()
    def _render(self, slots: list[int]) -> None:
        arrays = self.drawers.slots.arrays
        numbers = np.stack([arrays["numbers"][i] for i in slots])
        counts = unpacked(numbers)["layers"].astype(int)
        stage = self.staging[0]
        self.staging = [*self.staging[1:], stage]
        if stage["copied"] is not None:
            stage["copied"].synchronize()
        at = 0
        for slot, count in zip(slots, counts.tolist(), strict=True):
            for name in ("images", "alphas", "radii"):
                stage[name].numpy()[at : at + count] = arrays[name][slot, :count]
            at += count
        self.drawers.release(slots)
        layers = (stage[name][:at].to(self.pool.device, non_blocking=True) for name in ("images", "alphas", "radii"))
        images, alphas, radii = layers
        if self.pool.device.type == "cuda":
            stage["copied"] = torch.cuda.Event()
            stage["copied"].record()
        self.pool.add(*render(images, alphas, radii, numbers, self.margin))
        self.examples += len(slots)


class PairFeed:
    """Reads crops of real pairs in a thread, and puts them into the pool.

    Args:
        pairs: the captures.
        pool: of examples as large as the crops.
        seed: of the crops.
        every: once the pool is full, the crops of one capture come in at every so many calls of `pump`.
    """

    def __init__(self, pairs: list[Pair], pool: Pool, seed: int, every: int = 8) -> None:
        self.pool, self.every, self.examples, self._calls = pool, every, 0, 0
        self._read: queue.Queue[torch.Tensor | Exception] = queue.Queue(4)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(pairs, np.random.default_rng(seed)), daemon=True)
        self._thread.start()

    def pump(self) -> bool:
        """Take the crops of one capture, if they are read.

        Raises:
            OSError, ValueError: a capture cannot be read, or its images do not match.
        """
        self._calls += 1
        if self.pool.filled == self.pool.capacity and self._calls % self.every:
            return False
        try:
            found = self._read.get_nowait()
        except queue.Empty:
            return False
        if isinstance(found, Exception):
            raise found
        examples = found.to(self.pool.device)
        self.pool.add(examples, torch.stack([detail(examples[:, i : i + 3].float()) for i in (0, 6)], 1))
        self.examples += len(examples)
        return True

    def close(self) -> None:
        """Stop the thread."""
        self._ended.set()
        self._thread.join()

    def _work(self, pairs: list[Pair], rng: np.random.Generator) -> None:
        while not self._ended.is_set():
            try:
                found: torch.Tensor | Exception = torch.from_numpy(crops(rng, pairs, self.pool.size))
            except (OSError, ValueError) as error:
                found = error
            while not self._ended.is_set():
                try:
                    self._read.put(found, timeout=0.2)
                    break
                except queue.Full:
                    continue
