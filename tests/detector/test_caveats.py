"""What is claimed of an answer: nothing, unless it came as the answers did that the detector was measured on."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from truthmap.answers.prompt import GenerateSettings
from truthmap.detector.caveats import Caveat, ended_elsewhere
from truthmap.detector.config import AnswerSource, Role
from truthmap.detector.detector import Detector
from truthmap.detector.heads import Head
from truthmap.detector.score_file import score_file
from truthmap.detector.training_data import answer_source
from truthmap.detector.verdict import Verdict, verdict_row
from truthmap.records import Answer, Question

QUESTIONS = [f"Which {n * 7919 % 1000} is {n * 104729 % 997}?" for n in range(240, 264)]  # like those in training


def changed(detector: Detector, **asking: object) -> Detector:
    """Return the detector with other words about how it was trained."""
    config = detector.config
    sealed = config.model_copy(update={"asking": config.asking.model_copy(update=asking)})
    return replace(detector, artifact=replace(detector.artifact, config=sealed))


def require_no_claim(verdict: Verdict, caveat: Caveat) -> None:
    assert caveat in verdict.caveats
    assert (verdict.trusted, verdict.p_wrong, verdict.p_wrong_before, verdict.guarantee) == (None,) * 4
    assert not verdict.asked_as_trained
    assert caveat.sentence in verdict.explanation
    assert not any(word in verdict.explanation for word in ("guarantee", "confidence", "accepted", "of 100"))
    assert verdict.headline.startswith("nothing is claimed")


def sampled(detector: Detector, question: str) -> Verdict:
    return answered(detector, question, GenerateSettings(max_new_tokens=10, temperature=0.7))


def answered(detector: Detector, question: str, settings: GenerateSettings, prompt: str | None = None) -> Verdict:
    ids = None if prompt is None else detector.lm.prompt_ids(prompt)
    scorer = detector.stream_scorer(detector.question(question), settings, ids)
    events = [event for _, event in detector.stream_batch([scorer])]
    assert events[-1].verdict is not None
    return events[-1].verdict


@pytest.mark.parametrize(
    ("answer", "caveat"),
    [
        (lambda d, q: d.score(q, "It is France."), Caveat.GIVEN_ANSWER),
        (lambda d, q: d.score(q, d.ask(q).answer.text), Caveat.GIVEN_ANSWER),
        (sampled, Caveat.SAMPLED),
        (lambda d, q: answered(d, q, GenerateSettings(max_new_tokens=10), f"Think. {q}"), Caveat.OTHER_PROMPT),
        (lambda d, q: d.ask(d.question(q, ["France", "Peru"])), Caveat.OTHER_CANDIDATES),
        (lambda d, q: d.ask(q, 3), Caveat.OTHER_LENGTH),
        (lambda d, q: replace(d, allowed=("dtype",)).ask(q), Caveat.OTHER_MODEL),
        (lambda d, q: changed(d, answers=AnswerSource.GIVEN).ask(q), Caveat.GENERATED_ANSWER),
        (lambda d, q: changed(d, answers=AnswerSource.MIXED).ask(q), Caveat.MIXED_TRAINING),
        (lambda d, q: changed(d, answers=AnswerSource.MIXED).score(q, "It is France."), Caveat.MIXED_TRAINING),
    ],
)
def test_an_answer_that_came_otherwise_carries_no_claim(
    tiny_detector: Detector, answer: Callable[[Detector, str], Verdict], caveat: Caveat
) -> None:
    verdict = answer(tiny_detector, "Which 1 is 31?")
    require_no_claim(verdict, caveat)
    assert verdict.score is not None


def test_the_models_own_answer_asked_as_sealed_is_claimed(tiny_detector: Detector) -> None:
    verdicts = tiny_detector.ask_batch(QUESTIONS)
    assert all(verdict.asked_as_trained for verdict in verdicts)
    claimed = [verdict for verdict in verdicts if not verdict.caveats]
    assert len(claimed) > 4
    for verdict in claimed:
        assert isinstance(verdict.trusted, bool)
        assert verdict.p_wrong is not None
        assert verdict.guarantee == tiny_detector.config.guarantee


def test_the_sealed_prompt_in_ids_is_as_trained(tiny_detector: Detector) -> None:
    verdict = answered(tiny_detector, QUESTIONS[1], GenerateSettings(max_new_tokens=10), QUESTIONS[1])
    assert verdict.asked_as_trained


def moved(head: Head, threshold: float) -> Head:
    """Return a head that flags what lies beyond another distance."""
    ood = head.config.ood.model_copy(update={"threshold": threshold})
    return replace(head, config=head.config.model_copy(update={"ood": ood}))


@pytest.mark.parametrize(
    ("role", "caveat"),
    [(Role.ANSWER, Caveat.OUT_OF_DISTRIBUTION), (Role.BEFORE, Caveat.QUESTION_OUT_OF_DISTRIBUTION)],
)
def test_nothing_is_claimed_out_of_distribution(tiny_detector: Detector, role: Role, caveat: Caveat) -> None:
    heads = {**tiny_detector.artifact.heads, role: moved(tiny_detector.artifact.heads[role], 1e-6)}
    detector = replace(tiny_detector, artifact=replace(tiny_detector.artifact, heads=heads))
    located = [verdict for verdict in detector.ask_batch(QUESTIONS) if verdict.role is Role.ANSWER]
    assert located
    for verdict in located:
        assert caveat in verdict.caveats
        assert (verdict.trusted, verdict.p_wrong, verdict.guarantee) == (None,) * 3
        assert verdict.asked_as_trained, "it was asked as in training; it is the question that differs"
        assert "guarantee" not in verdict.explanation


def test_a_forecast_out_of_distribution_has_no_p_wrong(tiny_detector: Detector) -> None:
    heads = {**tiny_detector.artifact.heads, Role.BEFORE: moved(tiny_detector.artifact.heads[Role.BEFORE], 1e-6)}
    detector = replace(tiny_detector, artifact=replace(tiny_detector.artifact, heads=heads))
    forecast = detector.forecast("Which 1 is 31?")
    assert forecast.p_wrong is None
    assert forecast.caveats == (Caveat.QUESTION_OUT_OF_DISTRIBUTION,)
    assert "of 100" not in forecast.explanation


def test_a_detector_of_given_texts_speaks_of_given_texts(tiny_detector: Detector) -> None:
    detector = changed(tiny_detector, answers=AnswerSource.GIVEN)
    own = [verdict for verdict in tiny_detector.ask_batch(QUESTIONS) if not verdict.caveats]
    given = detector.score_batch([(verdict.question, verdict.answer.text) for verdict in own])
    assert all(verdict.asked_as_trained for verdict in given)
    assert any(verdict.trusted is not None for verdict in given)


def test_every_row_of_a_file_says_how_it_was_asked(tiny_detector: Detector, tmp_path: Path) -> None:
    rows = [{"question": question, "answer": answer} for question in QUESTIONS[:3] for answer in ("", "It is France.")]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    counts = score_file(tiny_detector, tmp_path / "in.jsonl", tmp_path / "out.jsonl")
    written = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [row["asked_as_trained"] for row in written] == [True, False] * 3
    assert all(row["trusted"] is None and row["p_wrong"] is None for row in written[1::2])
    assert counts["no claim"] >= 3


def test_a_row_has_truth_values_and_lists(tiny_detector: Detector) -> None:
    verdict = next(verdict for verdict in tiny_detector.ask_batch(QUESTIONS) if not verdict.caveats)
    row = json.loads(json.dumps(verdict_row(verdict)))
    assert row["trusted"] in (True, False)
    assert "trust" not in row
    assert [set(record) for record in row["similar"]] == [{"question", "exact_answer", "right"}] * 10
    assert row["similar_right"] == sum(record["right"] for record in row["similar"])
    bare = replace(tiny_detector, artifact=replace(tiny_detector.artifact, records=()))
    assert verdict_row(bare.ask(verdict.question))["similar"] == []


def test_scores_of_a_given_answer_are_those_of_the_cell(tiny_detector: Detector) -> None:
    verdict = tiny_detector.score("Which 5 is 7?", "It is France.")
    head = tiny_detector.artifact.heads[Role.ANSWER]
    assert verdict.role is Role.ANSWER
    assert verdict.score in [token.score for token in verdict.tokens]
    assert np.isfinite(head.p_wrong(np.array([verdict.score]))).all()


@pytest.mark.parametrize(
    ("n", "finished", "elsewhere"),
    [(4, True, False), (10, True, False), (10, False, False), (4, False, True), (11, True, True)],
)
def test_an_answer_ends_elsewhere_unless_the_runs_limit_ends_it_so(
    tiny_detector: Detector, n: int, finished: bool, elsewhere: bool
) -> None:
    answer = Answer("q", (1,), tuple(range(n)), "", (0.0,) * n, ((0, 0),) * n, finished)
    assert ended_elsewhere(tiny_detector.config.asking, answer) is elsewhere


@pytest.mark.parametrize(
    ("answers", "source"),
    [((None, None), AnswerSource.GENERATED), (("a", "b"), AnswerSource.GIVEN), (("a", None), AnswerSource.MIXED)],
)
def test_the_source_of_the_training_answers(answers: tuple[str | None, ...], source: AnswerSource) -> None:
    assert answer_source([Question(str(n), "?", answer=answer) for n, answer in enumerate(answers)]) is source
