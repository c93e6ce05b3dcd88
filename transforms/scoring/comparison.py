"""The result of a comparison: means of each method, contrasts of each pair, and every shared scene."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dpdeblur.transforms.scoring.paired import Paired

ALL = "all"  # the name of all scenes among the subsets


@dataclass(frozen=True, slots=True)
class MetricColumn:
    """A metric that comparisons are made by: one column of the metrics table.

    Attributes:
        column: its name in the table.
        name: what the command line calls it.
        label: what tables call it.
        digits: behind the decimal point.
        higher_is_better: the direction.
        unit: empty if it has none.
    """

    column: str
    name: str
    label: str
    digits: int
    higher_is_better: bool = True
    unit: str = ""

    @property
    def sign(self) -> int:
        """What a value is multiplied by, so that more is better."""
        return 1 if self.higher_is_better else -1


METRICS = (
    MetricColumn("psnr_db", "psnr", "PSNR", 3, unit="dB"),
    MetricColumn("ssim", "ssim", "SSIM", 4),
    MetricColumn("mae", "mae", "MAE", 5, higher_is_better=False),
)
MORE_METRICS = (  # where every run was scored by them
    MetricColumn("lpips", "lpips", "LPIPS", 4, higher_is_better=False),
    MetricColumn("ms_ssim", "ms_ssim", "MS-SSIM", 4),
)


@dataclass(frozen=True, slots=True)
class MethodSummary:
    """One method over the shared scenes.

    Attributes:
        name: what the comparison calls it.
        folder: of its run.
        model: as in its tables; here and below, several values are joined by commas.
        backend: as in its tables.
        protocol: as in its tables.
        threads: as in its tables.
        concurrency: as in its tables.
        restored: scenes in the run's own tables.
        failed: scenes in the run's own tables.
        left_out: scenes it restored that another run did not.
        means: of each metric by its column, over the scored scenes of each subset and of `ALL`; None without any.
        input_psnr_db: the mean of the unprocessed pictures.
        cpu_s: mean over scenes of wall time of the model times its threads, in seconds: what one picture costs in CPU time.
            None, as are the next two, where pictures that somebody else restored were scored: their cost is not known.
        inference_p50_ms: median wall time of the model.
        ms_per_megapixel: total wall time of the model over total megapixels.
        front: its cost is known, and no other method is at least as good and as cheap, and better in one of the two.
    """

    name: str
    folder: str
    model: str
    backend: str
    protocol: str
    threads: str
    concurrency: str
    restored: int
    failed: int
    left_out: int
    means: Mapping[str, Mapping[str, float | None]]
    input_psnr_db: float | None
    cpu_s: float | None
    inference_p50_ms: float | None
    ms_per_megapixel: float | None
    front: bool = False

    def mean(self, column: str, subset: str = ALL) -> float | None:
        """Return the mean of a metric over the scored scenes of a subset."""
        return self.means[column].get(subset)


@dataclass(frozen=True, slots=True)
class Contrast:
    """One method against another, by one metric, over one subset; a positive mean is better for `method`, for errors too."""

    method: str
    baseline: str
    metric: str
    subset: str
    result: Paired


@dataclass(frozen=True, slots=True)
class SceneRow:
    """One shared scene: PSNR, SSIM and inference time of each method, in the order of `Comparison.names`.

    Times are None if pictures that somebody else restored were scored.
    """

    scene_id: str
    subset: str
    psnr_db: tuple[float | None, ...]
    ssim: tuple[float | None, ...]
    inference_ms: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Comparison of several methods.

    Attributes:
        names: the methods as given; the first is the baseline.
        metrics: those that every scored scene has in every run.
        methods: ranked as the challenge ranks, by PSNR and then by SSIM.
        subsets: of the scored scenes, where there are several; then `ALL`.
        contrasts: every method against every one before it: every metric, each subset and `ALL`.
        scenes: the shared ones, by name.
        shared: how many scenes all runs restored.
        scored: how many of them all runs scored.
        notes: what a reader must know.
    """

    names: tuple[str, ...]
    metrics: tuple[MetricColumn, ...]
    methods: tuple[MethodSummary, ...]
    subsets: tuple[str, ...]
    contrasts: tuple[Contrast, ...]
    scenes: tuple[SceneRow, ...]
    shared: int
    scored: int
    notes: tuple[str, ...]

    @property
    def in_order(self) -> list[MethodSummary]:
        """The methods as they were given."""
        return sorted(self.methods, key=lambda method: self.names.index(method.name))

    def contrast(self, method: str, baseline: str, metric: str, subset: str = ALL) -> Paired | None:
        """Return how a method compares with another, in either order; None if nothing was scored."""
        for found in self.contrasts:
            if (found.metric, found.subset) == (metric, subset):
                if (found.method, found.baseline) == (method, baseline):
                    return found.result
                if (found.baseline, found.method) == (method, baseline):
                    return found.result.turned()
        return None


def difference(scene: SceneRow, index: int) -> float | None:
    """Return the PSNR of method `index` less that of the first; 0 if both are infinite, None if one has none."""
    first, second = scene.psnr_db[0], scene.psnr_db[index]
    if first is None or second is None:
        return None
    return 0.0 if first == second else second - first
