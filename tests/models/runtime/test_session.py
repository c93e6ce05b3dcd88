import hashlib
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.binding import Planes
from dpdeblur.models.runtime.card import Card, CardOverrides
from dpdeblur.models.runtime.session import ModelSpec, load, open_model
from dpdeblur.models.runtime.stamp import stamp
from tests import tiny_onnx

OPEN, OUT = ("n", 6, "h", "w"), ("n", 3, "h", "w")


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_onnx.conv_net(tmp_path_factory.mktemp("network") / "network.onnx")


def views(height: int, width: int, seed: int = 0) -> Planes:
    return np.random.default_rng(seed).random((6, height, width), np.float32)


def test_the_multiple_of_a_file_without_card_is_found_by_trying(network: Path) -> None:
    model = open_model(network)
    assert model.size_multiple == tiny_onnx.conv_net_multiple()
    assert model.card_source == "shapes"
    assert model.name == "network"
    assert model.backend == "onnxruntime-float32"
    assert model.sha256 == hashlib.sha256(network.read_bytes()).hexdigest()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 9), (7, 3), (8, 8), (37, 53)])
def test_any_size_is_padded_by_reflection_and_cropped(network: Path, height: int, width: int) -> None:
    model = open_model(network)
    planes = views(height, width)
    high, wide = model.padded(height, width)
    assert high % 8 == wide % 8 == 0
    padded = np.pad(planes, ((0, 0), (0, high - height), (0, wide - width)), mode="reflect")
    result = model.restore(planes, height, width)
    assert result.shape == (3, height, width)
    assert result.dtype == np.float32
    assert np.array_equal(result, model.restore(padded, height, width))


def test_the_inputs_are_left_alone(network: Path) -> None:
    planes = views(16, 16)
    before = planes.copy()
    open_model(network).restore(planes, 16, 16)
    assert np.array_equal(planes, before)


def test_many_threads_share_a_model_and_get_the_same_bits(network: Path) -> None:
    model = load(ModelSpec(str(network), callers=4))
    pictures = [views(40, 48, seed) for seed in range(8)]
    alone = [model.restore(picture, 40, 48).copy() for picture in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda picture: model.restore(picture, 40, 48), pictures * 3))
    assert all(np.array_equal(a, b) for a, b in zip(alone * 3, together, strict=True))


def test_a_process_opens_a_spec_once(network: Path) -> None:
    spec = ModelSpec(str(network))
    found = []
    threads = [threading.Thread(target=lambda: found.append(load(spec))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(model) for model in found}) == 1
    assert load(ModelSpec(str(network), threads=2)) is not found[0]


def test_a_replaced_file_is_opened_again(tmp_path: Path) -> None:
    path = tiny_onnx.scaled(tmp_path / "m.onnx", 1.0)
    first = load(ModelSpec(str(path)))
    tiny_onnx.scaled(path, 2.0, 0.125)
    assert load(ModelSpec(str(path))).sha256 != first.sha256


def test_a_model_pickles_as_its_spec(network: Path) -> None:
    model = load(ModelSpec(str(network), overrides=CardOverrides(halo_px=40)))
    assert len(pickle.dumps(model)) < 1000
    assert pickle.loads(pickle.dumps(model)) is model


def test_bytes_will_do(network: Path) -> None:
    model = open_model(network.read_bytes())
    other = pickle.loads(pickle.dumps(model))
    assert model.sha256 == other.sha256 == open_model(network).sha256
    assert np.array_equal(model.restore(views(9, 9), 9, 9), other.restore(views(9, 9), 9, 9))


def test_the_card_in_the_file_wins_over_the_one_beside_it(tmp_path: Path) -> None:
    path = tiny_onnx.scaled(tmp_path / "m.onnx")
    path.with_suffix(".json").write_text(Card(name="beside", transfer="linear").to_json())
    assert (open_model(path).name, open_model(path).card_source) == ("beside", "beside")
    stamp(path, Card(name="inside", transfer="any"))
    path.with_suffix(".json").write_text(Card(name="beside").to_json())
    assert (open_model(path).name, open_model(path).card_source) == ("inside", "file")
    said = open_model(path, overrides=CardOverrides(transfer="srgb")).card
    assert (said.name, said.transfer) == ("inside", "srgb")


def test_another_json_beside_the_file_is_no_card(tmp_path: Path) -> None:
    path = tiny_onnx.scaled(tmp_path / "m.onnx")
    path.with_suffix(".json").write_text('{"epochs": 3}')
    assert open_model(path).card_source == "shapes"


def test_a_broken_card_is_told(tmp_path: Path) -> None:
    path = tiny_onnx.scaled(tmp_path / "m.onnx")
    path.with_suffix(".json").write_text(Card(name="m").to_json().replace("srgb", "grbs"))
    with pytest.raises(ModelError, match=r"m.onnx.*transfer"):
        open_model(path)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(tmp_path: Path, value: float) -> None:
    path = tiny_onnx.scaled(tmp_path / "m.onnx", 1.0, value)
    stamp(path, Card(name="broken"))
    with pytest.raises(ModelError, match=r"'broken'.*not finite.*192"):
        open_model(path).restore(views(8, 8), 8, 8)


def test_large_but_finite_values_pass(tmp_path: Path) -> None:
    path = tiny_onnx.scaled(tmp_path / "m.onnx", 0.0, 3e38)
    stamp(path, Card(name="large"))
    assert np.isfinite(open_model(path).restore(views(8, 8), 8, 8)).all()


def test_an_output_of_another_size_is_refused(tmp_path: Path) -> None:
    node = helper.make_node("DepthToSpace", ["views"], ["sharp"], blocksize=1)
    wide = helper.make_node("Concat", ["half", "half"], ["sharp"], axis=3)
    pick = helper.make_node("Gather", ["views", "which"], ["half"], axis=1)
    weights = [tiny_onnx.constant("which", np.array([0, 1, 2]))]
    path = tiny_onnx.save(tmp_path / "m.onnx", [pick, wide], {"views": OPEN}, {"sharp": OUT}, weights)
    stamp(path, Card(name="wide"))
    with pytest.raises(ModelError, match="1x3x8x16 where 1x3x8x8 was expected"):
        open_model(path).restore(views(8, 8), 8, 8)
    path = tiny_onnx.save(tmp_path / "six.onnx", [node], {"views": OPEN}, {"sharp": ("n", "c", "h", "w")})
    stamp(path, Card(name="six"))
    with pytest.raises(ModelError, match="1x6x8x8 where 1x3x8x8 was expected"):
        open_model(path).restore(views(8, 8), 8, 8)


def test_a_wrong_multiple_is_told_not_crashed_on(tmp_path: Path) -> None:
    path = tiny_onnx.conv_net(tmp_path / "m.onnx")
    stamp(path, Card(name="m", size_multiple=1))
    with pytest.raises(ModelError, match=r"'m' cannot restore this scene: ONNX Runtime failed"):
        open_model(path).restore(views(9, 9), 9, 9)


def test_a_graph_of_one_size_takes_that_and_what_fits_in_it(tmp_path: Path) -> None:
    path = tiny_onnx.pick(tmp_path / "m.onnx", [0, 1, 2], inputs={"views": (1, 6, 16, 24)})
    model = open_model(path)
    assert model.fixed_size == (16, 24)
    planes = views(10, 24)
    assert np.array_equal(model.restore(planes, 10, 24), planes[:3])
    with pytest.raises(ModelError, match=r"24x16 pixels and no larger, but this one is 25x16"):
        model.restore(views(16, 25), 16, 25)


def test_external_weights_beside_the_file_run_and_are_hashed(tmp_path: Path) -> None:
    path = tiny_onnx.conv_net(tmp_path / "m.onnx")
    whole = open_model(path)
    model = onnx.load(path)
    onnx.save(model, path, save_as_external_data=True, location="w.bin", size_threshold=0)
    split = open_model(path)
    assert np.array_equal(split.restore(views(9, 9), 9, 9), whole.restore(views(9, 9), 9, 9))
    content = bytearray((tmp_path / "w.bin").read_bytes())
    content[0] ^= 1
    (tmp_path / "w.bin").write_bytes(content)
    assert open_model(path).sha256 != split.sha256
    with pytest.raises(ModelError, match="another file"):
        open_model(path.read_bytes())


def test_external_weights_outside_the_folder_never_run(tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    path = tiny_onnx.conv_net(tmp_path / "models" / "m.onnx")
    onnx.save(onnx.load(path), path, save_as_external_data=True, location="w.bin", size_threshold=0)
    (tmp_path / "models" / "w.bin").rename(tmp_path / "w.bin")
    (tmp_path / "models" / "w.bin").symlink_to(tmp_path / "w.bin")
    with pytest.raises(ModelError, match=r"m.onnx.*outside its own folder"):
        open_model(path)


@pytest.mark.parametrize("content", [b"", b"not a model", bytes(1000)])
def test_what_is_no_model_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(content)
    with pytest.raises(ModelError, match=r"m.onnx.*not an ONNX file"):
        open_model(tmp_path / "m.onnx")


def test_a_graph_that_the_engine_refuses_is_told_in_one_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tiny_onnx.save(
        tmp_path / "m.onnx", [helper.make_node("Frobnicate", ["views"], ["sharp"])], {"views": OPEN}, {"sharp": OUT}
    )
    with pytest.raises(ModelError, match="ONNX Runtime cannot open it") as refused:
        open_model(path)
    assert "Frobnicate" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert capfd.readouterr() == ("", "")


def test_planes_of_another_form_are_refused(network: Path) -> None:
    with pytest.raises(ModelError, match="planes of shape"):
        open_model(network).restore(np.zeros((3, 8, 8), np.float32), 8, 8)


def test_large_pictures_go_in_tiles_to_the_same_bits(network: Path) -> None:
    planes = views(333, 517)
    whole = open_model(network).restore(planes, 333, 517)
    said = CardOverrides(halo_px=tiny_onnx.conv_net_halo(), bytes_per_pixel=100)
    limit = 336 * 520 * 36 + 200 * 200 * 136
    tiled = open_model(network, max_memory_bytes=limit, overrides=said)
    assert np.array_equal(tiled.restore(planes, 333, 517), whole)
    narrow = open_model(network, max_memory_bytes=limit, overrides=CardOverrides(halo_px=8, bytes_per_pixel=100))
    assert not np.array_equal(narrow.restore(planes, 333, 517), whole)  # it was cut, and the halo matters


def test_a_model_without_halo_is_never_tiled(network: Path) -> None:
    with pytest.raises(ModelError, match=r"--max-memory, or state with --model-halo"):
        open_model(network, max_memory_bytes=1_000_000).restore(views(333, 517), 333, 517)


def test_unknown_backends_are_refused(network: Path) -> None:
    with pytest.raises(ModelError, match="the backends are onnxruntime, openvino, openvino-bf16"):
        open_model(network, backend="tensorrt")


def test_a_model_that_is_not_the_one_that_was_meant_is_refused(network: Path, tmp_path: Path) -> None:
    meant = load(ModelSpec(str(network)))
    assert load(ModelSpec(str(network), sha256=meant.sha256)) is meant
    other = tiny_onnx.conv_net(tmp_path / "other.onnx", seed=1)
    with pytest.raises(ModelError, match="not the file that the run was started with") as refused:
        load(ModelSpec(str(other), sha256=meant.sha256))
    assert meant.sha256 in str(refused.value)
