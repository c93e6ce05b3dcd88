import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dpdeblur.models.runtime import zoo
from dpdeblur.models.runtime.card import Card, parse_card
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
        (["path", "nothing-like-it"], "The package has"),
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
