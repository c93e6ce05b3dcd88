"""The settings of scoring, and the scorer of one scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from dpdeblur.transforms.images.image import Image
from dpdeblur.transforms.scoring import protocols
from dpdeblur.transforms.scoring.alignment import align
from dpdeblur.transforms.scoring.extra_metrics import OpenMetric, open_metrics, signatures
from dpdeblur.transforms.scoring.preparation import Preparation
from dpdeblur.transforms.scoring.protocols import Protocol


@dataclass(frozen=True, slots=True)
class ScoringSettings:
    """How a run scores.

    Attributes:
        protocol: name of the way to compute PSNR, SSIM and MAE.
        metrics: names of the metrics beyond these.
        preparation: what is done to the pictures first.
    """

    protocol: str = protocols.DEFAULT
    metrics: tuple[str, ...] = ()
    preparation: Preparation = field(default=Preparation())

    def open(self, threads: int = 1) -> Scorer:
        """Return a scorer with these settings: networks opened with so many threads, kernels compiled."""
        if self.preparation.align:
            ramp = np.arange(64 * 64 * 3, dtype=np.uint16).reshape(64, 64, 3)
            for picture in (ramp, ramp.astype(np.uint8)):
                align(picture, picture, 1)
        return Scorer(protocols.named(self.protocol), open_metrics(self.metrics, threads), self.preparation)


@dataclass(frozen=True, slots=True)
class Scorer:
    """Scores pictures against their target.

    Attributes:
        protocol: computes PSNR, SSIM and MAE.
        extra: the metrics beyond these.
        preparation: what is done to the pictures first.
    """

    protocol: Protocol = field(default=protocols.PROTOCOLS[protocols.DEFAULT])
    extra: Sequence[OpenMetric] = ()
    preparation: Preparation = field(default=Preparation())

    def signature(self, *pictures: Image) -> str:
        """Return how a score of these pictures was computed, to be published with it."""
        bits = 16 if self.preparation.changes_values else max(picture.dtype.itemsize * 8 for picture in pictures)
        return self.protocol.signature(bits, *self.preparation.signature(), *signatures(self.extra))

    def extra_scores(self, restored: Image, unprocessed: Image, target: Image) -> dict[str, float]:
        """Return the scores by further metrics: by name, and by `input_<name>` of the unprocessed picture."""
        scores: dict[str, float] = {}
        for opened in self.extra:
            name = opened.metric.name
            scores[name], scores[f"input_{name}"] = opened.score([restored, unprocessed], target)
        return scores
