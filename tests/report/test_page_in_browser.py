"""The page in a real browser: what a reader sees, hovers, clicks and types."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.made_run import HOSTILE
from tests.report.conftest import requests_of

from truthmap.positions import PAPER, Position
from truthmap.records import Site
from truthmap.report.maps import SiteMap, site_map
from truthmap.runs.data import RunData
from truthmap.runs.folder import run_folder
from truthmap.runs.run import Run, open_run

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

pytestmark = [pytest.mark.browser, pytest.mark.slow]

EXACT_LAST = PAPER.index(Position.of("exact_answer_last"))


@pytest.fixture
def page(chrome: Chrome, page_file: Path) -> Iterator[Chrome]:
    """Open the page afresh; whatever a test does, nothing is printed and nothing requested."""
    chrome.get_log("browser")
    chrome.get(page_file.as_uri())
    yield chrome
    assert chrome.get_log("browser") == []
    assert requests_of(chrome) <= {page_file.as_uri()}


def shown_map(page_file: Path) -> SiteMap:
    """Return the map that the page opens with: that of the chosen cell's site."""
    run = Run(run_folder(page_file.parent))
    return site_map(RunData.load(run), run.summary.site)


def script(page: Chrome, code: str, *values: Any) -> Any:
    return page.execute_script(code, *values)  # type: ignore[no-untyped-call]


def text(page: Chrome, name: str) -> str:
    return str(script(page, "return document.getElementById(arguments[0]).textContent", name))


def waited(page: Chrome, true: Callable[[], bool]) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    WebDriverWait(page, 10, poll_frequency=0.05).until(lambda _: true())


def move_to_cell(page: Chrome, layer: int, column: int, click: bool = False) -> None:
    from selenium.webdriver import ActionChains

    x, y = script(
        page,
        """
        const map = document.getElementById("heatmap");
        map.scrollIntoView({block: "center"});
        const box = map.getBoundingClientRect(), { xaxis, yaxis } = map._fullLayout;
        return [box.left + xaxis._offset + xaxis.l2p(arguments[0]), box.top + yaxis._offset + yaxis.l2p(arguments[1])];
        """,
        column,
        layer,
    )
    chain = ActionChains(page)
    chain.w3c_actions.pointer_action.move_to_location(round(x), round(y))
    if click:
        chain.w3c_actions.pointer_action.click()
    chain.perform()


def keys(page: Chrome, *pressed: str) -> None:
    page.switch_to.active_element.send_keys(*pressed)


def test_the_page_opens_at_the_chosen_cell_with_a_quiet_console(page: Chrome, page_file: Path) -> None:
    summary = Run(run_folder(page_file.parent)).summary
    assert text(page, "cell-title") == f"Layer {summary.layer}, {summary.position} – the chosen cell"


def test_hovering_a_cell_tells_its_numbers(page: Chrome, page_file: Path) -> None:
    columns = shown_map(page_file).columns
    move_to_cell(page, 3, EXACT_LAST)
    said: list[str] = []

    def hovers() -> bool:
        said[:] = [script(page, "return document.querySelector('#heatmap .hoverlayer')?.textContent ?? ''")]
        return bool(said[0])

    waited(page, hovers)
    at = (3, EXACT_LAST)
    for part in (
        "layer 3, exact_answer_last",
        f"AUC, cross-validated: {columns['auc'][at]:.3f} [{columns['low'][at]:.3f}, {columns['high'][at]:.3f}]",
        f"answers: {columns['n'][at]}",
        "corrected p-value:",
        "text baseline, cross-validated: 0.620",
        "C: 0.01",
        "converged: yes",
    ):
        assert part in said[0]


def test_clicking_a_cell_shows_its_curves_and_its_surest_answers(page: Chrome, page_file: Path) -> None:
    move_to_cell(page, 2, EXACT_LAST, click=True)
    waited(page, lambda: text(page, "cell-title") == "Layer 2, exact_answer_last")
    run = open_run(page_file.parent)
    scores = shown_map(page_file).scores
    assert scores is not None
    cell = scores.cell(2, EXACT_LAST)
    shown = script(
        page,
        """
        const of = (id) => document.getElementById(id).data;
        const [right, wrong] = of("histogram");
        return { roc: of("roc")[1].y, right: right.y, wrong: wrong.y, calibration: of("calibration")[1].x };
        """,
    )
    assert sum(shown["right"]) == cell.y.sum()
    assert sum(shown["wrong"]) == (~cell.y).sum()
    assert shown["calibration"] == pytest.approx(cell.calibration().predicted, abs=1e-3)
    assert shown["roc"][-1] == 1
    questions = {question.id: question.text for question in RunData.load(run).questions}
    worst = script(
        page, "return [...document.querySelectorAll('#examples > div')][2].querySelector('.asked').textContent"
    )
    assert worst[:20] == questions[cell.examples().wrong_high[0]][:20]
    assert script(page, "return document.querySelector('#examples mark').textContent") in ("Paris", "Lyon")


def test_the_switches_change_what_colour_shows(page: Chrome, page_file: Path) -> None:
    columns = shown_map(page_file).columns
    expected = {"significance": "p-value", "gain": "AUC gained", "within": "AUC within", "auc": "AUC"}
    at_exact_last = {
        "significance": -math.log10(max(columns["p_value"][5, EXACT_LAST], 1e-3)),
        "gain": (columns["auc"] - columns["text_baseline_auc"])[5, EXACT_LAST],
        "within": columns["within_auc"][5, EXACT_LAST],
        "auc": columns["auc"][5, EXACT_LAST],
    }
    for key, label in expected.items():
        script(page, "document.querySelector(`input[value=${arguments[0]}]`).click()", key)
        bar = "return document.getElementById('heatmap').data[0].colorbar.title.text"
        assert script(page, bar) == label
        shown = script(page, "return document.getElementById('heatmap').data[0].z")
        assert len(shown) == 8
        assert shown[5][EXACT_LAST] == pytest.approx(at_exact_last[key], abs=1e-3)


def test_the_best_cell_is_marked_and_the_marks_are_explained(page: Chrome, page_file: Path) -> None:
    best = open_run(page_file.parent).summary
    star = """
        const trace = document.getElementById('heatmap').data.find((each) => each.marker?.symbol === 'star');
        return [trace.y[0], trace.x[0]];
    """
    assert script(page, star) == [best.layer, PAPER.index(best.position)]
    assert "tokens of the exact answer" in text(page, "marks")
    assert "best cell" in text(page, "marks")


def test_the_other_site_is_shown_on_demand(page: Chrome, page_file: Path) -> None:
    chosen = str(open_run(page_file.parent).summary.site)
    other = next(site for site in (Site.RESIDUAL, Site.MLP) if site != chosen)
    script(page, "document.querySelector(`input[value=${arguments[0]}]`).click()", str(other))
    columns = site_map(RunData.load(Run(run_folder(page_file.parent))), other).columns
    z = script(page, "return document.getElementById('heatmap').data[0].z")
    assert z[5][EXACT_LAST] == pytest.approx(columns["auc"][5, EXACT_LAST], abs=1e-3)


def test_the_map_is_walked_with_the_keyboard(page: Chrome, page_file: Path) -> None:
    from selenium.webdriver.common.keys import Keys

    script(page, "document.querySelector('#views input').focus()")
    keys(page, Keys.ARROW_RIGHT)
    assert "p-value" in text(page, "view-says")
    for _ in range(4):
        if script(page, "return document.activeElement.id") == "heatmap":
            break
        keys(page, Keys.TAB)
    assert script(page, "return document.activeElement.id") == "heatmap"
    keys(page, Keys.HOME)
    best = open_run(page_file.parent).summary
    assert text(page, "cell-title").startswith(f"Layer {best.layer}, {best.position}")
    keys(page, Keys.ARROW_UP, Keys.ARROW_LEFT)
    column = PAPER.index(best.position) - 1
    assert text(page, "cell-title") == f"Layer {best.layer - 1}, {PAPER[column]}"
    assert f"layer {best.layer - 1}, {PAPER[column]}, AUC" in text(page, "live")
    keys(page, *[Keys.PAGE_UP] * 3, *[Keys.ARROW_LEFT] * 9)
    assert text(page, "cell-title") == "Layer 0, last_q"


def test_a_cell_without_a_probe_says_so(page: Chrome) -> None:
    move_to_cell(page, 0, PAPER.index(Position.of("-8")), click=True)
    waited(page, lambda: text(page, "cell-title") == "Layer 0, -8")
    assert "no probe" in text(page, "cell-numbers")
    assert "no probe" in text(page, "marks")
    assert script(page, "return document.getElementById('cell-curves').hidden")


def test_hostile_answers_stay_text(page: Chrome) -> None:
    for layer in range(8):
        for column in (0, EXACT_LAST):
            move_to_cell(page, layer, column, click=True)
    assert script(page, "return window.hacked === undefined")
    assert script(page, "return document.querySelectorAll('#examples script, #examples img, #examples b').length") == 0
    assert "<script>" in script(page, "return document.body.innerText")
    source = script(page, "return document.documentElement.outerHTML")
    for hidden in "\x07\x1b\u202e":
        assert hidden not in source


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_page_fits_the_screen_in_every_scheme(page: Chrome, scheme: str, width: int) -> None:
    page.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    page.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    try:
        waited(page, lambda: script(page, "return document.documentElement.scrollWidth") <= width)
        waited(page, lambda: script(page, "return document.getElementById('heatmap')._fullLayout.width") <= width)
        ink = script(page, "return document.getElementById('heatmap')._fullLayout.font.color")
        assert ink == {"light": "#16202c", "dark": "#e6ebf0"}[scheme]
    finally:
        page.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        page.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_every_kind_of_hostile_text_is_on_the_page(page_file: Path) -> None:
    """The texts above would prove nothing if none of them were shown."""
    html = page_file.read_text(encoding="utf-8")
    assert "window.hacked" in html
    assert html.count("<script") == 3
    assert HOSTILE[0] not in html
