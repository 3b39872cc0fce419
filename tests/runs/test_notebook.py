"""What a notebook shows of a run, and the map on axes of one's own."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from matplotlib.figure import Figure
from tests.made_run import HOSTILE, Made, make_run

from truthmap.runs.notebook import facts_html
from truthmap.runs.run import Run


class Seen(HTMLParser):
    """Collects what a page holds."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(html: str) -> Seen:
    parser = Seen()
    parser.feed(html)
    return parser


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("notebook") / "run", Made(n=60, layers=3))


def test_a_run_is_told_by_its_address(run: Run) -> None:
    assert repr(run) == f"Run({str(run.path)!r})"


def test_a_notebook_shows_what_the_run_found(run: Run) -> None:
    shown = seen(run._repr_html_())
    assert set(shown.tags) == {"table", "caption", "b", "tr", "th", "td"}
    assert "made-model" in shown.text
    assert f"layer {run.summary.layer}, {run.summary.position}" in shown.text
    assert str(run.summary.test) in shown.text


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_texts_in_a_notebook(text: str) -> None:
    shown = seen(facts_html(text, [(text, text)]))
    assert set(shown.tags) == {"table", "caption", "b", "tr", "th", "td"}
    assert "\x1b" not in shown.text


def test_the_map_is_drawn_on_given_axes(run: Run) -> None:
    axes = Figure().subplots(1, 2)
    assert run.plot(axes[1]) is axes[1]
    assert axes[1].images or axes[1].collections
    assert not axes[0].has_data()
    assert run.plot().get_xlabel() == axes[1].get_xlabel() == "Token"
