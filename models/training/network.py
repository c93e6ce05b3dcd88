"""The networks: small U-Nets that get the disparity of the two views as an explicit cost volume.

A plain U-Net does not learn, in any budget that we could afford, that the two views are shifted against each other;
with the matching cost over a range of shifts besides the pixels it does, and with equal views it learns to do nothing.
There is no normalisation and no global pooling: what comes out depends on a bounded neighbourhood, so tiles with
a halo are exact.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

GATE = 0.0045
"""Mean absolute difference of the grey views, over about 20 pixels, at which the residual is halved before training. Views
that agree are in focus, and must come out as they went in; noise of well-lit pictures stays below this, blurred edges are
far above. Each network learns a factor on it."""


@dataclass(frozen=True)
class Config:
    """Size of one network. Level k works at 1/4, 1/8, 1/16 … of the picture."""

    widths: tuple[int, ...] = (32, 64, 96, 128)
    encoder: tuple[int, ...] = (1, 1, 1)
    """Residual blocks per level on the way down (the lowest level excepted)."""
    middle: int = 3
    decoder: tuple[int, ...] = (1, 1, 1)
    matching: int = 32
    """Channels of the branch that reads the cost volume."""
    shifts: int = 4
    """The cost volume spans ±shifts pixels at half size, twice that at full size."""


CONFIGS = {
    "dpdeblur-xs": Config(widths=(16, 32, 64, 96), middle=2, decoder=(1, 1, 1), matching=8),
    "dpdeblur-s": Config(widths=(32, 64, 96, 96), middle=2, decoder=(2, 1, 1)),
    "dpdeblur-m": Config(widths=(64, 96, 128, 128), middle=2, decoder=(2, 2, 1)),
}


class Block(nn.Module):
    """x + conv(relu(conv(x))), 3x3; the second convolution starts small, so that a deep stack starts as the identity."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)
        with torch.no_grad():
            self.second.weight.mul_(0.1)
            self.second.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        """Return x plus what the two convolutions make of it."""
        return x + self.second(functional.relu(self.first(x)))


def cost_volume(views: Tensor, shifts: int) -> tuple[Tensor, Tensor]:
    """Return features [N, 2·shifts + 2, H/4, W/4] and unlikeness [N, 1, H/4, W/4]: how well the grey views match.

    Grey views, halved; c_k = |shift(left, k) - right| for k = -shifts … shifts, averaged over 5x5, halved again;
    features are c_k / (mean_k c + 0.004), which is blind to contrast, and 20·mean_k c, which is not. The unlikeness is
    c_0 averaged once more over 5x5: 0 if the views agree.
    """
    grey = functional.avg_pool2d(torch.cat([views[:, :3].mean(1, keepdim=True), views[:, 3:].mean(1, keepdim=True)], 1), 2)
    left, right = grey[:, :1], grey[:, 1:]
    width = right.shape[-1]
    padded = functional.pad(left, (shifts, shifts, 0, 0), mode="replicate")
    moved = torch.cat([padded[..., k : k + width] for k in range(2 * shifts + 1)], 1)
    cost = functional.avg_pool2d((moved - right).abs(), 5, 1, 2, count_include_pad=False)
    cost = functional.avg_pool2d(cost, 2)
    mean = cost.mean(1, keepdim=True)
    unlike = functional.avg_pool2d(cost[:, shifts : shifts + 1], 5, 1, 2, count_include_pad=False)
    return torch.cat([cost / (mean + 0.004), 20 * mean], 1), unlike


class DeblurNet(nn.Module):
    """[N, 6, H, W] gamma-coded views in [0, 1] (left RGB, right RGB) → [N, 3, H, W]; H, W multiples of `multiple`."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        w = config.widths
        self.stem = nn.Conv2d(96, w[0], 3, padding=1)
        self.match = nn.Sequential(
            nn.Conv2d(2 * config.shifts + 2, config.matching, 3, padding=1),
            Block(config.matching),
            nn.Conv2d(config.matching, w[0], 1),
        )
        self.encoder = nn.ModuleList(_blocks(w[i], n) for i, n in enumerate(config.encoder))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 2, 2) for a, b in pairwise(w))
        self.middle = _blocks(w[-1], config.middle)
        self.up = nn.ModuleList(nn.Conv2d(b, 4 * a, 1) for a, b in pairwise(w))
        self.decoder = nn.ModuleList(_blocks(w[i], n) for i, n in enumerate(config.decoder))
        self.head = nn.Conv2d(w[0], 48, 3, padding=1)
        self.gate = nn.Parameter(torch.zeros(()))
        """Logarithm of the factor on `GATE`."""
        nn.init.normal_(self.head.weight, std=0.01)
        nn.init.zeros_(self.head.bias)

    @property
    def multiple(self) -> int:
        """Height and width must be multiples of this."""
        return int(4 * 2 ** (len(self.config.widths) - 1))

    def forward(self, views: Tensor) -> Tensor:
        """Return the sharp picture: the mean of the views plus a learned residual; not clipped."""
        # The matching cost is a difference of nearly equal numbers: never in half precision.
        with torch.autocast(views.device.type, enabled=False):
            match, unlike = cost_volume(views, self.config.shifts)
        residual = self.residual(functional.pixel_unshuffle(views, 4), match, unlike)
        return 0.5 * (views[:, :3] + views[:, 3:]) + residual

    def residual(self, cells: Tensor, match: Tensor, unlike: Tensor) -> Tensor:
        """Return what is added to the mean of the views; networks that see the same views can share what it is given.

        `cells` [N, 96, H/4, W/4] are the views with every 4x4 pixels as channels; the others come from `cost_volume`.
        What the head gives is multiplied by u^4 / (u^4 + t^4), u being the unlikeness and t the learned threshold.
        """
        x = self.stem(cells) + self.match(match)
        skips = []
        for blocks, down in zip(self.encoder, self.down, strict=True):
            x = blocks(x)
            skips.append(x)
            x = down(x)
        x = self.middle(x)
        for blocks, up, skip in zip(reversed(self.decoder), reversed(self.up), reversed(skips), strict=True):
            x = blocks(skip + functional.pixel_shuffle(up(x), 2))
        # In units of the threshold, whose fourth power is near the end of float32.
        fourth = (unlike.float() / (GATE * self.gate.float().exp())).pow(4)
        gate = fourth / (fourth + 1)
        return functional.pixel_shuffle(gate * self.head(x).float(), 4)


def _blocks(width: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(Block(width) for _ in range(count)))


def gmac(network: DeblurNet, height: int = 1120, width: int = 1680) -> float:
    """Return the multiply-accumulates of the convolutions, in units of 1e9, for one picture padded to the multiple."""
    m = network.multiple
    small = 2 * m
    total = 0

    def count(module: nn.Module, _: Any, out: Tensor) -> None:
        nonlocal total
        if isinstance(module, nn.Conv2d):
            kernel = module.kernel_size[0] * module.kernel_size[1] * module.in_channels
            total += kernel * out.shape[1] * out.shape[2] * out.shape[3]

    hooks = [module.register_forward_hook(count) for module in network.modules()]
    with torch.no_grad():
        network(torch.zeros(1, 6, small, small))
    for hook in hooks:
        hook.remove()
    pixels = -(-height // m) * m * (-(-width // m) * m)
    return total / small**2 * pixels / 1e9


def halo(config: Config) -> int:
    """Return how many pixels around a tile the network looks at, when tiles start at multiples of its size multiple.

    Followed from the edge of what is kept back to the views. A 3x3 convolution at level k reaches 4·2^k pixels. On the way
    down to a coarser level, what is needed grows to whole cells of that level; from there on its edge is aligned, and 2x2
    strided convolutions reach nothing. The cost volume reaches 2·shifts pixels by shifting, 2·2 by smoothing, at full size.
    """
    reach = 4  # the head
    for k, blocks in enumerate(config.decoder):
        reach += 2 * blocks * 4 * 2**k
        reach = -(-reach // (8 * 2**k)) * 8 * 2**k
    reach += 2 * config.middle * 4 * 2 ** len(config.decoder)
    reach += sum(2 * blocks * 4 * 2**k for k, blocks in enumerate(config.encoder))
    stem = 4 + 4 * 2  # the match branch: one 3x3 and one block
    shift = -(-(2 * config.shifts + 4) // 4) * 4  # in whole level-0 pixels
    return int(reach + stem + shift)
