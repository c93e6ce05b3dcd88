import json
from pathlib import Path

import numpy as np
import pytest

from dpdeblur.models.machine import cpu_name
from dpdeblur.models.runtime.session import open_model
from dpdeblur.models.runtime.timing import time_model
from dpdeblur.pipelines.cli import main


def test_figures_are_those_of_the_runs() -> None:
    figures = time_model(open_model("views-mean"), 64, 48, runs=7, warmup=1)
    assert len(figures.runs_ms) == 7
    assert min(figures.runs_ms) > 0
    assert figures.median_ms == np.median(figures.runs_ms)
    assert figures.min_ms <= figures.median_ms <= figures.p95_ms <= figures.max_ms
    assert figures.ms_per_megapixel == pytest.approx(figures.median_ms / (64 * 48 / 1e6))
    assert (figures.width, figures.height, figures.warmup) == (64, 48, 1)


def test_table_and_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "latency.json"
    words = ["--model", "views-mean", "--size", "64x48", "--runs", "3", "--warmup", "0", "--threads", "1", "--json", str(file)]
    assert main(["latency", *words]) == 0
    out = capsys.readouterr().out
    figures = json.loads(file.read_text())
    assert f"{figures['median_ms']:.1f} ms" in out
    assert cpu_name() in out
    assert (figures["model"], figures["backend"], figures["threads"]) == ("views-mean", "onnxruntime-float32", 1)


@pytest.mark.parametrize(
    "words",
    [
        ["--size", "1680"],
        ["--size", "0x9"],
        ["--runs", "0"],
        ["--warmup", "-1"],
        ["--model", "absent"],
        ["--json", "/no/f.json"],
    ],
)
def test_wrong_words_are_told(capsys: pytest.CaptureFixture[str], words: list[str]) -> None:
    assert main(["latency", "--size", "8x8", "--runs", "1", "--warmup", "0", *words]) == 2
    assert words[1] in capsys.readouterr().err
