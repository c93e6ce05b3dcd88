"""Backends that run a graph on the CPU: ONNX Runtime, or OpenVINO if it is installed.

An engine is opened once per process and called from many threads at once. Equal inputs give equal outputs, whichever thread.
"""

from __future__ import annotations

import importlib
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from dpdeblur.models.errors import ModelError
from dpdeblur.models.machine import cpu_flags

Tensors = Mapping[str, NDArray[np.floating]]


class Engine(Protocol):
    """A graph, ready to run.

    Attributes:
        label: what ran it, for tables, such as "onnxruntime-float32".
    """

    label: str

    def run(self, tensors: Tensors, output: str) -> NDArray[np.floating]:
        """Run the graph on named inputs; return one output, in its own memory. Safe to call from many threads at once."""
        ...


def open_engine(backend: str, model: Path | bytes, *, threads: int, callers: int) -> Engine:
    """Open a graph with a backend.

    Args:
        backend: a key of `BACKENDS`.
        model: local path of an ONNX file, or its bytes.
        threads: cores that one run uses.
        callers: threads that call at the same time.

    Raises:
        ModelError: for an unknown backend, one that is not installed or that this CPU cannot run, or a graph it refuses.
    """
    if backend not in BACKENDS:
        raise ModelError(f"unknown backend '{backend}': the backends are {', '.join(BACKENDS)}")
    return BACKENDS[backend](model, threads, callers)


class OnnxRuntime:
    """ONNX Runtime, float32 (or what the graph itself asks for), CPU only."""

    label = "onnxruntime-float32"

    def __init__(self, model: Path | bytes, threads: int, callers: int) -> None:
        import onnxruntime  # noqa: PLC0415 - a tenth of a second that `--help` need not wait for

        options, source = session_options(threads, callers), model if isinstance(model, bytes) else str(model)
        try:
            self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # its errors share no class but this
            raise ModelError(f"ONNX Runtime cannot open it: {_one_line(error)}") from None

    def run(self, tensors: Tensors, output: str) -> NDArray[np.floating]:
        """See `Engine.run`."""
        try:
            result: NDArray[np.floating] = self._session.run([output], dict(tensors))[0]
        except Exception as error:
            raise ModelError(f"ONNX Runtime failed: {_one_line(error)}") from None
        return result


def session_options(threads: int, callers: int) -> Any:
    """Return how ONNX Runtime runs a graph here, as its `SessionOptions`.

    Args:
        threads: cores that one run uses.
        callers: threads that call at the same time.
    """
    import onnxruntime  # noqa: PLC0415 - as above

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    # Measured on 1680x1120: without the pattern a run takes .6 of the memory, without the arena 5 times as much.
    options.enable_mem_pattern = False
    options.enable_cpu_mem_arena = True
    options.log_severity_level = 4  # what matters is raised, and told once
    if threads > 1 and callers > 1:  # idle threads of one run must not spin on the cores of another
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


class OpenVino:
    """OpenVINO on the CPU: one compiled model, one infer request for each thread that calls.

    Two quirks of OpenVINO (seen in 2026.4) shape this class. `infer` on one thread swallows errors and leaves the picture of
    the run before in its output: `start_async` and `wait` do not. After an error, a stream may keep failing on good
    input: the model is compiled again, which takes a tenth of a second, and the run repeated once, in case the fault was not
    its own.
    """

    def __init__(self, model: Path | bytes, threads: int, callers: int, precision: str) -> None:
        try:
            openvino = importlib.import_module("openvino")
        except ImportError:
            raise ModelError("the backend openvino is not installed: pip install 'dpdeblur[openvino]'") from None
        core = openvino.Core()
        if precision == "bfloat16":
            check_bfloat16(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"), cpu_flags())
        self.label = f"openvino-{precision}"
        settings = {
            "INFERENCE_PRECISION_HINT": {"float32": "f32", "bfloat16": "bf16"}[precision],
            "INFERENCE_NUM_THREADS": threads * callers,
            "NUM_STREAMS": callers,
            "ENABLE_CPU_PINNING": False,  # two processes would pin themselves to the same cores
        }
        try:
            graph = core.read_model(model)
            self._compile: Callable[[], Any] = lambda: core.compile_model(graph, "CPU", settings)
            self._compiled = self._compile()
        except Exception as error:
            raise ModelError(f"OpenVINO cannot open it: {_one_line(error)}") from None
        openvino.Tensor(np.zeros(1, np.float32))  # its first look at an array, by two threads at once, locks both for ever
        self._renewing = threading.Lock()
        self._own = threading.local()

    def run(self, tensors: Tensors, output: str) -> NDArray[np.floating]:
        """See `Engine.run`."""
        compiled = self._compiled
        try:
            return self._infer(compiled, tensors, output)
        except Exception:
            compiled = self._renewed(compiled)
        try:
            return self._infer(compiled, tensors, output)
        except Exception as error:
            self._renewed(compiled)
            raise ModelError(f"OpenVINO failed: {_one_line(error)}") from None

    def _infer(self, compiled: Any, tensors: Tensors, output: str) -> NDArray[np.floating]:
        if getattr(self._own, "compiled", None) is not compiled:
            self._own.compiled, self._own.request = compiled, compiled.create_infer_request()
        request = self._own.request
        request.start_async(dict(tensors), share_inputs=True)
        request.wait()
        return np.array(request.get_tensor(output).data)  # a copy: the next run writes over it

    def _renewed(self, failed: Any) -> Any:
        """Compile again, unless another thread has done so since `failed`."""
        with self._renewing:
            if self._compiled is failed:
                self._compiled = self._compile()
            return self._compiled


BACKENDS: dict[str, Callable[[Path | bytes, int, int], Engine]] = {
    "onnxruntime": OnnxRuntime,
    "openvino": lambda model, threads, callers: OpenVino(model, threads, callers, "float32"),
    "openvino-bf16": lambda model, threads, callers: OpenVino(model, threads, callers, "bfloat16"),
}


def check_bfloat16(capabilities: list[str], flags: frozenset[str]) -> None:
    """Refuse bfloat16 where the CPU has no instructions for it: it would be emulated, slower than float32."""
    if "BF16" not in capabilities or (flags and not flags & {"amx_bf16", "avx512_bf16"}):
        raise ModelError(
            "this CPU has no bfloat16 instructions (amx_bf16 or avx512_bf16): "
            "choose --backend openvino, which computes in float32"
        )


def _one_line(error: Any) -> str:
    """Return the first line of an engine's message that says something; the rest may be a screen of source positions."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    useful = [line for line in lines if not line.startswith(("Exception from", "Check '"))]
    return " ".join(useful or lines)[:400] or type(error).__name__
