from pathlib import Path

import numpy as np
import onnx
import pytest

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime import zoo
from dpdeblur.models.runtime.card import Card, parse_card
from dpdeblur.models.runtime.session import open_model
from dpdeblur.models.runtime.stamp import stamp
from dpdeblur.models.training.baseline import CARD, write_views_mean
from tests import tiny_onnx


def test_the_package_has_its_default_and_the_baseline() -> None:
    assert {zoo.DEFAULT, "views-mean"} <= set(zoo.names())
    assert zoo.find(zoo.DEFAULT).is_file()


@pytest.mark.parametrize("name", zoo.names())
def test_every_model_carries_its_card_inside_and_beside(name: str) -> None:
    model = open_model(name)
    assert model.card_source == "file"
    assert model.name == name
    assert parse_card(zoo.find(name).with_suffix(".json").read_text()) == model.card
    assert model.card.licence
    assert model.card.training_data
    assert model.card.description


def test_the_package_stays_small() -> None:
    assert sum(path.stat().st_size for path in zoo.WEIGHTS.iterdir()) < 10_500_000


def test_the_baseline_is_what_its_builder_writes(tmp_path: Path) -> None:
    write_views_mean(tmp_path / "views-mean.onnx")
    assert (tmp_path / "views-mean.onnx").read_bytes() == zoo.find("views-mean").read_bytes()
    assert (tmp_path / "views-mean.json").read_bytes() == (zoo.WEIGHTS / "views-mean.json").read_bytes()


def test_the_baseline_says_that_it_is_one() -> None:
    assert "not a deblurring model" in CARD.description


def test_the_baseline_gives_the_float32_mean_of_any_size() -> None:
    planes = np.random.default_rng(0).random((6, 7, 1), np.float32)
    assert np.array_equal(open_model("views-mean").restore(planes, 7, 1), (planes[:3] + planes[3:]) / 2)


def test_the_nearest_name_is_suggested() -> None:
    with pytest.raises(ModelError, match="Did you mean 'views-mean'"):
        zoo.find("view-mean")
    with pytest.raises(ModelError, match="the package's 'views-mean'"):
        zoo.find("views_mean.onnx")


def test_paths_are_found_and_told_apart_from_names(tmp_path: Path) -> None:
    path = tiny_onnx.scaled(tmp_path / "mine.onnx")
    assert zoo.find(str(path)) == path
    with pytest.raises(ModelError, match="check its path"):
        zoo.find(str(tmp_path / "absent.onnx"))
    with pytest.raises(ModelError, match="is a folder"):
        zoo.find(str(tmp_path))
    with pytest.raises(ModelError, match="not a local file"):
        zoo.find("s3://bucket/mine.onnx")


def test_a_stamp_adds_the_card_and_changes_nothing_else(tmp_path: Path) -> None:
    path = tiny_onnx.conv_net(tmp_path / "net.onnx")
    before = onnx.load(path)
    before_metadata = before.metadata_props.add(key="maker", value="me")
    onnx.save(before, path)
    stamp(path, Card(name="first", size_multiple=8))
    stamp(path, Card(name="net", size_multiple=8, quality={"gain_db": 1.1}))
    after = onnx.load(path)
    assert after.graph == before.graph
    assert [prop.key for prop in after.metadata_props] == [before_metadata.key, "dpdeblur_card"]
    assert open_model(path).card == parse_card(path.with_suffix(".json").read_text())
    assert open_model(path).card.quality == {"gain_db": 1.1}
    content = path.read_bytes()
    stamp(path, open_model(path).card)
    assert path.read_bytes() == content
    assert sorted(p.name for p in tmp_path.iterdir()) == ["net.json", "net.onnx"]
