"""Try thousands of broken inputs in a separate process, so that a crash or a hang is noticed.

    python -m tests.fuzz COUNT SEED pictures models journal

Prints the number of inputs of each kind and their outcomes; exits with 0 if each had exactly one expected outcome.
"""

from __future__ import annotations

import faulthandler
import json
import random
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from dpdeblur.models.runtime.card import METADATA_KEY, Card
from dpdeblur.models.runtime.session import ModelError, open_model
from dpdeblur.transforms.images.tone_curve import AS_STORED
from dpdeblur.transforms.records import Failure, Scene, Score, Source
from dpdeblur.transforms.restore import Restoration, restore
from dpdeblur.transforms.scene_images import PixelSettings
from dpdeblur.transforms.tables import journal_lines
from dpdeblur.transforms.tables.schemas import to_table
from tests import builders, rows, tiny_onnx
from tests.transforms.images.test_pixels import REALDATA, mutated
from tests.transforms.layouts.test_damaged_inputs import mutate

SLOWEST_S = 20.0  # for one input, on a busy machine
MEMORY = 16 << 30  # of address space: what asks for more fails, and the machine lives
WHOLE_FILES = 50  # one in so many inputs is a whole file of somebody else's, megabytes long


def pictures(rng: random.Random, folder: Path) -> Callable[[], str]:
    """Scenes whose left view is broken, through reading, decoding, restoring and scoring: one row each."""
    model = open_model("views-mean")
    pixels = PixelSettings(tone=AS_STORED, target_fit="exact", max_pixels=4 << 20)
    task = Restoration(model=model.spec, pixels=pixels, images="")
    sound = {
        role: builders.write_file(folder / f"{role}.png", builders.png(p)) for role, p in builders.make_views(9, 13).items()
    }
    whole = [path.read_bytes() for path in _whole_files()]

    def one() -> str:
        data = mutate(rng.choice(whole), rng) if not rng.randrange(WHOLE_FILES) else mutated(rng)
        left = builders.write_file(folder / "broken", data)
        right = left if rng.random() < 0.9 else sound["right"]  # a pair that fits gets further
        target = Source(sound["target"]) if rng.random() < 0.5 else None
        outcome = restore(Scene("s", Source(left), Source(right), target=target), model, task)
        assert to_table([outcome], type(outcome)).num_rows == 1
        if isinstance(outcome, Failure):
            assert outcome.message
            assert outcome.stage != "write"
        return type(outcome).__name__

    return one


def models(rng: random.Random, folder: Path) -> Callable[[], str]:
    """ONNX files with broken graphs and broken cards: opened and run, or refused."""
    import onnx

    plain = tiny_onnx.conv_net(folder / "net.onnx", width=4)
    seeds = [plain.read_bytes(), tiny_onnx.pick(folder / "pick.onnx", [0, 1, 2]).read_bytes()]
    proto = onnx.load(plain)
    onnx.helper.set_model_props(proto, {METADATA_KEY: Card(name="net", size_multiple=8, halo_px=8, exact_tiles=True).to_json()})
    seeds.append(proto.SerializeToString())
    picture = np.random.default_rng(0).random((6, 16, 24), np.float32)

    def one() -> str:
        try:
            model = open_model(mutate(rng.choice(seeds), rng))
        except ModelError as error:
            assert str(error)
            return "refused"
        try:
            sharp = model.restore(picture, 16, 24)
        except ModelError:
            return "opened, failed to restore"
        assert sharp.shape == (3, 16, 24)
        assert np.isfinite(sharp).all()
        return "restored"

    return one


def lines(rng: random.Random, folder: Path) -> Callable[[], str]:
    """Lines of the journal: what is read has the columns and the types that tables need."""
    seeds = [journal_lines.to_line(row).encode() for row in (rows.score("s", psnr_db=float("inf")), rows.failure("f"))]
    strange: list[Any] = [None, True, -1, 0.5, "", "é" * 5000, [], {}, [[["x"]]]]

    def one() -> str:
        if rng.random() < 0.5:
            line = mutate(rng.choice(seeds), rng)
        else:  # sound JSON that says strange things
            kind, columns = next(iter(json.loads(rng.choice(seeds)).items()))
            text = json.dumps({kind: {**columns, rng.choice(list(columns)): rng.choice(strange)}})
            line = journal_lines.signed(text).encode()
        outcome = journal_lines.from_line(line)
        if outcome is None:
            return "left aside"
        assert to_table([outcome], type(outcome)).num_rows == 1
        assert set(asdict(outcome)) == {f.name for f in fields(Score if isinstance(outcome, Score) else Failure)}
        return "read"

    return one


TARGETS = {"pictures": pictures, "models": models, "journal": lines}


def _whole_files() -> list[Path]:
    import skimage

    brought = [
        path for path in Path(skimage.__file__).parent.joinpath("data").iterdir() if path.suffix in (".png", ".jpg", ".tif")
    ]
    real = sorted(REALDATA.glob("canon/**/l.png"))[:3] if REALDATA.exists() else []
    return sorted(path for path in brought if path.stat().st_size < 200_000) + real


def attack(target: str, count: int, seed: int) -> None:
    """Try `count` inputs; an unexpected error ends the process and names the input."""
    rng, came_of_it, slowest = random.Random(seed), Counter[str](), 0.0
    with tempfile.TemporaryDirectory() as folder:
        one = TARGETS[target](rng, Path(folder))
        for number in range(count):
            started = time.monotonic()
            faulthandler.dump_traceback_later(SLOWEST_S, exit=True)
            try:
                came_of_it[one()] += 1
            except BaseException:
                print(f"input {number} of seed {seed}", file=sys.stderr)
                raise
            slowest = max(slowest, time.monotonic() - started)
    faulthandler.cancel_dump_traceback_later()
    what = ", ".join(f"{many} {name}" for name, many in sorted(came_of_it.items()))
    print(f"{count} {target}: {what}; the slowest took {slowest:.2f} s")


if __name__ == "__main__":
    faulthandler.enable()
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for kind in sys.argv[3:]:
        attack(kind, int(sys.argv[1]), int(sys.argv[2]))
