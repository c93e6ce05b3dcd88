"""One command trains, on whatever device there is: at tiny size, on the CPU. Needs the extra `train`."""

from __future__ import annotations

import csv
import json
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch", reason="training needs the extra: pip install '.[train]'")
pytest.importorskip("cv2", reason="training needs the extra: pip install '.[train]'")
import cv2
import torch

from dpdeblur.models.training.loop import Schedule, Settings, rate_factor
from dpdeblur.models.training.train import command_line, main, states_in, with_value

TINY = [
    'networks=["dpdeblur-s", "dpdeblur-xs"]', "peak_rates=[3e-4, 5e-4]", "size=64", "margin=16", "largest_radius=4",
    "examples=12", "first_examples=6", "group=3", "batch=2", "crop=32", "keep=[0.5]",
]  # fmt: skip


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for i in range(2):
        image = rng.integers(0, 256, (30, 40, 3), np.uint8).repeat(8, 0).repeat(8, 1)
        assert cv2.imwrite(str(folder / f"{i}.png"), image)
    return folder


def trained(run: Path, *more: str) -> Any:
    main(["--run", str(run), "--processes", "1", *more, "--set", *TINY])
    return torch.load(run / "weights-100.pt")


def test_networks_are_trained_kept_and_trained_on(photos: Path, tmp_path: Path) -> None:
    first = trained(tmp_path / "first", "--photos", str(photos), "--iterations", "4")
    assert set(first) == {"dpdeblur-s", "dpdeblur-xs"}
    assert (tmp_path / "first" / "weights-050.pt").is_file()
    about = json.loads((tmp_path / "first" / "config.json").read_text())
    assert about["settings"]["scenes"]["size"] == 64
    with (tmp_path / "first" / "log.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert rows[-1]["iterations"] == "4"
    assert np.isfinite(float(rows[-1]["loss dpdeblur-xs"]))

    start = str(tmp_path / "first" / "weights-100.pt")
    second = trained(tmp_path / "second", "--photos", str(photos), "--iterations", "2", "--start", start)
    moved = {k: float((second["dpdeblur-s"][k] - v).abs().max()) for k, v in first["dpdeblur-s"].items()}
    assert 0 < max(moved.values()) < 0.01  # from there on, and not anew


def test_a_model_of_the_package_is_trained_on(photos: Path, tmp_path: Path) -> None:
    state = states_in("dpdeblur-xs")["dpdeblur-xs"]
    where = ["--run", str(tmp_path), "--photos", str(photos), "--processes", "1"]
    main([*where, "--iterations", "2", "--start", "dpdeblur-xs", "--set", *TINY[2:]])
    after = torch.load(tmp_path / "weights-100.pt")
    assert set(after) == {"dpdeblur-xs"}
    assert 0 < max(float((after["dpdeblur-xs"][k] - v).abs().max()) for k, v in state.items()) < 0.01
    assert json.loads((tmp_path / "config.json").read_text())["settings"]["peak_rates"] == [6.5e-4]
    for wrong in ("views-mean", "dpdeblur-xxs"):
        with pytest.raises(SystemExit, match=r"training cannot continue|no model"):
            main(["--run", str(tmp_path / "no"), "--photos", str(photos), "--start", wrong])


def test_a_run_goes_on_where_it_was_stopped(photos: Path, tmp_path: Path) -> None:
    whole = ["--photos", str(photos), "--iterations", "6"]
    trained(tmp_path / "run", *whole[:3], "3")
    state = torch.load(tmp_path / "run" / "state.pt")
    assert state["iterations"] == 3
    with pytest.raises(SystemExit, match="--resume"):
        trained(tmp_path / "run", *whole)
    trained(tmp_path / "run", *whole, "--resume")
    after = torch.load(tmp_path / "run" / "state.pt")
    assert after["iterations"] == 6
    for then, now in zip(state["step"]["optimisers"], after["step"]["optimisers"], strict=True):
        # A batch whose gradient is far out of the usual is left out, and not counted.
        assert 0 < int(then["state"][0]["step"]) < int(now["state"][0]["step"]) <= 6
    with (tmp_path / "run" / "log.csv").open(newline="") as stream:
        assert [row["iterations"] for row in csv.DictReader(stream)][-1] == "6"


def test_real_pairs_are_learned_from(tmp_path: Path) -> None:
    """The target is brighter than the views: what is learned first."""
    rng = np.random.default_rng(1)
    for scene in ("a", "b"):
        image = rng.integers(60, 160, (12, 16, 3), np.uint8).repeat(6, 0).repeat(6, 1)
        (tmp_path / "pairs" / scene).mkdir(parents=True)
        for role, shift in (("left", -2), ("right", 2), ("target", 0)):
            blurred = cv2.blur(np.roll(image, shift, 1), (9, 9)) if shift else image
            assert cv2.imwrite(str(tmp_path / "pairs" / scene / f"{role}.png"), blurred)
    weights = trained(tmp_path / "run", "--pairs", str(tmp_path / "pairs"), "--iterations", "3")
    assert all(bool(v.isfinite().all()) for state in weights.values() for v in state.values())
    assert json.loads((tmp_path / "run" / "config.json").read_text())["pairs"]


def test_wrong_settings_are_refused_by_name() -> None:
    assert with_value(Settings(), "margin", "16").scenes.margin == 16
    assert with_value(Settings(), "decentre", "0.2").scenes.variety.decentre == 0.2
    for name, text, said in (
        ("marginn", "1", "no setting"),
        ("crop", "many", "a value like 256"),
        ("keep", "3", "a value like"),
    ):
        with pytest.raises(ValueError, match=said):
            with_value(Settings(), name, text)
    with pytest.raises(SystemExit, match="peak_rates"):
        main(["--run", "never", "--photos", "nowhere", "--set", 'networks=["dpdeblur-s"]'])


@pytest.mark.parametrize("page", ["training.md", "how-to/fine-tune.md"])
def test_the_commands_of_the_documentation_are_commands(page: str) -> None:
    program = "python -m dpdeblur.models.training.train "
    text = (Path(__file__).parents[3] / "docs" / page).read_text(encoding="utf-8")
    commands = [line for line in text.splitlines() if line.startswith(program)]
    assert commands
    for command in commands:
        args = command_line().parse_args(shlex.split(command.removeprefix(program)))
        for assignment in args.set:
            name, _, value = assignment.partition("=")
            assert with_value(Settings(), name, value) != Settings()


def test_the_rate_warms_up_and_cools_down() -> None:
    settings = Settings(warmup=10, cooldown=0.5)
    assert rate_factor(0, 0.0, settings) == pytest.approx(0.1)
    assert rate_factor(50, 0.4, settings) == 1
    assert rate_factor(50, 0.75, settings) == pytest.approx(0.5)
    assert rate_factor(50, 1.0, settings) == pytest.approx(0.01)
    assert Schedule(8, 0, 1).progress(2) == 0.25
