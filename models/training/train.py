"""Train a network: `python -m dpdeblur.models.training.train dpdeblur-s --photos DIR --run DIR`, the same on CPU and GPU.

Writes into the run folder: `pool/` (rendered examples), `state.pt` (resume with --resume), `config.json` (everything
that determines the run), `log.csv`, and `weights-STEP.pt` (averaged weights) at intervals, for `export`.
"""

import argparse
import csv
import json
import multiprocessing
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dpdeblur.models.training import fill_pool
from dpdeblur.models.training.loss import restoration_loss
from dpdeblur.models.training.network import CONFIGS, DeblurNet, gmac
from dpdeblur.models.training.pool import Pool, wait_while_paused


@dataclass(frozen=True)
class Settings:
    """How long and how fast; recorded beside the weights."""

    iterations: int = 48_000
    batch: int = 6
    crop: int = 192
    """Side of the training crops in pixels, a multiple of 32."""
    peak_rate: float = 6e-4
    warmup: int = 300
    cooldown: float = 0.5
    """The learning rate is constant, then falls linearly to 1 % over this last fraction of the iterations."""
    weight_decay: float = 1e-4
    clip: float = 0.3
    firmness: float = 0.3
    """Weight of the absolute beside the squared error; see `restoration_loss`."""
    misfit: float = 1.2
    """Standard deviation, in pixels, of the sharp picture's displacement in crops that are blurred throughout."""
    average: float = 0.9993
    """Decay of the running average of the weights; it is the averaged weights that are kept."""
    teacher_share: float = 0.7
    """With a teacher: how much of the loss is the distance to its output instead of to the sharp picture. What blur has
    wiped out cannot be learned; a teacher's best guess is a target without that noise."""
    seed: int = 1
    threads: int = 1


def learning_rate(step: int, settings: Settings) -> float:
    """Return the rate of iteration `step`: linear warm-up, constant, linear cool-down."""
    left = (settings.iterations - step) / max(settings.cooldown * settings.iterations, 1)
    return settings.peak_rate * min(1.0, (step + 1) / settings.warmup) * min(1.0, max(left, 0.01))


def train(
    network: DeblurNet,
    settings: Settings,
    pool: Pool,
    run: Path,
    *,
    resume: bool = False,
    teacher: DeblurNet | None = None,
    save_every_s: float = 180,
) -> None:
    """Run the training loop to its last iteration; may be killed and resumed at any moment."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(settings.seed)
    network = network.to(device, memory_format=torch.channels_last)
    teacher = teacher.to(device, memory_format=torch.channels_last).eval() if teacher else None
    averaged = {k: v.detach().clone() for k, v in network.state_dict().items()}
    optimiser = torch.optim.AdamW(
        network.parameters(), settings.peak_rate, (0.9, 0.99), weight_decay=settings.weight_decay, fused=True
    )
    step = 0
    if resume and (run / "state.pt").exists():
        state = torch.load(run / "state.pt", map_location=device, weights_only=False)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        averaged, step = state["averaged"], state["step"]
        pool.rng.bit_generator.state = state["rng"]
    saved = time.monotonic()
    sums = np.zeros(3)
    usual = 1.0
    while step < settings.iterations:
        wait_while_paused(run)
        if step % 200 == 0:
            pool.refresh()
        views, sharp = (torch.from_numpy(a).to(device, memory_format=torch.channels_last) for a in pool.batch(settings.batch))
        before = 0.5 * (views[:, :3] + views[:, 3:])
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(step, settings)
        with torch.autocast(device.type, torch.bfloat16):
            out = network(views)
        loss = restoration_loss(out, sharp, before, settings.firmness)
        if teacher is not None:
            loss = loss.lerp(restoration_loss(out, _guess(teacher, views), before, settings.firmness), settings.teacher_share)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(network.parameters(), settings.clip))
        # A freak batch must not throw the weights off: leave it out.
        if norm < 20 * usual:
            optimiser.step()
        usual = 0.98 * usual + 0.02 * min(norm, 5 * usual)
        step += 1
        decay = min(settings.average, (step + 1) / (step + 10))
        with torch.no_grad():
            torch._foreach_lerp_(list(averaged.values()), list(network.state_dict().values()), 1 - decay)
            sums += [loss.item(), psnr_gain(out, views, sharp), 1]
        if step % 100 == 0:
            _log(run / "log.csv", step, time.time(), *(sums[:2] / sums[2]), learning_rate(step, settings))
            sums[:] = 0
        if time.monotonic() - saved > save_every_s or step == settings.iterations:
            saved = time.monotonic()
            state = {
                "step": step, "network": network.state_dict(), "averaged": averaged, "optimiser": optimiser.state_dict(),
                "rng": pool.rng.bit_generator.state,
            }  # fmt: skip
            _save(run / "state.pt", state)
            _save(run / f"weights-{step:06d}.pt", averaged)


def _guess(teacher: DeblurNet, views: Tensor) -> Tensor:
    with torch.no_grad(), torch.autocast(views.device.type, torch.bfloat16):
        return teacher(views)


def psnr_gain(out: Tensor, views: Tensor, sharp: Tensor) -> float:
    """Return by how many dB `out` is nearer to `sharp` than the mean of the views is, averaged over the batch."""
    before = ((views[:, :3] + views[:, 3:]) / 2 - sharp).square().mean((1, 2, 3)) + 1e-6
    after = (out - sharp).square().mean((1, 2, 3)) + 1e-6
    return float((10 * torch.log10(before / after)).mean())


def _log(path: Path, *row: float) -> None:
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.writer(file)
        if new:
            writer.writerow(["step", "time", "loss", "gain_db", "learning_rate"])
        writer.writerow([f"{v:.6g}" if i != 1 else f"{v:.0f}" for i, v in enumerate(row)])


def _save(path: Path, value: Any) -> None:
    part = path.with_suffix(".part")
    torch.save(value, part)
    part.rename(path)


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, start the renderers, train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", choices=CONFIGS)
    parser.add_argument("--run", type=Path, required=True, help="folder for everything this run writes")
    parser.add_argument("--pool", type=Path, help="folder of rendered examples, if not RUN/pool")
    parser.add_argument("--renderers", type=int, default=1, help="processes that render examples beside the training")
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--start", type=Path, help="weights-*.pt to start from, for fine-tuning")
    parser.add_argument("--teacher", nargs=2, metavar=("MODEL", "WEIGHTS"), help="larger trained network to learn from as well")
    fill_pool.add_source_options(parser)
    for f in fields(Settings):
        parser.add_argument("--" + f.name.replace("_", "-"), type=type(f.default), default=f.default)
    args = parser.parse_args(argv)
    settings = Settings(**{f.name: getattr(args, f.name) for f in fields(Settings)})
    torch.set_num_threads(settings.threads)
    args.run.mkdir(parents=True, exist_ok=True)
    args.pool = args.pool or args.run / "pool"
    renderers = [
        multiprocessing.get_context("spawn").Process(
            target=fill_pool.run, args=(args, settings.seed, i, args.renderers), daemon=True
        )
        for i in range(args.renderers)
    ]
    for renderer in renderers:
        renderer.start()
    network = DeblurNet(CONFIGS[args.model])
    if args.start:
        network.load_state_dict(torch.load(args.start, map_location="cpu"))
    teacher = None
    if args.teacher:
        teacher = DeblurNet(CONFIGS[args.teacher[0]])
        teacher.load_state_dict(torch.load(args.teacher[1], map_location="cpu"))
    record = {
        "model": args.model,
        "network": asdict(CONFIGS[args.model]),
        "gmac_1680x1120": gmac(network),
        "settings": asdict(settings),
        "start": args.start.name if args.start else None,
        "teacher": args.teacher[0] if args.teacher else None,
        "torch": torch.__version__,
    }
    (args.run / "config.json").write_text(json.dumps(record, indent=1) + "\n")
    pool = Pool(args.pool, np.random.default_rng(settings.seed), settings.crop, misfit=settings.misfit)
    train(network, settings, pool, args.run, resume=args.resume, teacher=teacher)
    for renderer in renderers:
        renderer.terminate()


if __name__ == "__main__":
    main()
