import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpdeblur.models.runtime import zoo
from dpdeblur.models.runtime.card import Card, parse_card
from dpdeblur.models.runtime.session import open_model
from dpdeblur.models.runtime.stamp import stamp
from dpdeblur.pipelines.cli import main
from tests import tiny_onnx


def dpdeblur(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    code = main(["models", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_onnx.conv_net(tmp_path_factory.mktemp("network") / "network.onnx")


def test_list_names_every_model_and_the_default(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = dpdeblur(capsys)
    assert code == 0
    assert all(name in out for name in zoo.names())
    assert f"{zoo.DEFAULT} (default)" in out


def test_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = dpdeblur(capsys, "list", "--json")
    assert code == 0
    assert [card["name"] for card in json.loads(out)] == zoo.names()


def test_show_prints_the_card(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = dpdeblur(capsys, "show", "views-mean")
    assert code == 0
    assert "not a deblurring model" in out
    assert "'views' (float32 ?x6x?x?)" in out
    code, out, _ = dpdeblur(capsys, "show", "views-mean", "--json")
    assert parse_card(out).name == "views-mean"


def test_path_prints_a_file_and_nothing_else(capsys: pytest.CaptureFixture[str]) -> None:
    for words in ([], ["views-mean"]):
        code, out, _ = dpdeblur(capsys, "path", *words)
        assert code == 0
        assert Path(out.rstrip("\n")).is_file()


def test_check_says_yes_and_how(capsys: pytest.CaptureFixture[str], network: Path) -> None:
    code, out, _ = dpdeblur(capsys, "check", network, "--model-halo", tiny_onnx.conv_net_halo())
    assert code == 0
    assert "none: inferred from the shapes" in out
    assert "padded to multiples of 8" in out
    assert "bit for bit" in out
    assert f"Yes, it runs: dpdeblur deblur --model {network} --model-halo {tiny_onnx.conv_net_halo()}" in out


@pytest.mark.parametrize(("factor", "offset"), [(255.0, 0.0), (2.0, -1.0)])
def test_check_tells_of_values_that_would_be_cut(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, factor: float, offset: float
) -> None:
    path = tiny_onnx.scaled(tmp_path / "scaled.onnx", factor, offset)
    code, out, _ = dpdeblur(capsys, "check", path)
    assert code == 0
    assert "--model-range byte" in out and "--model-range signed" in out
    assert "values " not in dpdeblur(capsys, "check", tiny_onnx.scaled(path))[1]


def test_check_finds_a_promise_that_is_not_kept(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tiny_onnx.conv_net(tmp_path / "net.onnx")
    stamp(path, Card(name="net", size_multiple=8, halo_px=8, exact_tiles=True))
    code, out, _ = dpdeblur(capsys, "check", path)
    assert code == 2
    assert "halo of 8 pixels" in out
    assert "Yes" not in out


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: tiny_onnx.scaled(path, 1.0, float("nan")), "not finite"),
        (lambda path: tiny_onnx.pick(path, [0, 1, 2], inputs={"x": ("n", 9, "h", "w")}), "--model-views"),
        (lambda path: path.write_bytes(b"nothing"), "not an ONNX file"),
        (lambda path: path, "no model file"),
    ],
)
def test_check_says_no_and_why(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, make: Callable[..., Any], words: Any
) -> None:
    make(tmp_path / "m.onnx")
    code, out, _ = dpdeblur(capsys, "check", tmp_path / "m.onnx")
    assert code == 2
    assert out.splitlines()[-1].startswith("No: ")
    assert words in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "view-mean"], "Did you mean 'views-mean'"),
        (["path", "nothing-like-it"], "The included models are"),
        (["check"], "which file?"),
        (["list", "views-mean"], "models show views-mean"),
        (["frobnicate"], "frobnicate"),
        (["show", "views-mean", "--backend", "tensorrt"], "tensorrt"),
        (["show", "views-mean", "--model-multiple", "0"], "--model-multiple: '0' is not a whole number of at least 1"),
    ],
)
def test_wrong_words_are_told(capsys: pytest.CaptureFixture[str], words: Any, said: str) -> None:
    code, _, err = dpdeblur(capsys, *words)
    assert code == 2
    assert said in err


def test_stamp_writes_a_card_and_no_option_is_needed_afterwards(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tiny_onnx.conv_net(tmp_path / "mine.onnx")
    said = ("--name", "my-net", "--version", "2", "--licence", "CC-BY-4.0", "--model-order", "bgr", "--model-multiple", "16")
    code, out, _ = dpdeblur(capsys, "stamp", file, *said)
    assert code == 0
    assert "my-net is in" in out
    code, out, _ = dpdeblur(capsys, "show", file, "--json")
    card = parse_card(out)
    assert (card.name, card.version, card.licence) == ("my-net", "2", "CC-BY-4.0")
    assert (card.channel_order, card.size_multiple) == ("bgr", 16)
    assert parse_card(file.with_suffix(".json").read_text(encoding="utf-8")) == card


def test_stamp_refuses_what_does_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tiny_onnx.scaled(tmp_path / "nan.onnx", 0.0, float("nan"))
    before = file.read_bytes()
    code, _, err = dpdeblur(capsys, "stamp", file, "--name", "x")
    assert code == 2
    assert "not finite" in err
    assert file.read_bytes() == before


NETS = '''
import torch

class Mean(torch.nn.Module):
    """The mean of the views, times a learned number."""

    def __init__(self):
        super().__init__()
        self.gain = torch.nn.Parameter(torch.tensor(1.0))

    def forward(self, views):
        return self.gain * (views[:, :3] + views[:, 3:]) / 2

class Frozen(torch.nn.Module):
    def forward(self, views):
        return views[:, :3] * (2.0 if views.shape[3] > 40 else 1.0)

def two(): return Two()

class Two(torch.nn.Module):
    def forward(self, left, right):
        return right + 0 * left

number = 3
'''


@pytest.fixture
def nets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip("torch", reason="exporting needs the extra train")
    (tmp_path / "their_nets.py").write_text(NETS, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "their_nets"


def test_export_makes_a_checked_file_with_a_card(nets: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import torch

    torch.save({"state_dict": {"module.gain": torch.tensor(0.5)}}, tmp_path / "best.pt")
    file = tmp_path / "mean.onnx"
    said = ("--weights", tmp_path / "best.pt", "--output", file, "--name", "half-mean", "--model-multiple", "4")
    code, out, err = dpdeblur(capsys, "export", f"{nets}:Mean", *said)
    assert code == 0, err
    assert "differ by" in out
    model = open_model(file)
    assert (model.name, model.size_multiple) == ("half-mean", 4)
    planes = np.random.default_rng(0).random((6, 30, 41), np.float32)
    assert np.allclose(model.restore(planes, 30, 41), 0.25 * (planes[:3] + planes[3:]), atol=1e-6)


def test_export_of_two_inputs(nets: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "two.onnx"
    code, _, err = dpdeblur(capsys, "export", f"{nets}:two", "--output", file, "--model-views", "left, right")
    assert code == 0, err
    planes = np.random.default_rng(0).random((6, 24, 32), np.float32)
    assert np.array_equal(open_model(file).restore(planes, 24, 32), planes[3:])


@pytest.mark.parametrize(
    ("network", "says"),
    [
        ("Frozen", "different pictures"),
        ("Nothing", "cannot be imported"),
        ("number", "cannot be made"),
        ("Mean.x", "cannot be imported"),
    ],
)
def test_export_of_what_cannot_be(
    nets: str, network: str, says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, _, err = dpdeblur(capsys, "export", f"{nets}:{network}", "--output", tmp_path / "x.onnx")
    assert code == 2
    assert says in err
    assert not (tmp_path / "x.onnx").exists()
