"""From the processes that draw scenes to the pool on the GPU."""

from typing import Any

import numpy as np
import torch

from dpdeblur.models.training.batched import render
from dpdeblur.models.training.device_pool import DevicePool
from dpdeblur.models.training.scenery import LAYERS, Scenery, unpacked


class Feed:
    """Takes finished scenes, uploads and renders them in groups of one number of channels, and puts them into the pool."""

    def __init__(self, scenery: Scenery, pool: DevicePool, margin: int, group: int = 48) -> None:
        self.scenery, self.pool, self.margin, self.group = scenery, pool, margin, group
        self.waiting: dict[int, list[int]] = {1: [], 3: []}
        self.examples = 0
        side, cuda = scenery.size, pool.device.type == "cuda"
        self.staging: list[dict[str, Any]] = [
            {
                "images": torch.empty((LAYERS * group, side, side, 3), dtype=torch.uint8, pin_memory=cuda),
                "alphas": torch.empty((LAYERS * group, side, side), dtype=torch.uint8, pin_memory=cuda),
                "radii": torch.empty((LAYERS * group, side, side), dtype=torch.float16, pin_memory=cuda),
                "copied": None,
            }
            for _ in range(2)
        ]

    def pump(self, groups: int = 1) -> bool:
        """Render at most `groups` groups, of what is ready; say whether any was."""
        arrays = self.scenery.slots.arrays
        for slot in self.scenery.taken(2 * self.group):
            self.waiting[int(arrays["numbers"][slot, 0])].append(slot)
        did = False
        for channels in sorted(self.waiting, key=lambda c: -len(self.waiting[c])):
            if groups > 0 and len(self.waiting[channels]) >= self.group:
                slots, self.waiting[channels] = self.waiting[channels][: self.group], self.waiting[channels][self.group :]
                self._render(slots)
                groups -= 1
                did = True
        return did

    @torch.no_grad()
    def _render(self, slots: list[int]) -> None:
        arrays = self.scenery.slots.arrays
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
        self.scenery.release(slots)
        layers = [stage[name][:at].to(self.pool.device, non_blocking=True) for name in ("images", "alphas", "radii")]
        if self.pool.device.type == "cuda":
            stage["copied"] = torch.cuda.Event()
            stage["copied"].record()
        self.pool.add(*render(*layers, numbers, self.margin))
        self.examples += len(slots)
