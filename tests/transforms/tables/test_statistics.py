"""Statistics computed file by file are those of the whole, and those computed row by row."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpdeblur.transforms.records import Failure, Score
from dpdeblur.transforms.scoring.extra_metrics import EXTRA_METRICS
from dpdeblur.transforms.tables.schemas import to_table
from dpdeblur.transforms.tables.sketch import STAGES, sketches
from dpdeblur.transforms.tables.statistics import SCORES, RunStatistics
from dpdeblur.transforms.tables.statistics_json import from_json, to_json
from tests.rows import failure, score

MS = st.floats(0, 1e5) | st.just(0.0) | st.just(1e-6)
SCORE = st.builds(
    lambda psnr, subset, width, lossy, times: {
        "psnr_db": psnr,
        "subset": subset,
        "width": width,
        "source_lossy": lossy,
        **{f"{stage}_ms": ms for stage, ms in zip(STAGES, times, strict=True)},
    },
    st.none() | st.floats(1, 99) | st.just(math.inf),
    st.sampled_from(["", "test", "val"]),
    st.integers(1, 3),
    st.sampled_from(["", "left target"]),
    st.tuples(*[MS] * len(STAGES)),
)
FAILURE = st.tuples(st.sampled_from(["read", "decode"]), st.sampled_from(["A", "B"]))


def statistics(files: list[list[Score]], failures: list[list[Failure]]) -> RunStatistics:
    found = RunStatistics()
    for rows in files:
        found.add_metrics(to_table(rows, Score))
    for failed in failures:
        found.add_failures(to_table(failed, Failure))
    return found


@given(st.lists(SCORE, max_size=12), st.lists(FAILURE, max_size=6), st.integers(1, 4))
def test_any_split_into_files_gives_the_statistics_of_the_rows(
    changes: list[dict[str, object]], failed: list[tuple[str, str]], files: int
) -> None:
    scores = [score(f"s{number}", **each) for number, each in enumerate(changes)]
    failures = [failure(f"f{n}", stage=stage, error_type=error) for n, (stage, error) in enumerate(failed)]
    found = statistics([scores[n::files] for n in range(files)], [failures[n::files] for n in range(files)])
    assert (found.restored, found.failed) == (len(scores), len(failures))
    for name in {"", *(row.subset for row in scores)}:
        group = [row for row in scores if not name or row.subset == name]
        scored = [row.psnr_db for row in group if row.psnr_db is not None]
        finite = [value for value in scored if math.isfinite(value)]
        quality = found.quality[name]
        assert (quality.restored, quality.scored) == (len(group), len(scored))
        assert quality.infinite["psnr_db"] == len(scored) - len(finite)
        assert quality.mean("psnr_db") == (pytest.approx(np.mean(finite)) if finite else None)
    lossy = sum(row.psnr_db is not None and bool(row.source_lossy) for row in scores)
    assert found.against_lossy_targets == lossy
    for kind in set(failed):
        of_kind = [row for row in failures if (row.stage, row.error_type) == kind]
        cause = found.causes[kind]
        assert (cause.scenes, cause.scene_id) == (len(of_kind), min(row.scene_id for row in of_kind))
    expected = sketches(scores)
    assert found.times.keys() == expected.keys()
    for group_key, sketch in found.times.items():
        one_by_one = expected[group_key]
        assert (sketch.count, sketch.low, sketch.high) == (one_by_one.count, one_by_one.low, one_by_one.high)
        assert sketch.mean == pytest.approx(one_by_one.mean)
        assert sketch.squares == pytest.approx(one_by_one.squares, rel=1e-6, abs=1e-6)
        for q in (0.5, 0.9, 0.99):
            assert sketch.quantile(q) == pytest.approx(one_by_one.quantile(q), rel=1.1e-3, abs=1e-9)


@given(st.lists(SCORE, max_size=9), st.lists(FAILURE, max_size=6), st.integers(1, 4))
def test_statistics_of_parts_that_came_as_json_are_those_of_the_whole(
    changes: list[dict[str, object]], failed: list[tuple[str, str]], parts: int
) -> None:
    scores = [score(f"s{number}", **each) for number, each in enumerate(changes)]
    failures = [failure(f"s{n}", stage=stage, error_type=error) for n, (stage, error) in enumerate(failed)]
    whole, merged = RunStatistics(), RunStatistics()
    for part in range(parts):
        rows = to_table(scores[part::parts], Score), to_table(failures[part::parts], Failure)
        whole.add(*rows)
        one = RunStatistics()
        one.add(*rows)
        merged.merge(from_json(json.loads(json.dumps(to_json(one)))))
    assert merged == whole


def test_all_metrics_are_averaged() -> None:
    assert set(SCORES) == {"psnr_db", "ssim", "mae", *EXTRA_METRICS}
