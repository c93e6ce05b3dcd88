"""LPIPS, the learned distance between two pictures, as an ONNX graph on the CPU.

R. Zhang, P. Isola, A. Efros, E. Shechtman, O. Wang, "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
CVPR 2018; version 0.1 with the AlexNet backbone, which is what papers on dual-pixel deblurring print. The weights and their
licences are named in `NOTICE` next to them; `models.training.lpips_graph` makes the file.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dpdeblur.models.errors import ModelError

GRAPH = Path(__file__).with_name("lpips-alex.onnx")
SMALLEST = 31  # px: below, the deepest features have no position left


class Lpips:
    """The distance, open and ready. Safe from many threads.

    Args:
        threads: cores that one pair of pictures uses.
    """

    def __init__(self, threads: int = 1) -> None:
        import onnxruntime  # noqa: PLC0415 - a tenth of a second that only those who ask for LPIPS should wait for

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.enable_mem_pattern = False  # sizes differ from picture to picture
        options.log_severity_level = 4
        self._session = onnxruntime.InferenceSession(str(GRAPH), options, providers=["CPUExecutionProvider"])

    def distances(self, pictures: NDArray[np.float32], target: NDArray[np.float32]) -> list[float]:
        """Return the LPIPS distance of each picture from one target: 0 if they are equal, larger where they look less alike.

        The features of the target are computed once for all pictures. The distance is symmetric.

        Args:
            pictures: float32 [n, 3, H, W], RGB, values 0 to 1, H and W at least 31.
            target: float32 [3, H, W], likewise.

        Raises:
            ModelError: the shapes differ, or are too small.
        """
        if pictures.ndim != 4 or pictures.shape[1:] != target.shape or target.shape[0] != 3 or min(target.shape[1:]) < SMALLEST:
            raise ModelError(
                f"LPIPS compares RGB pictures of the same size, at least {SMALLEST} px each way: "
                f"not {pictures.shape[1:]} and {target.shape}"
            )
        (distances,) = self._session.run(["distance"], {"first": pictures, "second": target[None]})
        return [float(distance) for distance in distances]


@cache
def open_lpips(threads: int = 1) -> Lpips:
    """Return the LPIPS network, opened once per process for each number of threads."""
    return Lpips(threads)
