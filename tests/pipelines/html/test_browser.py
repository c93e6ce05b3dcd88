"""The pages in a real browser: they open without errors, sort, filter, zoom and slide, by mouse and by keyboard."""

from __future__ import annotations

import base64
import io
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dpdeblur.pipelines.html import comparison_gallery, comparison_page, gallery, report_page
from dpdeblur.transforms.scoring.compare_runs import compare_runs
from dpdeblur.transforms.tables.results import read_run
from tests.builders import make_scenes, write_folders
from tests.cluster.commands import wait_for
from tests.rows import failure, score
from tests.runs import random_scores, write_run

sync_api = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")

PATIENCE_S = 300.0  # not to be reached
HOSTILE = "<img src=x onerror=document.title='taken'>"
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]


def wait_until(tab: Any, expression: str) -> None:
    """Wait until JavaScript says so, asked again and again from here: the page's policy lets it evaluate no text itself."""
    wait_for(lambda: tab.evaluate(expression), seconds=PATIENCE_S)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET, timeout=1e3 * PATIENCE_S)
        yield chromium
        chromium.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A report and a comparison; some scenes of the report have pictures."""
    folder = tmp_path_factory.mktemp("pages")
    scenes = make_scenes(4, height=480, width=720, bits=8)
    source = write_folders(folder / "scenes", scenes)
    rows = [
        score(name, psnr_db=20.0 + 20 * (i % 2), subset="indoor", image_path=f"images/{name}.png")
        for i, name in enumerate(scenes)
    ]
    rows += [score(HOSTILE, subset="outdoor"), *random_scores(60)]
    run = write_run(folder / "run", rows, [failure("broken", message=HOSTILE)], manifest={"input": str(source)})
    for name, roles in scenes.items():
        (run / "images").mkdir(exist_ok=True)
        (run / "images" / f"{name}.png").write_bytes(roles["target"])
    first = read_run(run)
    (folder / "report.html").write_text(report_page.render(first, gallery.collect(first, first.scores, most=3)))
    others = [
        read_run(write_run(folder / name, [*rows[:4], *random_scores(60, gain=gain)], manifest={"input": str(source)}))
        for name, gain in (("other", 0.5), ("a-method-with-a-long-name", 1.0))
    ]
    for other in others:
        (Path(other.folder) / "images").symlink_to(run / "images")
    pair = [others[0], first]
    (folder / "compare.html").write_text(comparison_page.render(compare_runs(pair)))
    three = [*pair, others[1]]
    result = compare_runs(three)
    (folder / "three.html").write_text(comparison_page.render(result, comparison_gallery.collect(three, result)))
    return {name: folder / f"{name}.html" for name in ("report", "compare", "three")}


@pytest.fixture
def open_page(browser: Any, files: dict[str, Path]) -> Iterator[Any]:
    """Opens a page; at the end nothing may have gone wrong, and nothing been fetched."""
    troubles: list[str] = []
    contexts: list[Any] = []

    def opened(name: str, density: float = 1, width: int = 1280) -> Any:
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, device_scale_factor=density))
        contexts[-1].set_default_timeout(1e3 * PATIENCE_S)
        tab = contexts[-1].new_page()
        tab.on("console", lambda message: troubles.append(message.text))
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("request", lambda request: None if re.match("file:|data:", request.url) else troubles.append(request.url))
        tab.goto(files[name].as_uri())
        if name != "compare":
            tab.locator(".frame").first.wait_for()
        return tab

    yield opened
    for context in contexts:
        context.close()
    assert troubles == []


def column(tab: Any, label: str) -> list[str]:
    return list(
        tab.evaluate(
            """label => { const table = document.querySelector('#scene-table table');
            const at = [...table.querySelectorAll('thead th')].findIndex(th => th.textContent.trim() === label);
            return [...table.querySelectorAll('tbody tr')].map(row => row.children[at].textContent); }""",
            label,
        )
    )


def number(text: str) -> float:
    return float(text.replace("\u2212", "-").replace("\u221e", "inf"))


def places(tab: Any) -> list[tuple[float, ...]]:
    """How each picture lies in its frame: left, top, scale."""
    transforms = tab.evaluate("[...document.querySelectorAll('.layer img')].map(image => image.style.transform)")
    return [tuple(map(float, re.findall(r"-?[\d.]+", each))) for each in transforms]


def as_one(found: list[tuple[float, ...]]) -> bool:
    """Whether all lie alike, within a pixel: frames themselves may begin between two."""
    return bool(np.ptp(np.array(found), axis=0).max() <= 1)


@pytest.mark.parametrize("name", ["report", "compare", "three"])
def test_opens_and_fits_on_a_desk_and_on_a_phone(open_page: Any, name: str) -> None:
    tab = open_page(name)
    assert tab.locator("#scene-table tbody tr").count() == 25
    for width in (1280, 768, 390):
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.title() != "taken"


def centre(tab: Any) -> list[float]:
    """The pixel of the picture in the middle of the first frame, and the scale: pixels of the screen for one of it."""
    return list(
        tab.evaluate(
            """() => { const frame = document.querySelector('.frame'), image = frame.querySelector('img');
            const [a, b] = [frame, image].map(e => e.getBoundingClientRect());
            const scale = b.width / image.width;
            return [(a.left + a.width / 2 - b.left) / scale,
            (a.top + a.height / 2 - b.top) / scale, scale * devicePixelRatio]; }"""
        )
    )


@pytest.mark.parametrize("density", [1, 1.5, 2])
def test_opens_at_one_pixel_for_one_above_the_fold(open_page: Any, density: float) -> None:
    """What the screen shows are the pixels of the picture, to the last bit, whatever the screen's density."""
    tab = open_page("report", density)
    assert tab.locator("output").text_content() == "100 %"
    box = tab.locator(".frame").bounding_box()
    assert box["y"] + box["height"] < 900
    tab.locator(".divider").evaluate("e => { e.hidden = true; e.style.display = 'none'; }")
    tab.locator(".layer").nth(1).evaluate("e => { e.style.display = 'none'; }")
    shown = np.asarray(Image.open(io.BytesIO(tab.screenshot())).convert("RGB"))
    source = tab.locator(".layer img").first.get_attribute("src")
    picture = np.asarray(Image.open(io.BytesIO(base64.b64decode(source.split(",")[1]))).convert("RGB"))
    at = tab.locator(".layer img").first.bounding_box()
    left, top = round(at["x"] * density), round(at["y"] * density)
    y, x = picture.shape[0] // 2, picture.shape[1] // 2
    size = 100
    patches = [
        shown[top + y + down : top + y + down + size, left + x + right : left + x + right + size].astype(int)
        for down in (-1, 0, 1)  # where a layer begins is rounded
        for right in (-1, 0, 1)
    ]
    wrong = [np.abs(patch - picture[y : y + size, x : x + size]).max() for patch in patches]
    assert min(wrong) <= 2 < sorted(wrong)[1]  # decoders may round differently


def test_nothing_jumps_where_the_mode_changes(open_page: Any) -> None:
    tab = open_page("report")
    tab.get_by_role("button", name="Zoom in").click()
    tab.locator(".panes").press("ArrowRight")
    before, below = centre(tab), tab.locator(".film").bounding_box()
    for mode, frames in (("Side by side", 3), ("Blink", 1), ("Slider", 1)):
        tab.get_by_role("button", name=mode).click()
        wait_until(tab, f"document.querySelectorAll('.frame').length === {frames}")
        assert centre(tab)[2] == pytest.approx(before[2])
        assert centre(tab)[:2] == pytest.approx(before[:2], abs=1)
        assert tab.locator(".film").bounding_box() == pytest.approx(below, abs=1)


def test_every_row_opens_its_scene(open_page: Any) -> None:
    tab = open_page("report")
    links = tab.locator("#scene-table tbody button.link")
    assert links.count() == 25
    tab.get_by_label("Filter All scenes").fill("scene-")
    assert tab.locator("#scene-table tbody img.thumb").count() == 4
    for name in column(tab, "Scene"):
        tab.locator("#scene-table").get_by_role("button", name=name).click()
        wait_until(tab, f"document.querySelector('#viewer').innerText.includes({name!r})")
    assert tab.locator(".lost").inner_text().count("--pictures all") <= 1
    tab.get_by_label("Filter All scenes").fill("0007")
    tab.locator("#scene-table tbody button.link").first.click()
    assert "0007" in tab.locator(".lost").inner_text() and "--pictures all" in tab.locator(".lost").inner_text()
    tab.get_by_role("button", name="Back to the pictures").click()
    assert tab.locator(".frame").first.is_visible()


def test_error_maps_and_blinking(open_page: Any) -> None:
    tab = open_page("report")
    plain = tab.locator(".layer img").first.get_attribute("src")
    tab.get_by_role("button", name="Error map").click()
    wait_until(tab, "document.querySelector('.layer img').src.startsWith('data:image/png')")
    assert "error \u00d7 4" in tab.locator(".panes figcaption").inner_text()
    tab.get_by_role("button", name="Error map").click()
    wait_until(tab, "!document.querySelector('.layer img').src.startsWith('data:image/png')")
    assert tab.locator(".layer img").first.get_attribute("src") == plain
    tab.get_by_role("button", name="Blink").click()
    wait_until(tab, "document.querySelector('figcaption .off')")
    tab.locator(".panes").press(" ")  # from here on by hand
    seen = []
    for _ in range(3):
        seen.append(tab.locator("figcaption .off").inner_text())
        tab.locator(".panes").press(" ")
    assert seen[0] == seen[2] != seen[1]


def test_one_lens_over_all_methods(open_page: Any) -> None:
    tab = open_page("three")
    assert tab.locator(".frame").count() == 5  # before, three methods, target
    assert tab.locator(".lens:visible").count() == 0
    box = tab.locator(".frame").nth(1).bounding_box()
    tab.mouse.move(box["x"] + 90, box["y"] + 80)
    assert tab.locator(".lens:visible").count() == 5
    glasses = tab.evaluate("[...document.querySelectorAll('.lens')].map(e => e.style.transform + e.firstChild.style.transform)")
    assert len(set(glasses)) == 1
    tab.get_by_role("button", name="Lens").click()
    tab.mouse.move(box["x"] + 95, box["y"] + 80)
    assert tab.locator(".lens:visible").count() == 0
    assert tab.locator("figcaption .best").count() >= 1
    assert tab.locator("#scene-table td.best").count() >= 25


def test_wide_tables_say_on_a_phone_that_they_go_on(open_page: Any) -> None:
    tab = open_page("three", width=390)
    box = tab.locator("#scene-table .scroll")
    assert "more-right" in box.get_attribute("class") and "more-left" not in box.get_attribute("class")
    box.evaluate("e => { e.scrollLeft = 1e6; }")
    wait_until(tab, "document.querySelector('#scene-table .scroll').classList.contains('more-left')")
    assert "more-right" not in box.get_attribute("class")


@pytest.mark.parametrize("name", ["report", "compare"])
def test_sorts_by_mouse_and_keyboard(open_page: Any, name: str) -> None:
    tab = open_page(name)
    label = "Gain" if name == "report" else "run gain"
    header = tab.locator("#scene-table th", has=tab.get_by_role("button", name=label, exact=True))
    assert header.get_attribute("aria-sort") == "ascending"
    gains = [number(text) for text in column(tab, label)]
    assert gains == sorted(gains) and gains[0] < 0
    header.get_by_role("button").focus()
    tab.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    gains = [number(text) for text in column(tab, label)]
    assert gains == sorted(gains, reverse=True) and gains[0] > 0
    tab.get_by_role("button", name="Scene", exact=True).click()
    assert header.get_attribute("aria-sort") == "none"
    names = column(tab, "Scene")
    assert names[0] in (HOSTILE, "0000")


def test_filters_and_turns_pages(open_page: Any) -> None:
    tab = open_page("report")
    status = tab.locator("#scene-table [role=status]")
    assert status.text_content() == "1\u201325 of 65 scenes"
    tab.get_by_role("button", name="Next").click()
    assert status.text_content() == "26\u201350 of 65 scenes"
    tab.get_by_label("Filter All scenes").fill("SCENE-00")
    assert column(tab, "Scene") == ["scene-000", "scene-002", "scene-001", "scene-003"]
    assert status.text_content() == "4 of 65 scenes"
    tab.get_by_label("Better or worse").select_option("-1")
    assert column(tab, "Scene") == ["scene-000", "scene-002"]
    tab.get_by_label("Filter All scenes").fill("")
    tab.get_by_label("Better or worse").select_option("")
    tab.get_by_label("Subset", exact=True).select_option("outdoor")
    assert set(column(tab, "Subset")) == {"outdoor"}
    assert status.text_content() == "1\u201325 of 31 of 65 scenes"


def side_by_side(tab: Any) -> None:
    tab.get_by_role("button", name="Side by side").click()
    wait_until(tab, "document.querySelectorAll('.frame').length === 3")


def test_all_pictures_zoom_and_pan_as_one(open_page: Any) -> None:
    tab = open_page("report")
    side_by_side(tab)
    start = places(tab)
    assert len(start) == 3 and as_one(start)
    tab.get_by_role("button", name="Zoom in").click()
    zoomed = places(tab)
    assert as_one(zoomed) and zoomed != start
    frame = tab.locator(".frame").nth(1)
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    tab.mouse.move(box["x"] + 100, box["y"] + 50)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 60, box["y"] + 40, steps=3)
    tab.mouse.up()
    panned = places(tab)
    assert as_one(panned) and panned != zoomed
    tab.keyboard.press("ArrowRight")  # a click into a picture leaves the focus on the viewer
    assert places(tab) != panned
    tab.mouse.wheel(0, -200)
    assert as_one(places(tab))
    tab.keyboard.press("0")
    picture, frame = tab.evaluate(SIZES)
    assert max(a / b for a, b in zip(picture, frame, strict=True)) == pytest.approx(1, abs=0.01)
    tab.keyboard.press("1")
    assert tab.locator("output").text_content() == "100 %"


SIZES = """['.frame img', '.frame'].map(e => document.querySelector(e).getBoundingClientRect())
.map(r => [r.width, r.height])"""


def test_pictures_never_get_smaller_than_their_frame(open_page: Any) -> None:
    tab = open_page("report")
    for _ in range(9):
        tab.get_by_role("button", name="Zoom out").click()
    picture, frame = tab.evaluate(SIZES)
    assert max(a / b for a, b in zip(picture, frame, strict=True)) == pytest.approx(min(1, 480 / frame[1]), abs=0.02)


def test_slides_by_keyboard_and_by_mouse(open_page: Any) -> None:
    tab = open_page("report")
    clip = "document.querySelectorAll('.frame .layer')[1].style.clipPath"
    assert tab.locator(".frame").count() == 1 and len(places(tab)) == 2
    assert "50%" in tab.evaluate(clip)
    slide = tab.get_by_role("slider", name="Divider between the two pictures")
    slide.focus()
    for _ in range(5):
        tab.keyboard.press("ArrowRight")
    assert "55%" in tab.evaluate(clip)
    frame = tab.locator(".frame")
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    tab.mouse.move(box["x"] + box["width"] * 0.55, box["y"] + 50)
    tab.mouse.down()
    tab.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + 60, steps=4)
    tab.mouse.up()
    assert float(re.findall(r"([\d.]+)%", tab.evaluate(clip))[-1]) == pytest.approx(20, abs=1)
    assert float(slide.get_attribute("aria-valuenow")) == pytest.approx(20, abs=1)
    tab.get_by_label("Left picture").select_option("1")
    wait_until(tab, "document.querySelector('.layer img').alt.startsWith('After')")


def test_scene_is_chosen_from_film_and_from_table(open_page: Any) -> None:
    tab = open_page("report")
    first = tab.locator(".layer img").first.get_attribute("alt")
    assert first == "Before, scene scene-000"
    tab.locator(".film button").nth(2).click()
    wait_until(tab, f"document.querySelector('.layer img').alt !== {first!r}")
    assert tab.locator(".film button[aria-pressed=true]").count() == 1
    tab.locator("#scene-table").get_by_role("button", name="scene-000").click()
    wait_until(tab, f"document.querySelector('.layer img').alt === {first!r}")
    tab.locator(".panes").press("n")
    wait_until(tab, f"document.querySelector('.layer img').alt !== {first!r}")


@pytest.mark.parametrize("name", ["report", "compare"])
def test_everything_has_a_name_and_a_focus_ring(open_page: Any, name: str) -> None:
    tab = open_page(name)
    nameless = tab.evaluate(
        """[...document.querySelectorAll('button, input, select, svg, img, [role=region], [role=group]')].filter(e =>
        !(e.textContent.trim() || e.getAttribute('aria-label')) && e.getAttribute('alt') === null).map(e => e.outerHTML)"""
    )
    assert nameless == []
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    ringless = tab.evaluate(
        """[...document.querySelectorAll('button:enabled, input, select, a, [role=slider]')]
        .filter(e => e.checkVisibility()).filter(e => {
        e.focus({focusVisible: true}); return getComputedStyle(e).outlineStyle === 'none'; }).map(e => e.outerHTML)"""
    )
    assert ringless == []


def test_text_stands_out(open_page: Any) -> None:
    """WCAG 2.2 AA: a contrast of 4.5 for text, in every colour on every ground, by day and by night."""
    tab = open_page("report")
    grounds = {}
    for scheme in ("light", "dark"):
        tab.emulate_media(color_scheme=scheme)
        bright = {name: luminance(tab, name) for name in ("ink", "soft", "after", "worse", "good", "paper", "raised", "wash")}
        grounds[scheme] = bright["paper"]
        for text in ("ink", "soft", "after", "worse", "good"):
            for ground in ("paper", "raised", "wash"):
                high, low = sorted((bright[text], bright[ground]), reverse=True)
                assert (high + 0.05) / (low + 0.05) >= 4.5, (scheme, text, ground)
    assert grounds["dark"] < 0.05 and grounds["light"] > 0.9


def luminance(tab: Any, name: str) -> float:
    """Relative luminance of one of the page's colours, after WCAG 2."""
    value = tab.evaluate(f"getComputedStyle(document.documentElement).getPropertyValue('--{name}')")
    light = [int(part, 16) / 255 for part in re.findall("..", value.strip("# "))]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in light]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
