"""One training step of several networks on the same batches, and the running averages of their weights."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from dpdeblur.models.training.loss import restoration_loss
from dpdeblur.models.training.network import DeblurNet, cost_volume
from dpdeblur.models.training.pool import Pool


@dataclass(frozen=True)
class StepOptions:
    """Options of one training step; recorded next to the weights."""

    batch: int = 32
    crop: int = 256
    """Side of the crops in pixels, a multiple of 32."""
    weight_decay: float = 1e-4
    clip: float = 0.3
    firmness: float = 0.3
    """Weight of the absolute error, besides the squared one; see `restoration_loss`."""
    floor: float = 0.008
    floor_in_focus: float = 0.004
    """See `restoration_loss`; lower where there is nothing to restore, so that little harm counts there."""
    average: float = 0.999
    """Decay of the running average of the weights; it is the averaged weights that are kept."""
    teacher_share: float = 0.4
    """How much of the smaller networks' loss is the distance to the first one's output. What blur has wiped out cannot be
    learned; a teacher's best guess is a target without that noise."""
    mode: str = "auto"
    """`eager`; `graph`: the whole step as a CUDA graph; `compiled`: that, of compiled networks; `auto`: compiled on a GPU."""


def losses(
    networks: Sequence[DeblurNet], views: Tensor, sharp: Tensor, floor: Tensor, options: StepOptions
) -> tuple[Tensor, Tensor]:
    """Return every network's loss, and how many dB its output is nearer to `sharp` than the mean of the views is, both [K].

    `floor` [N] is that of each crop. The first network teaches the others.
    """
    kind = views.device.type
    before = 0.5 * (views[:, :3] + views[:, 3:])
    with torch.no_grad(), torch.autocast(kind, enabled=False):
        match, unlike = cost_volume(views, networks[0].config.shifts)
        cells = functional.pixel_unshuffle(views, 4).to(torch.bfloat16, memory_format=torch.channels_last)
        match = match.to(torch.bfloat16, memory_format=torch.channels_last)
    found, gained, guess = [], [], None
    usual = (before - sharp).square().mean((1, 2, 3)) + 1e-6
    for network in networks:
        with torch.autocast(kind, torch.bfloat16, cache_enabled=False):
            out = before + network.residual(cells, match, unlike)
        loss = restoration_loss(out, sharp, before, options.firmness, floor)
        if guess is None:
            guess = out.detach()
        else:
            loss = loss.lerp(restoration_loss(out, guess, before, options.firmness, floor), options.teacher_share)
        found.append(loss)
        gained.append((10 * torch.log10(usual / ((out.detach() - sharp).square().mean((1, 2, 3)) + 1e-6))).mean())
    return torch.stack(found), torch.stack(gained)


class Step:
    """One training step of all networks, from drawing the batch on, so that it can be recorded as a CUDA graph."""

    def __init__(self, networks: list[DeblurNet], options: StepOptions, pool: Pool) -> None:
        self.networks, self.options, self.pool = networks, options, pool
        device = pool.device
        cuda = device.type == "cuda"
        self.rates = [torch.tensor(1e-7, device=device) for _ in networks]
        self.parameters = [list(network.parameters()) for network in networks]
        self.optimisers = [
            torch.optim.AdamW(p, rate, (0.9, 0.99), weight_decay=options.weight_decay, fused=True, capturable=cuda)
            for p, rate in zip(self.parameters, self.rates, strict=True)
        ]
        for p in (p for parameters in self.parameters for p in parameters):
            p.grad = torch.zeros_like(p)  # with the strides of the weights, which the fused optimiser insists on
        self.usual = torch.ones(len(networks), device=device)
        self.results = torch.zeros(3, len(networks), device=device)
        """Loss, gain in dB, and norm of the gradient, of each network; the last step's."""
        self.losses, self.batch = losses, pool.batch
        self.mode = options.mode if options.mode != "auto" else "compiled" if cuda else "eager"
        if self.mode == "compiled":
            self.losses = torch.compile(losses, dynamic=False, options={"force_layout_optimization": True})
            self.batch = torch.compile(pool.batch, dynamic=False)
        self.graph: Any = None

    def run(self) -> None:
        """Do one step."""
        if self.graph is not None:
            self.graph.replay()
        else:
            self.once()

    def state_dict(self) -> dict[str, Any]:
        """Return the state that a later process needs to continue."""
        return {
            "networks": [network.state_dict() for network in self.networks],
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "usual": self.usual,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue from this state."""
        for network, values in zip(self.networks, state["networks"], strict=True):
            network.load_state_dict(values)
        for optimiser, rate, values in zip(self.optimisers, self.rates, state["optimisers"], strict=True):
            optimiser.load_state_dict(values)
            for group in optimiser.param_groups:
                group["lr"] = rate  # the tensor that the loop writes to
        self.usual.copy_(state["usual"])

    def record(self) -> None:
        """Turn the step into a CUDA graph. No other thread may use the GPU meanwhile.

        Raises:
            RuntimeError: the graph draws the same batch every time.
        """
        self.graph = None
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self.once()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self.once()
        self.graph = graph
        seen = []
        for _ in range(3):
            graph.replay()
            seen.append(self.results[0, 0].item())
        if len(set(seen)) < 3 and self.pool.filled > 99:
            raise RuntimeError(f"every batch is the same: {seen}")

    def once(self) -> None:
        """Do one step without a CUDA graph."""
        with torch.no_grad():
            views, sharp, focused = (t.contiguous() for t in self.batch(self.options.batch, self.options.crop))
            floor = self.options.floor + focused.float() * (self.options.floor_in_focus - self.options.floor)
        found, gained = self.losses(self.networks, views, sharp, floor, self.options)
        flat = [p for parameters in self.parameters for p in parameters]
        gradients = list(torch.autograd.grad(found.sum(), flat))
        norms = []
        for i, (parameters, optimiser) in enumerate(zip(self.parameters, self.optimisers, strict=True)):
            own = [p.grad for p in parameters]
            torch._foreach_copy_(own, gradients[: len(own)])
            gradients = gradients[len(own) :]
            norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(own)))  # noqa: SLF001 - so named by torch
            torch._foreach_mul_(own, (self.options.clip / (norm + 1e-6)).clamp(max=1.0))
            # A freak batch must not throw the weights off: it is left out (NaN too).
            usual = self.usual[i]
            fine = norm < 20 * usual
            usual.lerp_(torch.where(norm.isfinite(), torch.minimum(norm, 5 * usual), usual), 0.02)
            optimiser.found_inf = (~fine).float()
            optimiser.step()
            norms.append(norm)
        self.results.copy_(torch.stack([found.detach(), gained, torch.stack(norms)]))


class Keeper:
    """Running averages of the networks' weights, and files of them."""

    def __init__(self, names: Sequence[str], networks: list[DeblurNet], decay: float) -> None:
        self.names, self.decay = names, decay
        self.weights = [[v.detach() for v in network.state_dict().values()] for network in networks]
        self.keys = [list(network.state_dict()) for network in networks]
        self.averaged = [[v.clone() for v in values] for values in self.weights]

    def update(self, step: int) -> None:
        """Move the averages towards the weights."""
        decay = min(self.decay, (step + 1) / (step + 10))
        for averaged, weights in zip(self.averaged, self.weights, strict=True):
            torch._foreach_lerp_(averaged, weights, 1 - decay)

    def state_dict(self) -> list[list[Tensor]]:
        """Return the averages."""
        return self.averaged

    def load_state_dict(self, state: list[list[Tensor]]) -> None:
        """Continue from these averages."""
        for averaged, values in zip(self.averaged, state, strict=True):
            torch._foreach_copy_(averaged, values)

    def save(self, path: Path, half: bool = False) -> None:
        """Write {network: state}, in half precision where `half` says so."""
        kind = torch.float16 if half else torch.float32
        out = {
            name: {k: v.to("cpu", kind).contiguous() for k, v in zip(keys, values, strict=True)}
            for name, keys, values in zip(self.names, self.keys, self.averaged, strict=True)
        }
        save_whole(path, out)


def save_whole(path: Path, value: Any) -> None:
    """Write a file so that it appears complete or not at all."""
    part = path.with_suffix(".part")
    torch.save(value, part)
    part.replace(path)
