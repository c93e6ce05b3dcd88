"""What the measurements of speed lean on: the same scenes for all, times read off files, verdicts, the table's place."""

from __future__ import annotations

import os
from functools import partial
from pathlib import Path

import pytest

from benchmarks import cores, graph, history, page, scenes, slots, timing
from benchmarks.answers import Answer
from benchmarks.emulated import Emulated
from dpdeblur.transforms.images.tone_curve import AS_STORED
from dpdeblur.transforms.layouts import find_scenes

FACTS = {"date": "2026-01-02", "cores": 2, "cpu": "A processor", "load_before": 0.1, "versions": "python 3", "minutes": 7.5}


def test_scenes_take_as_much_room_as_real_ones(tmp_path: Path) -> None:
    scenes.make(tmp_path, 1, width=320, height=240)
    files = list(tmp_path.glob("*/*.png"))
    assert len(files) == 4
    for file in files:
        assert 0.83 < file.stat().st_size / (320 * 240 * 6) < 0.89


def test_collections_name_the_same_files_under_new_ids(tmp_path: Path) -> None:
    scenes.make(tmp_path, 2, width=64, height=48)
    small, large = (find_scenes(str(scenes.collection(tmp_path, count)), "auto").scenes for count in (2, 5))
    assert [scene.scene_id for scene in large] == [f"{number:04d}" for number in range(5)]
    assert [scene.left for scene in large[:2]] == [scene.left for scene in small]
    assert large[4].target == large[0].target


def test_pace_is_that_of_full_swing(tmp_path: Path) -> None:
    for number in range(13):
        path = tmp_path / f"{number}.png"
        path.touch()
        when = (5000 if number else 0) + 250 * number  # five seconds of start-up after the first
        os.utime(path, ns=(when * 10**6, when * 10**6))
    assert timing.pace(tmp_path) == pytest.approx(250)


def test_every_second_tour_goes_backwards() -> None:
    order: list[str] = []

    def contestant(name: str) -> timing.Taken:
        order.append(name)
        return timing.Taken(1.0, 1.0, 1.0)

    taken = timing.tour({name: partial(contestant, name) for name in "abc"}, 2, lambda line: None)
    assert "".join(order) == "abccba"
    assert {name: len(runs) for name, runs in taken.items()} == {"a": 2, "b": 2, "c": 2}


def test_ratio_pairs_what_was_measured_side_by_side() -> None:
    assert timing.ratio([4.0, 8.0, 40.0], [1.0, 2.0, 4.0]) == 4.0


@pytest.mark.parametrize(
    ("answer", "met", "aim"),
    [
        (Answer("a", "", 4.0, "×", ">=", 4), True, "≥ 4 ×"),
        (Answer("b", "", 1.06, "×", "<=", 1.05), False, "≤ 1.05 ×"),
        (Answer("a", "", 1e-10, "", "<=", 1e-9), True, "≤ 1e-09"),
        (Answer("d", "", 2.0, "×"), None, ""),
    ],
)
def test_verdicts(answer: Answer, met: bool | None, aim: str) -> None:
    assert answer.met is met
    assert answer.cells()[3] == aim


def test_only_the_table_is_rewritten(tmp_path: Path) -> None:
    path = tmp_path / "performance.md"
    path.write_text(f"before\n{page.BEGIN}\nold\n{page.END}\nafter\n", encoding="utf-8")
    page.write(path, FACTS, [Answer("a", "this against that", 4.25, "×", ">=", 4, "400 / 94 ms")])
    text = path.read_text(encoding="utf-8")
    assert text.startswith("before\n") and text.endswith("\nafter\n") and "old" not in text
    assert "| a | this against that | 4.25 × | ≥ 4 × | yes | 400 / 94 ms |" in text


def test_the_plain_script_agrees(tmp_path: Path) -> None:
    """The rival's numbers are ours: otherwise the race means nothing."""
    pytest.importorskip("cv2", reason="OpenCV comes with the extra bench")
    from benchmarks import plain, stages
    from dpdeblur.transforms.images import codecs, conversion
    from dpdeblur.transforms.scoring import metrics

    folder = scenes.make(tmp_path, 1, width=48, height=40) / "scene-0"
    left, right, target = (codecs.decode((folder / f"{role}.png").read_bytes()) for role in ("left", "right", "target"))
    theirs = plain.restore(stages.Echo(), plain.read(str(folder / "left.png")), plain.read(str(folder / "right.png")), 32)
    picture = plain.to_integers(theirs)
    assert (picture == conversion.quantise(conversion.float_planes((left, right), AS_STORED)[:3], 16, 3)).all()
    ours = metrics.compare(picture, target)
    assert plain.scores(picture / plain.FULL, target / plain.FULL) == pytest.approx(
        (ours.psnr_db, ours.ssim, ours.mae), abs=1e-9
    )


def test_slots_are_held_against_one_slot_and_one_worker() -> None:
    names = ("local, 1 worker", "local, 2 workers", "Flink, 1 slot", "Flink, 2 slots")
    found = {name: {"scene_ms": ms, "command_s": 70.0} for name, ms in zip(names, (1000, 500, 1250, 625), strict=True)}
    lines = slots.table([found, found])
    assert lines[2] == "| local, 1 worker | 1.00 | 1.25 × | 1.00 × | 10 |"
    assert lines[5] == "| Flink, 2 slots | 1.60 | 2.00 × | 1.60 × | 32 |"
    assert lines[-1].startswith("2 rounds of 60 scenes")


def test_the_history_grows_and_names_commit_and_machine(tmp_path: Path) -> None:
    file = tmp_path / "history.csv"
    for number in (1, 2):
        history.append(
            file, f"commit{number}", FACTS, [Answer("a", "one, and another", 5.0 * number, "×"), Answer("b", "it", 1.0)]
        )
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == ",".join(history.COLUMNS)
    assert lines[1:3] == [
        '2026-01-02,commit1,A processor,2,0.1,a,"one, and another",5,×',
        "2026-01-02,commit1,A processor,2,0.1,b,it,1,",
    ]
    assert [line.split(",")[1] for line in lines[1:]] == ["commit1", "commit1", "commit2", "commit2"]


def test_the_time_of_a_graph_is_split_by_kinds_of_nodes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graph, "HEIGHT", 32)
    monkeypatch.setattr(graph, "WIDTH", 50)  # no multiple of what the network takes
    measured = graph.measure({"small": "dpdeblur-xs"}, 2, lambda line: None)
    assert {"Conv", "DepthToSpace"} <= {*measured["small"]}
    assert all(len(ms) == 2 for ms in measured["small"].values())
    shares = graph.shares(measured["small"])
    assert sum(shares.values()) == pytest.approx(1)
    assert list(shares.values()) == sorted(shares.values(), reverse=True)
    (answer,) = graph.answers(measured)
    assert answer.value == pytest.approx(100 * shares["Conv"])


def test_a_scene_that_holds_the_lock_limits_one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty milliseconds under the lock are at most fifty scenes a second, however many cores there are."""
    monkeypatch.setattr(cores, "SECONDS", 1.0)
    assert cores.pace(Emulated(computing_ms=80, held_ms=20), cores=16, processes=1) < 51
