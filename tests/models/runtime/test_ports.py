"""Which views the inputs of a graph say that they take."""

from __future__ import annotations

import pytest

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.card import CardOverrides
from dpdeblur.models.runtime.onnxfile import Port
from dpdeblur.models.runtime.ports import infer_card


def views_of(channels: int, *names: str) -> str:
    ports = tuple(Port(name, "float32", (1, channels, None, None)) for name in names)
    return infer_card("net", ports, CardOverrides()).views


@pytest.mark.parametrize("name", ["right_left", "RightLeft", "r_l", "img_rl", "RL", "views_R_L"])
def test_one_input_whose_name_says_right_first(name: str) -> None:
    assert views_of(6, name) == "right left"


@pytest.mark.parametrize("name", ["views", "left_right", "lr", "input", "x", "right", "l_r_l"])
def test_one_input_of_the_usual_order(name: str) -> None:
    assert views_of(6, name) == "left right"


@pytest.mark.parametrize("names", ["R L", "img_r img_l", "inputR inputL", "rightView leftView", "r1 l1", "im.R im.L"])
def test_two_inputs_by_their_names(names: str) -> None:
    assert views_of(3, *names.split()) == "right, left"


@pytest.mark.parametrize("names", ["A B", "input0 input1", "Ri Li", "INPUTR INPUTL", "left combined", "left left_2"])
def test_inputs_whose_names_say_nothing_are_refused(names: str) -> None:
    with pytest.raises(ModelError, match="--model-views"):
        views_of(3, *names.split())
