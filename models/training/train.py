"""Train networks side by side, on the same batches: `python -m dpdeblur.models.training.train --photos DIR --run DIR`.

The same on a CPU and on a GPU. Processes draw scenes, the device renders them into a pool in its own memory, crops and varies
them, and trains all networks at once; the first one, the largest, also teaches the others. With --pairs, real captures with
targets take the place of drawn scenes. The schedule follows the clock (--seconds), or counts (--iterations): warm-up, constant
rate, and a linear cool-down that ends when the time is up.

Writes into the run folder: `config.json` (all that determines the run), `log.csv`, `state.pt` (for --resume) and
`weights-PERCENT.pt` (averaged weights of every network) at several points of the cool-down, for `export`.
"""

import argparse
import contextlib
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime import zoo
from dpdeblur.models.training.drawing import Drawers
from dpdeblur.models.training.feed import Feed, PairFeed, SceneFeed
from dpdeblur.models.training.graph import weights_in
from dpdeblur.models.training.loop import Schedule, Settings, resume, say, train
from dpdeblur.models.training.network import CONFIGS, DeblurNet
from dpdeblur.models.training.pairs import find_pairs
from dpdeblur.models.training.pool import Pool
from dpdeblur.models.training.step import Keeper, Step


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line, and train."""
    started = time.monotonic()
    args = command_line().parse_args(argv)
    settings = Settings()
    try:
        start = states_in(args.start) if args.start else None
        if start:
            at = [Settings.networks.index(name) for name in start]
            rates = tuple(0.5 * Settings.peak_rates[i] for i in at)
            settings = replace(settings, networks=tuple(start), peak_rates=rates)
        for assignment in args.set:
            name, _, value = assignment.partition("=")
            settings = with_value(settings, name, value)
        feed_pairs = find_pairs(args.pairs) if args.pairs else None
    except (ValueError, OSError, ModelError) as error:
        raise SystemExit(str(error)) from None
    if len(settings.peak_rates) != len(settings.networks):
        raise SystemExit(f"{len(settings.networks)} networks need as many peak_rates, not {len(settings.peak_rates)}")
    if not args.resume and (args.run / "state.pt").exists():
        raise SystemExit(f"{args.run} holds a run: add --resume to continue it, or choose another folder")
    args.run.mkdir(parents=True, exist_ok=True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    pool = Pool(settings.examples, settings.scenes.size, device, settings.chances)
    step, keeper = prepare(settings, pool, start)
    done, before = resume(args.run / "state.pt", step, keeper) if args.resume else (0, 0.0)
    feed: Feed
    if feed_pairs:
        feed = PairFeed(feed_pairs, pool, settings.seed + done)
    else:
        drawers = Drawers(args.processes, args.photos, args.fonts, settings.scenes, settings.seed + done)
        feed = SceneFeed(drawers, pool, settings.scenes, settings.group)
    try:
        _record(args.run, settings, args, device)
        warm_up(step, feed, settings.first_examples)
        say(f"training on {device.type} from {time.monotonic() - started:.1f} s on, {feed.examples} examples")
        schedule = Schedule(args.iterations, time.monotonic(), started + args.seconds, before)
        train(settings, feed, step, keeper, args.run, schedule, done)
        gates = {name: float(n.gate.detach().exp()) for name, n in zip(settings.networks, step.networks, strict=True)}
        say(f"done after {time.monotonic() - started:.1f} s; learned factors on the gate: {gates}")
    finally:
        feed.close()


def states_in(start: str) -> dict[str, dict[str, torch.Tensor]]:
    """Return the networks' states in `weights-*.pt`, or the one in a model of the package or an ONNX file exported from it.

    Raises:
        ValueError: it holds no weights of these networks.
        OSError, ModelError: it cannot be read.
    """
    if start.endswith(".pt"):
        return dict(torch.load(start, map_location="cpu"))
    path = zoo.find(start)
    weights = {key: torch.from_numpy(np.array(values)) for key, values in weights_in(onnx.load(path)).items()}
    for name, config in CONFIGS.items():
        own = DeblurNet(config).state_dict()
        if {key: value.shape for key, value in own.items()} == {key: value.shape for key, value in weights.items()}:
            return {name: weights}
    raise ValueError(f"{path} holds none of the networks {', '.join(CONFIGS)}")


def prepare(settings: Settings, pool: Pool, start: dict[str, dict[str, torch.Tensor]] | None = None) -> tuple[Step, Keeper]:
    """Return the step that trains the networks, from the states in `start` where given, and the keeper of their averages.

    Raises:
        KeyError: `start` does not hold one of the networks.
    """
    torch.manual_seed(settings.seed)
    networks = [DeblurNet(CONFIGS[name]) for name in settings.networks]
    if start:
        for name, network in zip(settings.networks, networks, strict=True):
            network.load_state_dict({key: values.float() for key, values in start[name].items()})
    networks = [network.to(pool.device, memory_format=torch.channels_last) for network in networks]
    return Step(networks, settings.step, pool), Keeper(settings.networks, networks, settings.step.average)


def warm_up(step: Step, feed: Feed, examples: int) -> None:
    """Wait for the first examples; on a GPU, compile and record the step meanwhile."""
    if step.pool.device.type == "cuda" and step.mode != "eager":
        with filling(feed):
            for _ in range(2):
                step.once()
            torch.cuda.synchronize()
        step.record()
    while feed.examples < examples:
        if not feed.pump():
            time.sleep(0.01)


@contextlib.contextmanager
def filling(feed: Feed) -> Iterator[None]:
    """Fill the pool in a thread, while the main thread is busy."""
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


def with_value(settings: Any, name: str, text: str) -> Any:
    """Return the settings with one of them, found by its name in them or in what they hold, set to what `text` says (JSON).

    Raises:
        ValueError: there is no such setting, or the text is not a value of its kind.
    """
    for f in fields(settings):
        value = getattr(settings, f.name)
        if is_dataclass(value):
            with contextlib.suppress(LookupError):
                return replace(settings, **{f.name: with_value(value, name, text)})
        elif f.name == name:
            return replace(settings, **{name: _parsed(name, text, value)})
    if isinstance(settings, Settings):
        raise ValueError(f"--set {name}={text}: there is no setting '{name}'")
    raise LookupError(name)


def _parsed(name: str, text: str, like: Any) -> Any:
    try:
        value = text if isinstance(like, str) else json.loads(text)
        return tuple(value) if isinstance(like, tuple) else type(like)(value)
    except (ValueError, TypeError):
        raise ValueError(f"--set {name}={text}: it needs a value like {json.dumps(like)}") from None


def _record(run: Path, settings: Settings, args: argparse.Namespace, device: torch.device) -> None:
    """Write everything that determines the run."""
    about = {
        "settings": asdict(settings),
        "networks": {name: asdict(CONFIGS[name]) for name in settings.networks},
        "start": Path(args.start).name if args.start else None,
        "pairs": bool(args.pairs),
        "processes": args.processes,
        "torch": torch.__version__,
        "device": torch.cuda.get_device_name() if device.type == "cuda" else "cpu",
    }
    (run / "config.json").write_text(json.dumps(about, indent=1, default=lambda v: v.tolist()) + "\n")


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--photos", type=Path, help="folder of sharp photographs to make scenes of")
    source.add_argument(
        "--pairs", type=Path, help="captures with targets: folders of left, right, target; DPDD; or a CSV table"
    )
    parser.add_argument("--fonts", type=Path, help="folder of TrueType fonts for printed surfaces (else Pillow's own)")
    parser.add_argument("--run", type=Path, required=True, help="folder for everything this run writes")
    parser.add_argument("--start", help="weights-*.pt, an included model or an ONNX file: fine-tune it, at half the rate")
    parser.add_argument("--resume", action="store_true", help="continue the run in this folder")
    parser.add_argument("--seconds", type=float, default=540, help="time from the start of this program to the end of training")
    parser.add_argument("--iterations", type=int, help="end after this many, however long they take, instead of --seconds")
    parser.add_argument(
        "--processes", type=int, default=max((os.cpu_count() or 2) - 2, 1), help="number of processes that draw scenes"
    )
    parser.add_argument(
        "--set", nargs="*", default=[], metavar="NAME=VALUE", help="settings other than the defaults (JSON values)"
    )
    return parser


if __name__ == "__main__":
    main()
