"""Processes that draw scenes into shared memory, for the device to render."""

import contextlib
import multiprocessing
import os
import queue
from collections.abc import Sequence
from multiprocessing import shared_memory
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from dpdeblur.models.optics.packed import LAYERS, LENGTH
from dpdeblur.models.training.scenes import SceneOptions, Slot, draw
from dpdeblur.models.training.surfaces import read_materials

PARTS = 3
"""Each process holds one third of the photographs, so that they start sooner and take less memory."""


class Slots:
    """Room for scenes in shared memory; made by one process (name None), opened by the others."""

    def __init__(self, count: int, size: int, name: str | None = None) -> None:
        parts = {
            "images": ((count, LAYERS, size, size, 3), np.uint8),
            "alphas": ((count, LAYERS, size, size), np.uint8),
            "radii": ((count, LAYERS, size, size), np.float16),
            "numbers": ((count, LENGTH), np.float32),
        }
        total = sum(int(np.prod(shape)) * np.dtype(kind).itemsize for shape, kind in parts.values())
        self.memory = shared_memory.SharedMemory(name, create=name is None, size=total)
        self.arrays: dict[str, Any] = {}
        at = 0
        for key, (shape, kind) in parts.items():
            self.arrays[key] = np.ndarray(shape, kind, self.memory.buf, at)
            at += self.arrays[key].nbytes

    def slot(self, number: int) -> Slot:
        """Return one of the slots."""
        return Slot(**{name: array[number] for name, array in self.arrays.items()})

    def close(self) -> None:
        """Close the shared memory; it exists until its creator closes it too."""
        self.arrays.clear()
        with contextlib.suppress(BufferError):
            self.memory.close()


class Drawers:
    """Processes that draw scenes, and the slots where they are.

    Args:
        processes: how many.
        photos: folder of photographs.
        fonts: folder of fonts.
        options: what the scenes are like.
        seed: process i draws from the generator of (seed, i).
        slots: how many scenes may wait.
    """

    def __init__(
        self, processes: int, photos: Path, fonts: Path | None, options: SceneOptions, seed: int, slots: int = 256
    ) -> None:
        context = multiprocessing.get_context("spawn")
        self.slots = Slots(slots, options.drawn_size)
        self.free, self.ready = context.Queue(), context.Queue()
        for i in range(slots):
            self.free.put(i)
        shared = (self.slots.memory.name, slots, photos, fonts, options)
        self.processes = [
            context.Process(target=_draw_for_ever, args=(*shared, (seed, i), self.free, self.ready), daemon=True)
            for i in range(processes)
        ]
        for process in self.processes:
            process.start()

    def taken(self, most: int) -> list[int]:
        """Return the numbers of slots that hold finished scenes, at most `most`, without waiting.

        Raises:
            RuntimeError: a process has died.
        """
        if any(process.exitcode for process in self.processes):
            raise RuntimeError("a process that draws scenes has died: see its output above")
        out: list[int] = []
        while len(out) < most:
            try:
                out.append(self.ready.get_nowait())
            except queue.Empty:
                break
        return out

    def release(self, slots: Sequence[int]) -> None:
        """Mark slots as free, so that scenes are drawn into them again."""
        for i in slots:
            self.free.put(i)

    def close(self) -> None:
        """Stop the processes and free the shared memory."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join()
        for numbers in (self.free, self.ready):
            numbers.cancel_join_thread()
            numbers.close()
        self.slots.close()
        self.slots.memory.unlink()


def _draw_for_ever(
    name: str, count: int, photos: Path, fonts: Path | None, options: SceneOptions, seed: tuple[int, int], free: Any, ready: Any
) -> None:
    if hasattr(os, "nice"):
        os.nice(10)
    cv2.setNumThreads(1)
    slots = Slots(count, options.drawn_size, name)
    materials = read_materials(photos, fonts, seed[1], PARTS)
    rng = np.random.default_rng(seed)
    while True:
        number = free.get()
        draw(rng, materials, options, slots.slot(number))
        ready.put(number)
