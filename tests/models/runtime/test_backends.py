import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from onnx import helper

from dpdeblur.models.errors import ModelError
from dpdeblur.models.machine import cpu_flags
from dpdeblur.models.runtime import backends
from dpdeblur.models.runtime.backends import BACKENDS
from dpdeblur.models.runtime.binding import Planes
from dpdeblur.models.runtime.card import CardOverrides
from dpdeblur.models.runtime.session import open_model
from tests import tiny_onnx

HAS_BFLOAT16 = bool(cpu_flags() & {"amx_bf16", "avx512_bf16"})
OPENVINO = ["openvino", pytest.param("openvino-bf16", marks=pytest.mark.skipif(not HAS_BFLOAT16, reason="no bfloat16 here"))]
PLANES = np.random.default_rng(0).random((6, 65, 93), np.float32)


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_onnx.conv_net(tmp_path_factory.mktemp("network") / "network.onnx")


@pytest.fixture
def openvino() -> ModuleType:
    module: ModuleType = pytest.importorskip("openvino", reason="the extra openvino is not installed")
    return module


def restore(path: Path | str, backend: str, **more: Any) -> Planes:
    return open_model(path, backend=backend, **more).restore(PLANES, 65, 93)


@pytest.mark.parametrize("backend", OPENVINO)
def test_labels_say_the_precision(openvino: ModuleType, network: Path, backend: str) -> None:
    label = {"openvino": "openvino-float32", "openvino-bf16": "openvino-bfloat16"}[backend]
    assert open_model(network, backend=backend).backend == label


@pytest.mark.parametrize("backend", OPENVINO)
def test_close_to_onnx_runtime(openvino: ModuleType, network: Path, backend: str) -> None:
    reference, other = restore(network, "onnxruntime"), restore(network, backend)
    spread = reference.std()
    bound = 1e-5 if backend == "openvino" else 0.02  # bfloat16 keeps 8 bits of a sample
    assert np.abs(other - reference).max() < 5 * bound * spread
    assert np.sqrt(np.mean((other - reference) ** 2)) < bound * spread
    assert (other != reference).any()  # it is another engine


@pytest.mark.parametrize("backend", OPENVINO)
def test_threads_share_one_model_and_get_the_same_bits(openvino: ModuleType, network: Path, backend: str) -> None:
    model = open_model(network, backend=backend, callers=3)
    pictures = [np.roll(PLANES, shift, axis=2) for shift in range(6)]
    alone = [model.restore(picture, 65, 93) for picture in pictures]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda picture: model.restore(picture, 65, 93), pictures * 3))
    assert all(np.array_equal(a, b) for a, b in zip(alone * 3, together, strict=True))


@pytest.mark.parametrize("backend", OPENVINO)
def test_a_result_outlives_the_next_run(openvino: ModuleType, network: Path, backend: str) -> None:
    model = open_model(network, backend=backend)
    first = model.restore(PLANES, 65, 93)
    kept = first.copy()
    model.restore(PLANES[:, ::-1], 65, 93)
    assert np.array_equal(first, kept)


@pytest.mark.parametrize("backend", ["onnxruntime", *OPENVINO])
def test_a_failed_run_is_told_and_leaves_the_model_whole(network: Path, backend: str) -> None:
    if backend != "onnxruntime":
        pytest.importorskip("openvino", reason="the extra openvino is not installed")
    model = open_model(network, backend=backend, callers=2)
    good, odd = PLANES[:, :64, :88], PLANES[:, :33, :35]  # the network takes multiples of 8 only
    right = model.run(good)
    for _ in range(3):
        with pytest.raises(ModelError, match="failed: "):
            model.run(odd)
        assert np.array_equal(model.run(good), right)

    def run(turn: int) -> Planes | None:
        try:
            return model.run(odd if turn % 3 == 2 else good)
        except ModelError:
            return None

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(run, range(12)))
    for turn, result in enumerate(results):
        assert (result is None) == (turn % 3 == 2)
        assert result is None or np.array_equal(result, right)


@pytest.mark.parametrize("backend", OPENVINO)
def test_tiles_are_exact(openvino: ModuleType, network: Path, backend: str) -> None:
    said = CardOverrides(halo_px=tiny_onnx.conv_net_halo(), bytes_per_pixel=100)
    limit = 72 * 96 * 36 + 72 * 90 * 136
    assert np.array_equal(restore(network, backend, max_memory_bytes=limit, overrides=said), restore(network, backend))


@pytest.mark.parametrize("backend", [*OPENVINO, "onnxruntime"])
def test_the_mean_is_the_mean(backend: str) -> None:
    if backend != "onnxruntime":
        pytest.importorskip("openvino", reason="the extra openvino is not installed")
    exact = (PLANES[:3] + PLANES[3:]) / 2
    assert np.allclose(restore("views-mean", backend), exact, atol=4e-3 if backend == "openvino-bf16" else 1e-7)


def test_where_openvino_is_missing_it_says_what_to_install(network: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(ModelError, match=r"pip install 'dpdeblur\[openvino\]'"):
        open_model(network, backend="openvino")


@pytest.mark.parametrize(("capabilities", "flags"), [(["FP32"], {"amx_bf16"}), (["FP32", "BF16"], {"avx512f", "avx2"})])
def test_bfloat16_is_refused_where_the_cpu_lacks_it(capabilities: list[str], flags: set[str]) -> None:
    with pytest.raises(ModelError, match="choose --backend openvino"):
        backends.check_bfloat16(capabilities, frozenset(flags))


@pytest.mark.parametrize("flags", [{"amx_bf16"}, {"avx512_bf16"}, set()])
def test_bfloat16_is_taken_where_the_cpu_has_it_or_nothing_is_known(flags: set[str]) -> None:
    backends.check_bfloat16(["BF16"], frozenset(flags))


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_the_engine_refuses_is_told_in_one_line(tmp_path: Path, backend: str) -> None:
    if backend == "openvino-bf16" and not HAS_BFLOAT16:
        pytest.skip("no bfloat16 here")
    if backend != "onnxruntime":
        pytest.importorskip("openvino", reason="the extra openvino is not installed")
    node = helper.make_node("Frobnicate", ["views"], ["sharp"])
    path = tiny_onnx.save(tmp_path / "m.onnx", [node], {"views": ("n", 6, "h", "w")}, {"sharp": ("n", 3, "h", "w")})
    with pytest.raises(ModelError, match=r"cannot open it: .*Frobnicate") as refused:
        open_model(path, backend=backend)
    assert "\n" not in str(refused.value)
