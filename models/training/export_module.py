"""Any PyTorch network to a checked ONNX file. Needs the extra `train`, for torch and onnx."""

from __future__ import annotations

import importlib
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from dpdeblur.models.errors import ModelError
from dpdeblur.models.runtime.card import VIEWS, Card
from dpdeblur.models.runtime.stamp import stamp

TOLERANCE = 1e-4  # of full range, between PyTorch and ONNX Runtime
OPSET = 17
_WRAPPED = ("state_dict", "model_state_dict", "model", "params", "params_ema", "net", "network", "weights")


def export_module(network: str, weights: Path | None, output: Path, card: Card) -> float:
    """Write a PyTorch network as an ONNX file with open height and width, and its card into it.

    The file is run on pictures of two sizes and compared with the network before it gets its name.

    Args:
        network: `package.module:callable`, which returns a `torch.nn.Module` when called without arguments, or is one. The
            module takes one tensor for each input of the card, float32 [n, C, H, W], and returns the picture, [n, 3, H, W].
        weights: a checkpoint that `torch.load` reads with `weights_only=True`: a state dictionary, alone or under one of the
            usual names ("state_dict", "params", "model", …), with or without the prefix "module."; None: as it is made.
        output: the ONNX file to write.
        card: what to say of it.

    Returns:
        The largest difference between PyTorch and ONNX Runtime.

    Raises:
        ModelError: the network cannot be imported, made, loaded, exported, or gives another picture as ONNX.
    """
    try:
        import torch  # noqa: PLC0415 - an extra
    except ImportError:
        raise ModelError("exporting needs PyTorch: pip install 'dpdeblur[train]'") from None

    module = _made(network, torch)
    if weights:
        _load(module, weights, torch)
    module.eval()
    names = ["_".join(words) for words in card.inputs] if len(card.inputs) > 1 else ["views"]
    axes = {name: {0: "n", 2: "h", 3: "w"} for name in [*names, "picture"]}
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        made = Path(folder) / output.name
        try:
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # the exporter warns of what it does not know; the comparison below decides
                torch.onnx.export(
                    module, tuple(map(torch.from_numpy, _tensors(card, 0))), str(made), dynamo=False, opset_version=OPSET,
                    input_names=names, output_names=["picture"], dynamic_axes=axes,
                )  # fmt: skip
        except Exception as error:  # whatever the network or the exporter raises
            raise ModelError(f"'{network}' cannot be exported: {_first_line(error)}") from error
        difference = max(_difference(module, made, names, _tensors(card, seed), torch) for seed in (1, 2))
        if not difference <= TOLERANCE:
            raise ModelError(
                f"'{network}' gives different pictures in ONNX and in PyTorch: they differ by {difference:.2g}. A Python "
                "branch on the values or the size of a tensor is frozen at export; use torch.where, or export a fixed size"
            )
        stamp(made, card)
        made.replace(output)
        made.with_suffix(".json").replace(output.with_suffix(".json"))
    return difference


def _made(network: str, torch: Any) -> Any:
    module_name, _, attribute = network.partition(":")
    try:
        found = getattr(importlib.import_module(module_name), attribute)
        module = found if isinstance(found, torch.nn.Module) else found()
    except (ImportError, AttributeError, ValueError) as error:
        raise ModelError(
            f"'{network}' cannot be imported: {error}. Write package.module:callable; is it on PYTHONPATH?"
        ) from error
    except Exception as error:
        raise ModelError(f"'{network}' cannot be made without arguments: {_first_line(error)}") from error
    if not isinstance(module, torch.nn.Module):
        raise ModelError(f"'{network}' returns {type(module).__name__}, not a torch.nn.Module")
    return module


def _load(module: Any, weights: Path, torch: Any) -> None:
    try:
        state = torch.load(weights, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ModelError(f"the weights {weights} cannot be read: {_first_line(error)}") from error
    for key in _WRAPPED:
        if isinstance(state, Mapping) and isinstance(state.get(key), Mapping):
            state = state[key]
    if not isinstance(state, Mapping):
        raise ModelError(f"the weights {weights} hold {type(state).__name__}, not a state dictionary")
    try:
        module.load_state_dict({str(key).removeprefix("module."): value for key, value in state.items()})
    except RuntimeError as error:
        raise ModelError(f"the weights {weights} do not fit the network: {' '.join(str(error).split())[:600]}") from error


def _tensors(card: Card, seed: int) -> list[np.ndarray[Any, np.dtype[np.float32]]]:
    """Return random inputs, in the card's range of values; each seed gives another size."""
    rng, (low, high) = np.random.default_rng(seed), card.value_range
    step = np.lcm(card.size_multiple, 8)
    height, width = step * (8 // min(8, step) + 2 + seed), step * (8 // min(8, step) + 3 + 2 * seed)
    channels = [sum(3 if word in VIEWS else 1 for word in words) for words in card.inputs]
    return [(rng.random((1, number, height, width), np.float32) * (high - low) + low).astype(np.float32) for number in channels]


def _difference(module: Any, file: Path, names: list[str], tensors: list[Any], torch: Any) -> float:
    import onnxruntime  # noqa: PLC0415 - slow to import

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    try:
        session = onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        with torch.no_grad():
            wanted = module(*map(torch.from_numpy, tensors)).numpy()
        (given,) = session.run(["picture"], dict(zip(names, tensors, strict=True)))
    except Exception as error:
        raise ModelError(f"the exported file does not run at {tensors[0].shape[2:]}: {_first_line(error)}") from error
    if given.shape != wanted.shape:
        raise ModelError(f"the exported file gives {given.shape} where PyTorch gives {wanted.shape}")
    return float(np.abs(given - wanted).max() / max(1.0, float(np.abs(wanted).max())))


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:400]
