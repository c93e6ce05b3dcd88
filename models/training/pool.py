"""The pool of examples in the memory of the device, and batches of crops from it, each varied in its own way.

Rendering an example takes longer than training on it, so each is used several times, with new crops and variations.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Chances:
    """How crops are varied; fractions unless a unit is given."""

    in_focus: float = 0.85
    """Crops whose left view keeps more of the sharp picture's detail than this become exactly sharp ones. Detail is measured
    before noise is added, so that dark, noisy, blurred crops are not taken for sharp ones."""
    exact: float = 0.4
    """Of those, the fraction without noise."""
    misfit: float = 0.3
    """Standard deviation, in pixels, of the sharp picture's displacement where the crop is blurred throughout."""
    grey: float = 0.1
    dim: float = 0.08
    """Crops in down to 1/64 of the light."""
    relit: float = 0.5
    """Crops in more or less light, the dim ones included."""
    unequal: float = 0.3
    """Crops whose views are unequally bright: each photodiode looks past the microlens from its own side, and towards the
    edges of a sensor one view darkens. The two change by opposite factors, so that their mean keeps its brightness."""
    noisy: float = 0.12
    """Crops that become sharp ones with strong noise, whatever they were."""


class Pool:
    """Examples float16 [N, 9, S, S] in the device's memory: left RGB, right RGB, sharp RGB, gamma-coded."""

    def __init__(self, capacity: int, size: int, device: torch.device, chances: Chances | None = None) -> None:
        self.chances = chances or Chances()
        self.data = torch.empty(capacity, 9, size, size, dtype=torch.float16, device=device)
        self.detail = torch.empty(capacity, 2, size // 32, size // 32, device=device)
        self.filled, self.written = 0, 0
        self.count = torch.ones((), device=device)
        """How many examples there are, on the GPU, for batches that are drawn within a CUDA graph."""
        self.capacity, self.size, self.device = capacity, size, device

    def add(self, examples: Tensor, detail: Tensor) -> None:
        """Write examples over the oldest ones."""
        at = self.written % self.capacity
        first = min(len(examples), self.capacity - at)
        self.data[at : at + first], self.detail[at : at + first] = examples[:first], detail[:first]
        rest = len(examples) - first
        self.data[:rest], self.detail[:rest] = examples[first:], detail[first:]
        self.written += len(examples)
        self.filled = min(self.written, self.capacity)
        self.count.fill_(self.filled)

    def batch(self, count: int, crop: int) -> tuple[Tensor, Tensor, Tensor]:
        """Return (views [count, 6, crop, crop], sharp [count, 3, crop, crop], both in [0, 1]; whether in focus [count])."""
        device, chances, room = self.device, self.chances, self.size - crop
        which = (torch.rand(count, device=device) * self.count).long()
        y, x = (torch.rand(2, count, device=device) * (room + 1)).long().clamp_max(room)
        mirrored, upside = torch.rand(2, count, device=device) < 0.5
        colour = torch.rand(count, 3, device=device).argsort(1)
        grey = torch.rand(count, device=device) < chances.grey
        colour = torch.where(grey[:, None], colour[:, :1], colour)
        # Mirrored left to right, the left photodiode becomes the right one.
        left = mirrored.long()
        channels = torch.cat([3 * left[:, None] + colour, 3 * (1 - left)[:, None] + colour, 6 + colour], 1)
        kept = self._kept(which, y, x, crop)
        focused = kept > chances.in_focus
        spread = chances.misfit * ((0.75 - kept) / 0.4).clamp(0, 1)
        moved = (torch.randn(2, count, device=device) * spread).round().long()
        u, v = ((a + d).clamp(0, room) for a, d in zip((y, x), moved, strict=True))
        views = self._gather(which, channels[:, :6], y, x, crop, upside, mirrored)
        sharp = self._gather(which, channels[:, 6:], u, v, crop, upside, mirrored)
        return varied(views, sharp, focused, grey, chances)

    def _kept(self, which: Tensor, y: Tensor, x: Tensor, crop: int) -> Tensor:
        """Return the fraction of the sharp picture's detail that the left view keeps, in the cells under each crop."""
        cells = self.detail[which]
        span = crop // 32
        rows, columns = (
            (((a + 16) // 32).clamp_max(cells.shape[-1] - span))[:, None] + torch.arange(span, device=self.device)
            for a in (y, x)
        )
        each = torch.arange(len(which), device=self.device)[:, None, None]
        left, sharp = (cells[:, i][each, rows[:, :, None], columns[:, None, :]].mean((1, 2)) for i in (0, 1))
        return left / (sharp + 1e-6)

    def _gather(
        self, which: Tensor, channels: Tensor, y: Tensor, x: Tensor, crop: int, upside: Tensor, mirrored: Tensor
    ) -> Tensor:
        along = torch.arange(crop, device=self.device)
        rows, columns = (a[:, None] + torch.where(f[:, None], crop - 1 - along, along) for a, f in ((y, upside), (x, mirrored)))
        return self.data[
            which[:, None, None, None], channels[:, :, None, None], rows[:, None, :, None], columns[:, None, None, :]
        ]


def varied(views: Tensor, sharp: Tensor, focused: Tensor, grey: Tensor, chances: Chances) -> tuple[Tensor, Tensor, Tensor]:
    """Return float32 views [N, 6, c, c], sharp [N, 3, c, c], in focus [N]: some in focus, relit, views unequally bright."""
    count, device = len(views), views.device
    views, sharp = views.float(), sharp.float()

    def four(t: Tensor) -> Tensor:
        return t[:, None, None, None]

    shot = torch.exp(math.log(1e-7) + torch.rand(count, device=device) * math.log(1e3))
    shot = torch.where(torch.rand(count, device=device) < chances.exact, 0.0, shot)
    noisy = torch.rand(count, device=device) < chances.noisy
    strong = torch.exp(math.log(1e-5) + torch.rand(count, device=device) * math.log(150))
    shot, focused = torch.where(noisy, strong, shot), focused | noisy
    noise = torch.randn(views.shape, device=device)
    # As after demosaicing or resampling; see `optics.batch.sensed`.
    for axis, share in ((-2, 0.4), (-1, 0.2)):
        softer = (noise.roll(1, axis) + 2 * noise + noise.roll(-1, axis)) / 6**0.5
        noise = torch.where(four(torch.rand(count, device=device) < share), softer, noise)
    alike = grey | (sharp[:, 0] == sharp[:, 1]).flatten(1).all(1)
    noise = torch.where(four(alike), noise[:, [0, 0, 0, 3, 3, 3]], noise)
    linear = sharp.pow(2.2).repeat(1, 2, 1, 1)
    seen = (linear + noise * (four(shot) * (linear + 0.01)).sqrt()).clamp(0, 1).pow(1 / 2.2)
    views = torch.where(four(focused), torch.where(four(shot > 0), seen, sharp.repeat(1, 2, 1, 1)), views)

    kind, fraction = torch.rand(2, count, device=device)
    dim = math.log(1 / 64) * (1 - fraction)
    usual = math.log(0.4) + fraction * math.log(1.8 / 0.4)
    light = torch.where(kind < chances.dim, dim, torch.where(kind < chances.relit, usual, 0.0))
    light = four(torch.exp(light / 2.2))
    axis = torch.linspace(-0.5, 0.5, views.shape[-1], device=device)
    e, down, across = torch.randn(3, count, 1, 1, 1, device=device)
    unequal = (0.03 * e + 0.015 * down * axis[:, None] + 0.015 * across * axis).clamp(-0.1, 0.1)
    unequal = unequal * (torch.rand(count, 1, 1, 1, device=device) < chances.unequal)
    views = torch.cat([views[:, :3] * (light * (1 + unequal)), views[:, 3:] * (light * (1 - unequal))], 1).clamp(0, 1)
    return views, (sharp * light).clamp(0, 1), focused
