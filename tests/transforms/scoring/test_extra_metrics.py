"""Metrics by name: those of the package, anybody's own, and names that mean none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dpdeblur.transforms.records import SceneError, UsageError
from dpdeblur.transforms.scoring.extra_metrics import EXTRA_METRICS, choose

PICTURES = np.random.default_rng(0).integers(0, 2**16, (3, 180, 190, 3), np.uint16)


@pytest.mark.parametrize("name", EXTRA_METRICS)
def test_the_packages_own_score_pictures_of_every_kind(name: str) -> None:
    score = EXTRA_METRICS[name].open(1)
    first, second, target = PICTURES
    wide = score([first, second, target], target)
    assert len(wide) == 3
    assert wide[2] == pytest.approx(0.0 if name == "lpips" else 1.0, abs=1e-6)
    grey = score([first[..., 0]], target[..., 0])
    assert np.isfinite(grey).all()
    eight = [p // 257 for p in (first, target)]
    narrow = score([eight[0].astype(np.uint8)], eight[1].astype(np.uint8))
    assert narrow == pytest.approx(score([eight[0] * np.uint16(257)], eight[1] * np.uint16(257)), abs=1e-6)


@pytest.mark.parametrize(("name", "side"), [("lpips", 30), ("ms_ssim", 175)])
def test_pictures_that_are_too_small_are_the_scenes_fault(name: str, side: int) -> None:
    small = PICTURES[0, :side, :side]
    with pytest.raises(SceneError, match="at least"):
        EXTRA_METRICS[name].open(1)([small], small)


def test_names_are_taken_once_in_their_order_and_the_usual_ones_need_no_asking() -> None:
    assert [metric.name for metric in choose(["ms_ssim", "psnr", "lpips", "ssim", "ms_ssim", "mae"])] == ["ms_ssim", "lpips"]


def test_a_name_that_is_none_suggests_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'lpip'.* Did you mean lpips\?.*package.module:name"):
        choose(["lpip"])


OWN = """
from dpdeblur.transforms.scoring.extra_metrics import ExtraMetric

def brighter(picture, target):
    return float(picture.mean()) - float(target.mean())

ready = ExtraMetric("ready", "Ready", lambda threads: lambda pictures, target: [float(threads)] * len(pictures))
number = 3
"""


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "their_own_metric.py").write_text(OWN, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return "their_own_metric"


def test_anybodys_function_is_a_metric(own: str) -> None:
    (metric,) = choose([f"{own}:brighter"])
    assert (metric.name, metric.signature) == ("brighter", f"{own}:brighter")
    flat = np.full((8, 8, 3), 7, np.uint8)
    assert metric.open(1)([flat, flat + 1], flat) == [0.0, 1.0]


def test_anybodys_metric_object_too(own: str) -> None:
    (metric,) = choose([f"{own}:ready"])
    assert metric.open(4)([PICTURES[0]], PICTURES[1]) == [4.0]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("their_own_metric:none", "cannot be imported"),
        ("their_own_metric:number", "is not a metric"),
        ("no_such_module:f", "PYTHONPATH"),
        (":f", "cannot be imported"),
    ],
)
def test_what_is_no_metric_is_refused_with_the_reason(own: str, name: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        choose([name])
