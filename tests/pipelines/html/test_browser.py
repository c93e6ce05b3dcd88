"""The pages in a real browser: they open without errors, sort, filter, zoom and slide, by mouse and by keyboard."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dpdeblur.pipelines.html import comparison_page, gallery, report_page
from dpdeblur.transforms.scoring.comparison import compare
from dpdeblur.transforms.tables.results import read_run
from tests.builders import make_scenes, write_folders
from tests.rows import failure, score
from tests.runs import random_scores, write_run

sync_api = pytest.importorskip("playwright.sync_api", reason="drives the browser: pip install playwright")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: apt-get install chromium")

HOSTILE = "<img src=x onerror=document.title='taken'>"
QUIET = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"]
QUIET += ["--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=QUIET)
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
    (folder / "report.html").write_text(report_page.render(first, gallery.collect(first, each=2)))
    other = read_run(write_run(folder / "other", random_scores(60, gain=0.5)))
    (folder / "compare.html").write_text(comparison_page.render(compare([other, first])))
    return {name: folder / f"{name}.html" for name in ("report", "compare")}


@pytest.fixture
def open_page(browser: Any, files: dict[str, Path]) -> Iterator[Any]:
    """Opens a page; at the end nothing may have gone wrong, and nothing been fetched."""
    troubles: list[str] = []
    contexts: list[Any] = []

    def opened(name: str) -> Any:
        contexts.append(browser.new_context(viewport={"width": 1280, "height": 900}))
        tab = contexts[-1].new_page()
        tab.on("console", lambda message: troubles.append(message.text))
        tab.on("pageerror", lambda error: troubles.append(str(error)))
        tab.on("request", lambda request: None if re.match("file:|data:", request.url) else troubles.append(request.url))
        tab.goto(files[name].as_uri())
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


def places(tab: Any) -> list[str]:
    return list(tab.evaluate("[...document.querySelectorAll('.frame img')].map(image => image.style.transform)"))


@pytest.mark.parametrize("name", ["report", "compare"])
def test_opens_and_fits_on_a_desk_and_on_a_phone(open_page: Any, name: str) -> None:
    tab = open_page(name)
    assert tab.locator("#scene-table tbody tr").count() == 25
    for width in (1280, 768, 390):
        tab.set_viewport_size({"width": width, "height": 900})
        assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.title() != "taken"


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


def test_all_pictures_zoom_and_pan_as_one(open_page: Any) -> None:
    tab = open_page("report")
    start = places(tab)
    assert len(start) == 3 and len(set(start)) == 1
    tab.get_by_role("button", name="Zoom in").click()
    zoomed = places(tab)
    assert len(set(zoomed)) == 1 and zoomed != start
    frame = tab.locator(".frame").nth(1)
    frame.scroll_into_view_if_needed()
    box = frame.bounding_box()
    tab.mouse.move(box["x"] + 100, box["y"] + 50)
    tab.mouse.down()
    tab.mouse.move(box["x"] + 60, box["y"] + 40, steps=3)
    tab.mouse.up()
    panned = places(tab)
    assert len(set(panned)) == 1 and panned != zoomed
    tab.keyboard.press("ArrowRight")  # a click into a picture leaves the focus on the viewer
    assert places(tab) != panned
    tab.mouse.wheel(0, -200)
    assert len(set(places(tab))) == 1
    tab.keyboard.press("0")
    assert places(tab) == start
    tab.get_by_role("button", name="Show every pixel").click()
    assert tab.locator("output").text_content() == "100 %"


def test_pictures_never_get_smaller_than_their_frame(open_page: Any) -> None:
    tab = open_page("report")
    tab.get_by_role("button", name="Zoom out").click()
    sizes = "[document.querySelector('.frame img'), document.querySelector('.frame')].map(e => e.getBoundingClientRect())"
    picture, frame = tab.evaluate(f"{sizes}.map(r => [r.width, r.height])")
    assert picture == pytest.approx(frame, abs=1.5)


def test_slides_by_keyboard_and_by_mouse(open_page: Any) -> None:
    tab = open_page("report")
    tab.get_by_role("button", name="Slider").click()
    clip = "document.querySelectorAll('.frame .layer')[1].style.clipPath"
    assert tab.locator(".frame").count() == 1 and len(places(tab)) == 2
    assert "50%" in tab.evaluate(clip)
    slide = tab.get_by_role("slider", name="Divider between the two pictures")
    slide.focus()
    for _ in range(10):
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
    assert float(slide.input_value()) == pytest.approx(20, abs=1)
    tab.get_by_role("button", name="After | Target").click()
    assert tab.locator(".frame img").nth(0).get_attribute("alt").startswith("After")


def test_scene_is_chosen_from_strip_and_from_table(open_page: Any) -> None:
    tab = open_page("report")
    first = tab.locator(".frame img").first.get_attribute("alt")
    assert first == "Before, scene scene-000"
    tab.locator(".strip button").nth(3).click()
    chosen = tab.locator(".frame img").first.get_attribute("alt")
    assert chosen != first and tab.locator(".strip button[aria-pressed=true]").count() == 1
    tab.locator("#scene-table").get_by_role("button", name="scene-000").click()
    assert tab.locator(".frame img").first.get_attribute("alt") == first


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
        """[...document.querySelectorAll('button:enabled, input, select, a')].filter(e => e.checkVisibility()).filter(e => {
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
