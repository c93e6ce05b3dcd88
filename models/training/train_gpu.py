"""Train several networks on one GPU, side by side, on the same batches: `python -m models.train_gpu --photos DIR --run DIR`.

For when there is a large GPU for a short time. CPU processes draw scenes, the GPU renders them into a pool in its own memory,
crops and varies them, and trains all networks at once; the first one, the largest, also teaches the others. The schedule
follows the clock: warm-up, constant rate, and a linear cool-down that ends when the time is up.

Writes into the run folder: `config.json`, `log.csv`, and `weights-PERCENT.pt` (averaged weights of every network, half
precision but for the last) at several points of the cool-down, for `models.export`.
"""

import argparse
import collections
import contextlib
import csv
import json
import os
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
import torch._inductor.config
from torch import Tensor
from torch.nn import functional

from dpdeblur.models.training.network import CONFIGS, DeblurNet, cost_volume
from dpdeblur.models.training.device_pool import Chances, DevicePool
from dpdeblur.models.training.feed import Feed
from dpdeblur.models.training.loss import restoration_loss
from dpdeblur.models.training.scenery import Look, Scenery


@dataclass(frozen=True)
class Settings:
    """How long and how fast; recorded beside the weights."""

    networks: tuple[str, ...] = ("dpdeblur-m", "dpdeblur-s", "dpdeblur-xs")
    """The first teaches the others."""
    peak_rates: tuple[float, ...] = (7e-4, 9e-4, 1.3e-3)
    batch: int = 32
    crop: int = 256
    warmup: int = 400
    """Iterations."""
    cooldown: float = 0.5
    """The learning rate falls linearly to 1 % over this last fraction of the time."""
    weight_decay: float = 1e-4
    clip: float = 0.3
    firmness: float = 0.3
    floor: float = 0.008
    floor_in_focus: float = 0.0025
    """See `restoration_loss`; lower where there is nothing to restore, so that little harm counts there."""
    average: float = 0.999
    teacher_share: float = 0.4
    """How much of the smaller networks' loss is the distance to the first one's output."""
    examples: int = 16_000
    """Size of the pool; an example takes 1.8 MB."""
    keep: tuple[float, ...] = (0.5, 0.7, 0.82, 0.91, 0.96)
    """At which fractions of the time weights are kept, beside the end."""
    first_examples: int = 1500
    """Training starts when the pool holds this many."""
    mode: str = "graph"
    """`eager`; `graph`: the whole step as a CUDA graph; `compiled`: that, of a compiled network."""
    seed: int = 1
    chances: Chances = field(default_factory=Chances)


def rate_factor(step: int, progress: float, settings: Settings) -> float:
    """Return the factor on the peak rate at iteration `step`, when `progress` (0 to 1) of the time has gone."""
    return min(1.0, (step + 1) / settings.warmup) * min(1.0, max((1 - progress) / settings.cooldown, 0.01))


def losses(
    networks: Sequence[DeblurNet], views: Tensor, sharp: Tensor, floor: Tensor, firmness: float, share: float
) -> tuple[Tensor, Tensor]:
    """Return every network's loss, and how many dB its output is nearer to `sharp` than the mean of the views is, both [K]."""
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
        loss = restoration_loss(out, sharp, before, firmness, floor)
        if guess is None:
            guess = out.detach()
        else:
            loss = loss.lerp(restoration_loss(out, guess, before, firmness, floor), share)
        found.append(loss)
        gained.append((10 * torch.log10(usual / ((out.detach() - sharp).square().mean((1, 2, 3)) + 1e-6))).mean())
    return torch.stack(found), torch.stack(gained)


class Step:
    """One training step of all networks, from drawing the batch on, so that it can be recorded as a CUDA graph."""

    def __init__(self, networks: list[DeblurNet], settings: Settings, pool: DevicePool) -> None:
        self.networks, self.settings, self.pool = networks, settings, pool
        device = pool.device
        cuda = device.type == "cuda"
        self.rates = [torch.tensor(1e-7, device=device) for _ in networks]
        self.parameters = [list(network.parameters()) for network in networks]
        self.optimisers = [
            torch.optim.AdamW(p, rate, (0.9, 0.99), weight_decay=settings.weight_decay, fused=True, capturable=cuda)
            for p, rate in zip(self.parameters, self.rates, strict=True)
        ]
        for p in (p for parameters in self.parameters for p in parameters):
            p.grad = torch.zeros_like(p)  # with the strides of the weights, which the fused optimiser insists on
        self.usual = torch.ones(len(networks), device=device)
        self.results = torch.zeros(3, len(networks), device=device)
        """Loss, gain in dB, and norm of the gradient, of each network; the last step's."""
        self.losses, self.batch = losses, pool.batch
        if settings.mode == "compiled":
            torch._inductor.config.force_layout_optimization = True
            self.losses = torch.compile(losses, dynamic=False)
            self.batch = torch.compile(pool.batch, dynamic=False)
        self.graph: Any = None

    def run(self) -> None:
        """Do one step."""
        if self.graph is not None:
            self.graph.replay()
        else:
            self._once()

    def record(self) -> None:
        """Turn the step into a CUDA graph. No other thread may use the GPU meanwhile."""
        self.graph = None
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._once()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            self._once()
        self.graph = graph
        seen = []
        for _ in range(3):
            graph.replay()
            seen.append(self.results[0, 0].item())
        if len(set(seen)) < 3 and self.pool.filled > 99:
            raise RuntimeError(f"every batch is the same: {seen}")

    def _once(self) -> None:
        with torch.no_grad():
            views, sharp, focused = (t.contiguous() for t in self.batch(self.settings.batch, self.settings.crop))
            floor = self.settings.floor + focused.float() * (self.settings.floor_in_focus - self.settings.floor)
        found, gained = self.losses(self.networks, views, sharp, floor, self.settings.firmness, self.settings.teacher_share)
        flat = [p for parameters in self.parameters for p in parameters]
        gradients = list(torch.autograd.grad(found.sum(), flat))
        norms = []
        for i, (parameters, optimiser) in enumerate(zip(self.parameters, self.optimisers, strict=True)):
            own = [p.grad for p in parameters]
            torch._foreach_copy_(own, gradients[: len(own)])
            gradients = gradients[len(own) :]
            norm = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(own)))
            torch._foreach_mul_(own, (self.settings.clip / (norm + 1e-6)).clamp(max=1.0))
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

    def save(self, path: Path, half: bool) -> None:
        """Write {network: state}; appears whole or not at all."""
        kind = torch.float16 if half else torch.float32
        out = {
            name: {k: v.to("cpu", kind).contiguous() for k, v in zip(keys, values, strict=True)}
            for name, keys, values in zip(self.names, self.keys, self.averaged, strict=True)
        }
        part = path.with_suffix(".part")
        torch.save(out, part)
        part.rename(path)


def train(settings: Settings, feed: Feed, step: Step, keeper: Keeper, run: Path, stop: float) -> dict[str, Any]:
    """Train until `stop` (by `time.monotonic`); return what was done."""
    cuda = feed.pool.device.type == "cuda"
    sums = torch.zeros_like(step.results)
    since, count = time.monotonic(), 0
    keep = list(settings.keep)
    running: collections.deque[Any] = collections.deque()
    begin = time.monotonic()
    with (run / "log.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        columns = [f"{what} {name}" for what in ("loss", "gain", "norm") for name in settings.networks]
        writer.writerow(["step", "seconds", "examples", "factor", *columns])
        n = rows = 0
        while (progress := (time.monotonic() - begin) / (stop - begin)) < 1:
            feed.pump()
            factor = rate_factor(n, progress, settings)
            for rate, peak in zip(step.rates, settings.peak_rates, strict=True):
                rate.fill_(peak * factor)
            step.run()
            keeper.update(n)
            sums += step.results
            n += 1
            count += 1
            if cuda:
                # Run a few steps ahead of the GPU, so that it has work while a group is rendered, but no more.
                running.append(torch.cuda.Event())
                running[-1].record()
                if len(running) > 8:
                    running.popleft().synchronize()
            if time.monotonic() - since > 4:
                values = (sums / count).flatten().tolist()
                writer.writerow(
                    [n, f"{time.monotonic() - begin:.1f}", feed.examples, f"{factor:.4g}", *(f"{v:.5g}" for v in values)]
                )
                file.flush()
                if (rows := rows + 1) % 4 == 1:
                    pace = count / (time.monotonic() - since)
                    gains = " ".join(f"{v:.3f}" for v in values[len(settings.networks) :])
                    _say(f"{n} {time.monotonic() - begin:.0f}s {pace:.1f}/s {feed.examples} {gains}")
                sums.zero_()
                since, count = time.monotonic(), 0
            if keep and progress >= keep[0]:
                keeper.save(run / f"weights-{round(100 * keep.pop(0)):03d}.pt", half=True)
    if cuda:
        torch.cuda.synchronize()
    keeper.save(run / "weights-100.pt", half=False)
    return {"iterations": n, "seconds": time.monotonic() - begin, "examples": feed.examples, "crops": n * settings.batch}


def prepared(settings: Settings, pool: DevicePool, start: Path | None = None) -> tuple[list[DeblurNet], Step, Keeper]:
    """Return networks (with the weights of `start`), the step that trains them, and the keeper of their averages."""
    torch.manual_seed(settings.seed)
    networks = [DeblurNet(CONFIGS[name]) for name in settings.networks]
    if start:
        states = torch.load(start, map_location="cpu")
        for name, network in zip(settings.networks, networks, strict=True):
            network.load_state_dict({"gate": torch.zeros(()), **{k: v.float() for k, v in states[name].items()}})
    networks = [network.to(pool.device, memory_format=torch.channels_last) for network in networks]
    return networks, Step(networks, settings, pool), Keeper(settings.networks, networks, settings.average)


@contextlib.contextmanager
def filling(feed: Feed) -> Any:
    """Fill the pool in a thread, while the main one is busy with something else."""
    ended = threading.Event()

    def fill() -> None:
        while not ended.is_set():
            if not feed.pump():
                time.sleep(0.005)

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, start the renderers, train."""
    started = time.monotonic()
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--photos", type=Path, required=True)
    parser.add_argument("--fonts", type=Path)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--start", type=Path, help="weights-*.pt of an earlier run, to train on")
    parser.add_argument("--seconds", type=float, default=540, help="wall-clock time, from the start of this program to its end")
    parser.add_argument("--until", type=float, help="when to end, in seconds since 1970, instead of --seconds")
    parser.add_argument("--processes", type=int, default=max((os.cpu_count() or 2) - 2, 1))
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings other than the defaults (JSON values)"
    )
    args = parser.parse_args(argv)
    given = {k: json.loads(v) if v[:1] in '[{-"0123456789' else v for k, v in (s.split("=", 1) for s in args.set)}
    chances = Chances(**given.pop("chances", {}))
    look = Look(**given.pop("look", {}))
    settings = Settings(chances=chances, **{k: tuple(v) if isinstance(v, list) else v for k, v in given.items()})
    args.run.mkdir(parents=True, exist_ok=True)
    stop = started + args.seconds if args.until is None else started + args.until - time.time()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    scenery = Scenery(args.processes, args.photos, args.fonts, look, settings.seed)
    pool = DevicePool(settings.examples, look.options.size, device, chances)
    _, step, keeper = prepared(settings, pool, args.start)
    feed = Feed(scenery, pool, look.options.margin)
    record: dict[str, Any] = {
        "settings": asdict(settings), "look": asdict(look), "networks": {n: asdict(CONFIGS[n]) for n in settings.networks},
        "processes": args.processes, "photographs": len(list(args.photos.rglob("*.*"))), "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
    }  # fmt: skip
    (args.run / "config.json").write_text(json.dumps(record, indent=1, default=list) + "\n")
    if device.type == "cuda" and settings.mode != "eager":
        with filling(feed):
            for _ in range(2):
                step._once()
            torch.cuda.synchronize()
        _say(f"warm after {time.monotonic() - started:.1f} s, {feed.examples} examples")
        try:
            step.record()
        except Exception as error:  # a slower way is there
            _say(f"no graph: {error!r}")
            torch.cuda.synchronize()
            step.graph = None
        _say(f"recorded after {time.monotonic() - started:.1f} s")
    while feed.examples < settings.first_examples:
        if not feed.pump(4):
            time.sleep(0.01)
            if not any(p.is_alive() for p in scenery.processes):
                raise SystemExit("no process is drawing scenes")
    _say(f"training from {time.monotonic() - started:.1f} s on, {feed.examples} examples")
    done = train(settings, feed, step, keeper, args.run, stop)
    record["done"] = done
    record["gates"] = {n: float(network.gate.exp()) for n, network in zip(settings.networks, step.networks, strict=True)}
    if device.type == "cuda":
        record["memory_gb"] = torch.cuda.max_memory_allocated() / 1e9
    (args.run / "config.json").write_text(json.dumps(record, indent=1, default=list) + "\n")
    _say(json.dumps(done))
    scenery.close()


if __name__ == "__main__":
    main()
