"""The controls where the truth is planted: what explains the outcomes is found, and what does not is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.planted import EXACT, LAST_Q, PlantedRun

from truthmap.analyses.controls.base import Control, ControlResult, not_run
from truthmap.analyses.controls.command import rows_of
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import ControlFinding, ControlReading, ControlVerdict, amount, verdict_on
from truthmap.analyses.controls.registry import FILES, NAMES, ON_REQUEST, chosen_names, name_of
from truthmap.analyses.controls.run import load_control, measure
from truthmap.errors import ModelError, NotEnoughDataError, UsageError
from truthmap.metrics.estimate import Estimate

N = 420
V = ControlVerdict


def draw(seed: int = 3) -> np.random.Generator:
    return np.random.default_rng(seed)


def noisy(signal: np.ndarray, seed: int = 4, noise: float = 0.6) -> np.ndarray:
    return signal + noise * draw(seed).standard_normal(len(signal))


def in_the_question() -> PlantedRun:
    """Half the questions are easy: it shows at the prompt's end, and is all that the answer's state holds."""
    hard = draw().random(N) < 0.5
    right = np.where(hard, draw(1).random(N) < 0.1, draw(1).random(N) < 0.9)
    return PlantedRun(right, {LAST_Q: noisy(2.0 * ~hard), EXACT: noisy(2.0 * ~hard, 5, 0.55)})


def in_the_answer() -> PlantedRun:
    """Some answers are usually right: the state knows which answer it is, and nothing else."""
    which = draw().integers(0, 6, N)
    right = draw(1).random(N) < np.array([0.95, 0.9, 0.6, 0.4, 0.1, 0.05])[which]
    said = [["Lima", "Oslo", "Rome", "Cairo", "Quito", "Paris"][w] for w in which]
    return PlantedRun(right, {LAST_Q: draw(7).standard_normal(N), EXACT: noisy(-which * 1.0, 5, 0.1)}, said=said)


def within_answers() -> PlantedRun:
    """The state tells right from wrong; which answer it is, and which question, tell nothing."""
    which, right = draw().integers(0, 6, N), draw(1).random(N) < 0.5
    said = [["Lima", "Oslo", "Rome", "Cairo", "Quito", "Paris"][w] for w in which]
    return PlantedRun(right, {LAST_Q: draw(7).standard_normal(N), EXACT: noisy(2.0 * right, 5, 1.0)}, said=said)


def in_the_length() -> PlantedRun:
    """Long answers are right, and the state knows nothing but how long the answer is."""
    words = draw().integers(0, 6, N)
    right = draw(1).random(N) < np.array([0.05, 0.1, 0.3, 0.7, 0.9, 0.95])[words]
    started = ["well " * n + "it is " for n in words]
    return PlantedRun(right, {EXACT: noisy(words * 1.0, 5, 0.1)}, said=["Lima"] * N, started=started)


def in_a_leak() -> PlantedRun:
    """Half the prompts hand the answer over, and the state knows nothing but whether they do."""
    told = draw().random(N) < 0.5
    right = np.where(told, draw(1).random(N) < 0.95, draw(1).random(N) < 0.4)
    contexts = [f"Mind the golden thing {n}." if t else f"Mind the thing {n}." for n, t in enumerate(told)]
    accepted = [(f"golden thing {n}",) for n in range(N)]
    said = [f"golden thing {n}" if r else f"stone {n}" for n, r in enumerate(right)]
    return PlantedRun(right, {EXACT: noisy(2.0 * told, 5)}, said=said, accepted=accepted, contexts=contexts)


MADE = {
    "question": in_the_question,
    "answer": in_the_answer,
    "within": within_answers,
    "length": in_the_length,
    "leak": in_a_leak,
}
WORLDS = {name: ControlContext(made()) for name, made in MADE.items()}
"""The contexts keep what was fitted for one control, for the next."""


WIDEST = 28
"""Characters of a name that are not broken in the widest table of 80 columns."""


def found(world: str, name: str) -> ControlFinding:
    return measure(load_control(name), WORLDS[world])


@pytest.mark.parametrize(
    ("world", "name", "verdicts"),
    [
        ("question", "question-side", {V.NOTHING}),
        ("question", "answer-side", {V.HOLDS, V.PART}),
        ("answer", "question-side", {V.HOLDS, V.PART}),
        ("answer", "answer-side", {V.NOTHING}),
        ("answer", "within-same-answer", {V.NOTHING}),
        ("within", "question-side", {V.HOLDS, V.PART}),
        ("within", "answer-side", {V.HOLDS, V.PART}),
        ("within", "within-same-answer", {V.HOLDS}),
        ("length", "length-and-place", {V.NOTHING}),
        ("within", "length-and-place", {V.HOLDS}),
        ("leak", "gold-in-prompt", {V.NOTHING}),
        ("within", "gold-in-prompt", {V.HOLDS}),
    ],
)
def test_what_was_planted_is_what_is_found(world: str, name: str, verdicts: set[ControlVerdict]) -> None:
    finding = found(world, name)
    assert finding.verdict in verdicts, finding.says
    head = finding.headline
    assert head is not None
    assert head.left is not None
    whole = head.probe.value - 0.5
    assert (head.left.value < 0.3 * whole) == (verdicts == {V.NOTHING}), finding.says
    assert max(len(cells[0]) for cells in rows_of(finding)) <= WIDEST


def test_the_prompt_is_read_at_its_best_layer() -> None:
    readings = measure(load_control("question-side"), ControlContext(replace(in_the_question(), layers=2))).readings
    assert "layer 1, last_q" in [reading.name for reading in readings]


def test_the_reader_that_counts_is_chosen_where_nothing_is_tested() -> None:
    finding = found("answer", "answer-side")
    assert {reading.name for reading in finding.readings} >= {
        "the exact answer's words",
        "its usual outcome",
    }
    assert finding.readings[0].value.n == finding.readings[-1].value.n
    assert finding.readings[0].name in finding.says


def test_a_leak_is_called_one_and_counted() -> None:
    finding = found("leak", "gold-in-prompt")
    told, n = map(int, finding.facts["prompts with the accepted answer"].split(" of "))
    assert n == N
    assert 0.4 * N < told < 0.6 * N
    assert finding.says.startswith("A leak: ")
    named = {reading.name: reading for reading in finding.readings}
    assert named["answer is in the prompt"].value.low > 0.6
    assert "the answer is in the prompt" not in found("within", "gold-in-prompt").says


def test_few_answers_say_nothing() -> None:
    few = within_answers()
    tiny = PlantedRun(few.right[:36], {p: s[:36] for p, s in few.signals.items()}, said=few.said[:36])
    for name in ("question-side", "within-same-answer", "length-and-place", "label-noise"):
        finding = measure(load_control(name), ControlContext(tiny))
        assert finding.verdict is V.UNCLEAR
        assert finding.share_left is None
        assert "too few" in finding.says.lower()


def reading(left: float, low: float, high: float, whole: float = 0.4) -> ControlReading:
    probe = Estimate(value=0.5 + whole, low=0.45 + whole, high=1.0, n=100)
    return ControlReading(name="x", value=probe, probe=probe, left=Estimate(value=left, low=low, high=high, n=100))


@pytest.mark.parametrize(
    ("left", "verdict"),
    [
        (reading(0.38, 0.3, 0.45), V.HOLDS),
        (reading(0.2, 0.1, 0.3), V.PART),
        (reading(0.02, -0.05, 0.1), V.NOTHING),
        (reading(-0.2, -0.3, -0.1), V.NOTHING),
        (reading(0.2, -0.1, 0.5), V.UNCLEAR),
        (reading(0.03, 0.01, 0.05, whole=0.0), V.UNCLEAR),
        (reading(0.03, 0.01, 0.05, whole=-0.1), V.UNCLEAR),
    ],
)
def test_a_verdict_goes_by_the_interval(left: ControlReading, verdict: ControlVerdict) -> None:
    assert verdict_on(left) is verdict


def test_amounts_never_decrease() -> None:
    words = [amount(share / 100) for share in range(101)]
    order = ["little", "part", "about half", "most", "nearly all"]
    assert [order.index(word) for word in words] == sorted(order.index(word) for word in words)


def test_names_are_chosen_and_checked() -> None:
    assert set(NAMES) - set(chosen_names()) == set(map(name_of, ON_REQUEST))
    assert chosen_names(only=["answer_side", "question-side"]) == ("question-side", "answer-side")
    assert "answer-side" not in chosen_names(without=["answer-side"])
    with pytest.raises(UsageError, match=r"no control 'questionside' \(did you mean 'question-side'"):
        chosen_names(only=["questionside"])
    with pytest.raises(UsageError, match="no control is left"):
        chosen_names(only=["answer-side"], without=["answer_side"])


@pytest.mark.parametrize("file", FILES)
def test_every_file_has_its_control_and_paper(file: str) -> None:
    control = load_control(file.replace("_", "-"))
    assert control.name == file.replace("_", "-")
    assert control.after
    assert control.measure.__doc__


@pytest.mark.parametrize(
    ("error", "verdict"), [(ModelError("gone"), V.NOT_RUN), (NotEnoughDataError("three answers"), V.UNCLEAR)]
)
def test_what_a_control_lacks_is_said(error: Exception, verdict: ControlVerdict) -> None:
    def fails(_context: ControlContext) -> ControlResult:
        raise error

    finding = measure(Control("made", "nobody", fails), WORLDS["within"])
    assert finding.verdict is verdict
    assert str(error) in finding.says
    assert not_run("why").of(Control("made", "nobody", fails)).headline is None
