"""What notebooks and prompts show: a line, small tables, the map on axes of one's own, an answer to be read."""

from __future__ import annotations

from html.parser import HTMLParser

import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.made_run import HOSTILE, Made, make_run

from truthmap.analyses.registry import ANALYSES
from truthmap.errors import UsageError
from truthmap.figures.interactive import interactive_map
from truthmap.metrics.estimate import Estimate
from truthmap.positions import Position
from truthmap.probes.grid import Grid
from truthmap.records import Answer, Site, Span
from truthmap.runs.answer_view import SCORES
from truthmap.runs.data import RunData
from truthmap.runs.run import Run
from truthmap.shaded_answer import ShadedAnswer, ShadedToken, token_texts, wrote_part_of
from truthmap.shown import LONGEST, MOST_CELLS, Shown, facts_html, map_html

TAGS = {"table", "caption", "b", "tr", "th", "td", "div", "span"}


class Seen(HTMLParser):
    """Collects what a page holds."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def seen(html: str) -> Seen:
    parser = Seen()
    parser.feed(html)
    return parser


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("notebook") / "run", Made(n=60, layers=3))


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Run:
    return make_run(tmp_path_factory.mktemp("hostile") / "run", Made(n=30, layers=2, texts=HOSTILE))


def test_a_run_is_told_by_its_address(run: Run) -> None:
    assert repr(run) == f"Run({str(run.path)!r})"


def test_a_notebook_shows_what_the_run_found(run: Run) -> None:
    shown = seen(run._repr_html_())
    assert "made-model" in shown.text
    assert f"layer {run.summary.layer}, {run.summary.position}" in shown.text
    assert str(run.summary.test) in shown.text


def test_what_a_run_holds_is_told_in_one_short_line(run: Run) -> None:
    data = RunData.load(run)
    things = (run, run.summary, data.grid(), data.labels, data.answers[0], data.questions[0], data.grades[0])
    told = [repr(thing) for thing in (*things, data.out_of_fold(), run.show("q00001"))]
    assert [line for line in told if len(line) > LONGEST or "\n" in line or "(" not in line] == []
    assert [str(thing) for thing in things] == told[: len(things)]


@pytest.mark.parametrize("analysis", [each for each in ANALYSES if each.saved is not None], ids=lambda each: each.name)
def test_the_result_of_every_analysis_shows_itself(analysis: object) -> None:
    kind = analysis.saved.load_kind()  # type: ignore[attr-defined]
    assert issubclass(kind, Shown)
    assert kind.__repr__ is Shown.__repr__
    assert kind.__str__ is Shown.__str__


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_are_texts_in_a_notebook(text: str) -> None:
    answer = ShadedAnswer(text, (ShadedToken(text, 0.5, text, True),), ((text, text),), text)
    for html in (facts_html(text, [(text, text)]), answer._repr_html_(), map_html([[0.5]], [text])):
        shown = seen(html)
        assert shown.tags <= TAGS
        assert shown.attributes <= {"style", "title", "dir"}
        assert "\x1b" not in html


def test_all_of_a_hostile_run_is_text_in_a_notebook(hostile: Run) -> None:
    data = RunData.load(hostile)
    answers = [hostile.show(str(grade.key), "log_prob") for grade in data.grades[: len(HOSTILE)]]
    for thing in (hostile, hostile.summary, data.grid(), *answers):
        shown = seen(thing._repr_html_())
        assert shown.tags <= TAGS
        assert shown.attributes <= {"style", "title", "dir"}
        assert not any(ord(letter) < 32 for letter in repr(thing))


def test_a_large_map_is_left_to_its_figure() -> None:
    wide = map_html([[0.7] * 10] * (MOST_CELLS // 10), [str(n) for n in range(10)])
    assert wide.count("<td") == MOST_CELLS
    assert map_html([[0.7] * 10] * (MOST_CELLS // 10 + 1), [str(n) for n in range(10)]) == ""


def test_a_grid_without_a_probe_shows_itself() -> None:
    nothing = np.full((2, 1), np.nan)
    none = np.zeros((2, 1), dtype=np.int64)
    grid = Grid(
        Site.RESIDUAL, (Position.of("-1"),), nothing, nothing, nothing, none, none, nothing, none.astype(bool), nothing
    )
    assert repr(grid) == "Grid(residual, 2 layers × 1 positions)"
    assert "too few answers" in grid._repr_html_()


def test_the_map_is_drawn_on_given_axes(run: Run) -> None:
    axes = Figure().subplots(1, 2)
    assert run.plot(axes[1]) is axes[1]
    assert axes[1].images or axes[1].collections
    assert not axes[0].has_data()
    assert run.plot().get_xlabel() == axes[1].get_xlabel() == "Token"


def test_a_notebook_shows_the_map_without_pyplot(run: Run) -> None:
    assert run.plot().figure._repr_png_().startswith(b"\x89PNG")


def test_the_interactive_map_holds_the_grid(run: Run) -> None:
    grid, best = RunData.load(run).grid(), run.summary
    figure = run.plot_interactive()
    heat, star = figure.data
    np.testing.assert_array_equal(np.asarray(heat.z, dtype=float), grid.auc)
    assert (star.y[0], grid.positions[star.x[0]]) == (best.layer, best.position)
    assert f"AUC {Estimate.__str__(grid.estimate(grid.cell(1, 2)))}" in heat.text[1][2]
    assert [str(position) for position in grid.positions] == list(figure.layout.xaxis.ticktext)


def test_a_page_that_draws_no_plotly_has_the_plain_map(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    figure = run.plot_interactive()
    monkeypatch.setattr("plotly.io.renderers.default", "plotly_mimetype")
    shown = figure._repr_mimebundle_()
    assert shown["text/html"] == RunData.load(run).grid()._repr_html_()
    assert shown["application/vnd.plotly.v1+json"]["data"]
    assert figure._ipython_display_ is None, "else that one format is all that is shown"


@pytest.mark.parametrize("text", HOSTILE)
def test_an_interactive_map_takes_no_text_for_markup(text: str) -> None:
    figure = interactive_map(np.array([[0.7]]), [Position.of("-1")], np.array([[text]], dtype=object), title=text)
    assert "<" not in (figure.layout.title.text + figure.data[0].text[0][0]).replace("<br>", "")


def test_an_unknown_answer_or_score_is_refused(run: Run) -> None:
    with pytest.raises(UsageError, match="no answer 'nobody'"):
        run.show("nobody")
    with pytest.raises(UsageError, match="there are probe, log_prob"):
        run.show("q00001", "mood")


@pytest.mark.parametrize("by", SCORES)
def test_a_shown_answer_is_the_answer(run: Run, by: str) -> None:
    data = RunData.load(run)
    trained = [grade for grade in data.grades if str(grade.key) not in set(data.labels.of(test=True).ids)]
    for grade in trained[:5]:
        shown = run.show(str(grade.key), by)
        assert shown.text == data.answer_of(grade.key).text
        assert grade.exact_answer in "".join(token.text for token in shown.tokens if token.is_exact)
        assert all(token.share is None or -1 <= token.share <= 1 for token in shown.tokens)
        assert shown.text in str(shown)


def test_tokens_are_shaded_by_what_the_map_read_there(run: Run) -> None:
    data = RunData.load(run)
    row, best = data.out_of_fold().ids[0], run.summary
    score = dict(zip(data.out_of_fold().ids, data.out_of_fold().scores[best.layer, -1], strict=True))[row]
    last = [token for token in run.show(str(row)).tokens if "at -1" in token.note]
    assert len(last) == 1
    assert f"P(right) {1 / (1 + np.exp(-score)):.2f} at -1" in last[0].note


@pytest.mark.parametrize(
    ("text", "offsets"),
    [
        ("", ()),
        ("ab c", ((0, 1), (1, 2), (2, 4))),
        ("é!", ((0, 1), (0, 1), (1, 2), (2, 2))),
        ("a  b ", ((0, 1), (3, 4))),
    ],
)
def test_token_texts_are_the_whole_text(text: str, offsets: tuple[tuple[int, int], ...]) -> None:
    answer = Answer("q", (1,), tuple(range(len(offsets))), text, (0.0,) * len(offsets), offsets, True)
    assert "".join(token_texts(answer)) == text
    assert len(token_texts(answer)) == len(wrote_part_of(answer, Span(0, 1))) == len(offsets)


def test_a_run_of_few_test_answers_says_above_its_numbers_that_they_decide_nothing(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "decide" not in seen(run._repr_html_()).text
    monkeypatch.setattr("truthmap.runs.summary.FEWEST_TO_DECIDE", run.summary.test.n + 1)
    for shown in (run, run.summary):
        assert f"{run.summary.test.n} test answers decide nothing" in seen(shown._repr_html_()).text


def test_a_number_with_its_interval_stays_in_one_line() -> None:
    short, long = "-0.08 [-0.16, +0.00]", "words that may go on in another line"
    html = facts_html("", [(short, long)])
    assert f"white-space:pre'>{short}" in html
    assert f"white-space:pre-wrap'>{long}" in html
