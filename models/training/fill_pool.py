"""Fill the pool with examples: `python -m dpdeblur.models.training.fill_pool --photos DIR --pool DIR`.

`dpdeblur.models.training.train` starts the same code in processes of its own; alone it is for filling a pool in advance.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import cv2
import torch

from dpdeblur.models.training.dpdd import dpdd_example, dpdd_pairs
from dpdeblur.models.training.pool import Source, fill
from dpdeblur.models.training.scenes import SceneOptions, example
from dpdeblur.models.training.surfaces import load_photos


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say where examples come from."""
    parser.add_argument("--photos", type=Path, help="folder of sharp photographs to render examples from")
    parser.add_argument("--fonts", type=Path, help="folder of TrueType fonts for printed surfaces (else Pillow's own)")
    parser.add_argument("--dpdd", type=Path, help="root of the DPDD data set: train on its real pairs instead")
    parser.add_argument("--slots", type=int, default=100, help="shards kept in the pool; 64 examples and 118 MB each")


def run(args: argparse.Namespace, seed: int, first: int, every: int, stop: int | None = None) -> None:
    """Write every `every`-th shard from number `first` on: what one renderer process does."""
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    options = SceneOptions()
    source: Source
    if args.dpdd:
        source = partial(dpdd_example, pairs=dpdd_pairs(args.dpdd), size=options.size)
    else:
        fonts = sorted(str(p) for p in args.fonts.rglob("*.ttf")) if args.fonts else []
        source = partial(example, photos=load_photos(args.photos), fonts=fonts, options=options, as_array=torch.from_numpy)
    args.pool.mkdir(parents=True, exist_ok=True)
    (args.pool / "options.json").write_text(json.dumps({"seed": seed, "scenes": asdict(options)}, indent=1, default=list))
    fill(args.pool, source, seed, args.slots, first, stop, every)


def main(argv: Sequence[str] | None = None) -> None:
    """Fill a pool from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_source_options(parser)
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--every", type=int, default=1, help="write every n-th shard only: for n writers side by side")
    parser.add_argument("--stop", type=int, help="number of shards after which to end")
    args = parser.parse_args(argv)
    run(args, args.seed, args.first, args.every, args.stop)


if __name__ == "__main__":
    main()
