from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper
from onnx.external_data_helper import set_external_data

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.onnxfile import Port, external_paths, read_onnx
from tests import tiny_onnx


def external(name: str, location: str) -> onnx.TensorProto:
    tensor = tiny_onnx.constant(name, [1.0])
    set_external_data(tensor, location)
    tensor.ClearField("raw_data")
    return tensor


def in_initializer(tensor: onnx.TensorProto) -> onnx.GraphProto:
    return helper.make_graph([], "g", [], [helper.make_tensor_value_info("y", 1, [1])], [tensor])


def in_attribute(tensor: onnx.TensorProto) -> onnx.GraphProto:
    return helper.make_graph([helper.make_node("Constant", [], ["y"], value=tensor)], "g", [], [tiny()])


def in_branch(tensor: onnx.TensorProto) -> onnx.GraphProto:
    branch = in_attribute(tensor)
    node = helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch)
    return helper.make_graph([node], "g", [], [tiny()])


def tiny() -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])


def test_reads_what_onnx_reads(tmp_path: Path) -> None:
    path = tiny_onnx.conv_net(tmp_path / "net.onnx")
    model = onnx.load(path)
    model.metadata_props.add(key="maker", value="Ünïcode")
    file = read_onnx(model.SerializeToString())
    assert file.inputs == (Port("views", "float32", (None, 6, None, None)),)
    assert file.outputs == (Port("sharp", "float32", (None, 3, None, None)),)
    assert file.metadata == {"maker": "Ünïcode"}
    assert file.opset == 11
    assert file.external == ()


def test_weights_listed_as_inputs_are_none(tmp_path: Path) -> None:
    model = onnx.load(tiny_onnx.scaled(tmp_path / "net.onnx"))
    model.graph.input.append(helper.make_tensor_value_info("factor", TensorProto.FLOAT, []))
    assert [port.name for port in read_onnx(model.SerializeToString()).inputs] == ["views"]


@pytest.mark.parametrize("place", [in_initializer, in_attribute, in_branch])
def test_external_weights_are_found_wherever_they_hide(place: Callable[[onnx.TensorProto], onnx.GraphProto]) -> None:
    model = helper.make_model(place(external("w", "w.bin")))
    assert read_onnx(model.SerializeToString()).external == ("w.bin",)


def test_external_weights_are_found_in_functions() -> None:
    body = [helper.make_node("Constant", [], ["y"], value=external("w", "w.bin"))]
    function = helper.make_function("mine", "F", [], ["y"], body, [helper.make_opsetid("", 18)])
    node = helper.make_node("F", [], ["y"], domain="mine")
    model = helper.make_model(helper.make_graph([node], "g", [], [tiny()]), functions=[function])
    assert read_onnx(model.SerializeToString()).external == ("w.bin",)


@pytest.mark.parametrize("location", ["../w.bin", "/etc/passwd", "sub/../../w.bin", "link/w.bin", ""])
def test_external_weights_outside_the_folder_are_refused(tmp_path: Path, location: str) -> None:
    folder, outside = tmp_path / "model", tmp_path
    folder.mkdir()
    (outside / "w.bin").write_bytes(bytes(4))
    (folder / "link").symlink_to(outside)
    (folder / "sub").mkdir()
    file = read_onnx(helper.make_model(in_initializer(external("w", location))).SerializeToString())
    with pytest.raises(ModelError, match="outside its own folder"):
        external_paths(file, folder)


def test_external_weights_inside_the_folder_are_given(tmp_path: Path) -> None:
    (tmp_path / "w.bin").write_bytes(bytes(4))
    file = read_onnx(helper.make_model(in_initializer(external("w", "w.bin"))).SerializeToString())
    assert external_paths(file, tmp_path) == (tmp_path / "w.bin",)
    (tmp_path / "w.bin").unlink()
    with pytest.raises(ModelError, match="missing"):
        external_paths(file, tmp_path)
    with pytest.raises(ModelError, match="another file"):
        external_paths(file, None)


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n", b"{}", b"\x0a", b"\xff" * 40, b"\x3a\xff\xff\xff\xff\x0f"])
def test_what_is_no_onnx_file_is_refused(content: bytes) -> None:
    with pytest.raises(ModelError, match="not an ONNX file"):
        read_onnx(content)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n", "a Git LFS pointer; .*git lfs pull"),
        (b"/annex/objects/SHA256E-s1--0.onnx\n", "git annex get"),
        (b"<!DOCTYPE html><html><body>Sign in", "a web page"),
        (b"\n<html>", "a web page"),
        (b"PK\x03\x04" + b"\0" * 40, "a zip archive"),
        (b"\x1f\x8b\x08" + b"\0" * 40, "compressed by gzip"),
    ],
)
def test_what_a_file_is_instead_is_said(content: bytes, what: str) -> None:
    with pytest.raises(ModelError, match=what):
        read_onnx(content)
