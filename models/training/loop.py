"""The training loop: a schedule by iterations or by the clock, a log, states to resume from, weights at intervals."""

import collections
import csv
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from dpdeblur.models.training.feed import Feed
from dpdeblur.models.training.pool import Chances
from dpdeblur.models.training.scenes import SceneOptions
from dpdeblur.models.training.step import Keeper, Step, StepOptions, save_whole


@dataclass(frozen=True)
class Settings:
    """Length and learning rate of a run; recorded next to the weights."""

    networks: tuple[str, ...] = ("dpdeblur-m", "dpdeblur-s", "dpdeblur-xs")
    """The first teaches the others."""
    peak_rates: tuple[float, ...] = (7e-4, 9e-4, 1.3e-3)
    """Of each network; with --start, half of these."""
    warmup: int = 400
    """Iterations."""
    cooldown: float = 0.5
    """The learning rate falls linearly to 1 % over this last fraction of the run."""
    examples: int = 16_000
    """Size of the pool; an example of 320x320 takes 1.8 MB."""
    first_examples: int = 1500
    """Training starts when the pool holds this many."""
    group: int = 48
    """Scenes rendered at once."""
    keep: tuple[float, ...] = (0.5, 0.7, 0.82, 0.91, 0.96)
    """At which fractions of the run weights are kept, besides the end."""
    state_every_s: float = 180
    """How often what --resume needs is written."""
    seed: int = 1
    step: StepOptions = field(default_factory=StepOptions)
    chances: Chances = field(default_factory=Chances)
    scenes: SceneOptions = field(default_factory=SceneOptions)


@dataclass(frozen=True)
class Schedule:
    """Progress of a run, by iterations or by the clock from `begin` to `stop` (`time.monotonic`).

    Attributes:
        before: which fraction was done when the clock started: not 0 if a run is resumed.
    """

    iterations: int | None
    begin: float
    stop: float
    before: float = 0.0

    def progress(self, step: int) -> float:
        """Return the fraction of the run that is done after `step` iterations."""
        if self.iterations is not None:
            return step / self.iterations
        return self.before + (1 - self.before) * (time.monotonic() - self.begin) / (self.stop - self.begin)


def rate_factor(step: int, progress: float, settings: Settings) -> float:
    """Return the factor on the peak rate at iteration `step`, when `progress` (0 to 1) of the run is done."""
    return min(1.0, (step + 1) / settings.warmup) * min(1.0, max((1 - progress) / settings.cooldown, 0.01))


def resume(path: Path, step: Step, keeper: Keeper) -> tuple[int, float]:
    """Load what `train` saved; return the iterations done and the progress."""
    state = torch.load(path, map_location=step.pool.device)
    step.load_state_dict(state["step"])
    keeper.load_state_dict(state["averages"])
    return state["iterations"], state["progress"]


def train(settings: Settings, feed: Feed, step: Step, keeper: Keeper, run: Path, schedule: Schedule, n: int = 0) -> int:
    """Train from iteration `n` until the schedule ends; return how many iterations were done in all."""
    cuda = step.pool.device.type == "cuda"
    sums, count = torch.zeros_like(step.results), 0
    logged = saved = time.monotonic()
    keep = [fraction for fraction in settings.keep if fraction > schedule.progress(n)]
    running: collections.deque[Any] = collections.deque()
    with (run / "log.csv").open("a", newline="") as file:
        writer = csv.writer(file)
        if file.tell() == 0:
            columns = [f"{what} {name}" for what in ("loss", "gain", "norm") for name in settings.networks]
            writer.writerow(["iterations", "progress", "examples", "factor", *columns])
        while (progress := schedule.progress(n)) < 1:
            feed.pump()
            factor = rate_factor(n, progress, settings)
            for rate, peak in zip(step.rates, settings.peak_rates, strict=True):
                rate.fill_(peak * factor)
            step.run()
            keeper.update(n)
            sums += step.results
            n, count = n + 1, count + 1
            if cuda:
                # Run a few steps ahead of the GPU, so that it has work while a group is rendered, but no more.
                running.append(torch.cuda.Event())
                running[-1].record()
                if len(running) > 8:
                    running.popleft().synchronize()
            now = time.monotonic()
            if now - logged > 4 or schedule.progress(n) >= 1:
                values = (sums / count).flatten().tolist()
                writer.writerow([n, f"{progress:.4f}", feed.examples, f"{factor:.4g}", *(f"{v:.5g}" for v in values)])
                file.flush()
                gains = values[len(settings.networks) : 2 * len(settings.networks)]
                shown = ", ".join(f"{name} {v:+.2f}" for name, v in zip(settings.networks, gains, strict=True))
                pace = count / max(now - logged, 1e-9)
                say(f"{100 * progress:.1f} %, {n} iterations, {pace:.1f}/s, {feed.examples} examples, gain in dB: {shown}")
                sums.zero_()
                logged, count = now, 0
            if keep and progress >= keep[0]:
                keeper.save(run / f"weights-{round(100 * keep.pop(0)):03d}.pt", half=True)
            if now - saved > settings.state_every_s:
                saved = now
                _save_state(run, n, progress, step, keeper)
    _save_state(run, n, 1.0, step, keeper)
    keeper.save(run / "weights-100.pt")
    return n


def _save_state(run: Path, iterations: int, progress: float, step: Step, keeper: Keeper) -> None:
    state = {
        "iterations": iterations, "progress": progress, "step": step.state_dict(), "averages": keeper.state_dict(),
    }  # fmt: skip
    save_whole(run / "state.pt", state)


def say(line: str) -> None:
    """Print a line and flush it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
