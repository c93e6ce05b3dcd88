"""Named ways to score, so that a published number can be matched: each method's own evaluation, as its code computes it.

`dpdeblur` is the default and the yardstick; the others differ from it by little, and docs/protocols.md says by what and where
that is written. All take integers as stored, [H, W, 3] or [H, W] of 8 or 16 bits, and give `Metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dpdeblur.transforms.images.image import Image, full_range
from dpdeblur.transforms.records import UsageError
from dpdeblur.transforms.scoring.metrics import Metrics, comparable, compare, signature
from dpdeblur.transforms.wording import did_you_mean

Score = Callable[[Image, Image], Metrics]


@dataclass(frozen=True, slots=True)
class Protocol:
    """One way to score.

    Attributes:
        name: what `--protocol` calls it.
        description: what sets it apart, in one line.
        score: picture and target, of equal shape, to their scores. Raises SceneError where they cannot be compared.
        ssim: the window of its SSIM, for the signature.
        remarks: what else the signature says.
        bits: depth at which it compares; None for the depth of the files.
    """

    name: str
    description: str
    score: Score
    ssim: str = "uniform7"
    remarks: tuple[str, ...] = ()
    bits: int | None = None

    def signature(self, bits: int, *extra: str) -> str:
        """Return how a score of images of this depth was computed, by further metrics too, to be published with it."""
        return signature(self.bits or bits, self.ssim, *self.remarks, *extra)


def named(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        UsageError: there is none; says which there are.
    """
    if name in PROTOCOLS:
        return PROTOCOLS[name]
    raise UsageError(f"There is no protocol {name!r}.{did_you_mean(name, PROTOCOLS)} There are {', '.join(PROTOCOLS)}.")


def float64(picture: Image, target: Image) -> Metrics:
    """DPDNet: fractions of full range in float64; 100 dB where nothing differs."""
    return _by_scikit_image(picture, target, np.float64, identical=100.0)


def float32(picture: Image, target: Image) -> Metrics:
    """Restormer and MIRNetv2: the same in float32."""
    return _by_scikit_image(picture, target, np.float32, identical=100.0)


def cropped(picture: Image, target: Image, multiple: int) -> Metrics:
    """IFAN: both cropped at the right and the bottom to a multiple, then scikit-image in float32."""
    height, width = (side - side % multiple for side in picture.shape[:2])
    return _by_scikit_image(picture[:height, :width], target[:height, :width], np.float32, identical=math.inf)


def eight_bit(picture: Image, target: Image, score: Score) -> Metrics:
    """Both as an 8-bit reader sees them (OpenCV's default: the high byte of each sample), then another protocol."""
    return score(_high_byte(picture), _high_byte(target))


def gaussian(picture: Image, target: Image) -> Metrics:
    """PSNR and MAE as by default; SSIM with the Gaussian window of Wang et al. 2004: 11 by 11, sigma 1.5, no n - 1."""
    picture, target = comparable(picture, target, window=11)
    window = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "win_size": 11}
    ssim = _ssim(_fractions(picture, np.float64), _fractions(target, np.float64), **window)
    scores = compare(picture, target)
    return Metrics(scores.psnr_db, ssim, scores.mae)


def _by_scikit_image(picture: Image, target: Image, kind: type[np.floating[Any]], identical: float) -> Metrics:
    """PSNR and MAE by numpy, SSIM by scikit-image, all in one floating-point type."""
    picture, target = comparable(picture, target)
    a, b = _fractions(picture, kind), _fractions(target, kind)
    mse = float(np.mean((a - b) ** 2))
    psnr_db = 10 * math.log10(1 / mse) if mse else identical
    mae = np.mean(np.mean(np.abs(a - b), axis=0))  # columns first, as scikit-learn does: in float32 the order shows
    return Metrics(psnr_db, _ssim(a, b), float(mae))


def _ssim(a: NDArray[Any], b: NDArray[Any], **options: Any) -> float:
    from skimage.metrics import structural_similarity  # noqa: PLC0415  slow to import, and the default needs none of it

    return float(structural_similarity(a, b, data_range=1.0, channel_axis=-1 if a.ndim == 3 else None, **options))


def _fractions(picture: Image, kind: type[np.floating[Any]]) -> NDArray[Any]:
    fractions: NDArray[Any] = picture.astype(kind) / kind(full_range(picture))
    return fractions


def _high_byte(picture: Image) -> Image:
    return picture if picture.dtype == np.uint8 else (picture >> 8).astype(np.uint8)


PROTOCOLS = {
    protocol.name: protocol
    for protocol in (
        Protocol("dpdeblur", "the default: exact integers, uniform 7 by 7 SSIM", compare),
        Protocol("dpdnet", "DPDNet: float64, 100 dB for identical pictures", float64, remarks=("float64",)),
        Protocol("restormer", "Restormer, MIRNetv2: float32, 100 dB for identical pictures", float32, remarks=("float32",)),
        Protocol("8bit", "both reduced to 8 bits, as OpenCV reads by default", partial(eight_bit, score=compare), bits=8),
        Protocol(
            "ifan", "IFAN: cropped to a multiple of 8, float32", partial(cropped, multiple=8), remarks=("crop:8", "float32")
        ),
        Protocol(
            "ifan-8bit",
            "IFAN as configured by default: the same after reading 8 bits",
            partial(eight_bit, score=partial(cropped, multiple=8)),
            remarks=("crop:8", "float32"),
            bits=8,
        ),
        Protocol("gaussian", "SSIM with the Gaussian window of its authors, 11 by 11, sigma 1.5", gaussian, ssim="gaussian11"),
    )
}
DEFAULT = "dpdeblur"
