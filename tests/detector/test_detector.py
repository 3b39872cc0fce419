"""A detector in use, on a random two-layer model: asking, scoring and streaming give the same verdicts."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from truthmap.detector.caveats import Caveat
from truthmap.detector.config import Role
from truthmap.detector.detector import Detector
from truthmap.detector.reading import state_spec
from truthmap.detector.score import AnswerStates, score_answer
from truthmap.detector.streaming import DecodedToken, record_answer_states
from truthmap.detector.verdict import Verdict
from truthmap.errors import UsageError
from truthmap.grading.token_spans import span_tokens

QUESTIONS = [f"Which {n * 7919 % 1000} is {n * 104729 % 997}?" for n in range(240, 264)]  # like those in training


@pytest.fixture(scope="module")
def asked(tiny_detector: Detector) -> list[Verdict]:
    return tiny_detector.ask_batch(QUESTIONS)


def test_a_batch_and_single_questions_give_the_same_verdicts(tiny_detector: Detector, asked: list[Verdict]) -> None:
    for together in asked[:5]:
        alone = tiny_detector.ask(together.question)
        assert alone.answer.answer_ids == together.answer.answer_ids
        assert alone.trusted == together.trusted
        assert alone.score == pytest.approx(together.score, abs=1e-3)


def test_the_questions_come_back_in_their_order(asked: list[Verdict]) -> None:
    assert [verdict.question for verdict in asked] == QUESTIONS


def test_scoring_an_answer_gives_what_asking_gave(tiny_detector: Detector, asked: list[Verdict]) -> None:
    for verdict in asked:
        answer = verdict.answer
        states = record_answer_states(
            tiny_detector.lm, [(answer.prompt_ids, answer.answer_ids)], state_spec(tiny_detector.artifact)
        )
        again = score_answer(
            tiny_detector.artifact, AnswerStates(tiny_detector.question(verdict.question), answer, states[0]), ()
        )
        assert again.score == pytest.approx(verdict.score, abs=1e-3)
        assert again.exact_answer == verdict.exact_answer


def test_states_are_the_models_own(tiny_detector: Detector) -> None:
    sequences = [((5, 6, 7, 8), (9, 10)), ((11, 12), (13,))]
    for (prompt, answer), states in zip(
        sequences, record_answer_states(tiny_detector.lm, sequences, state_spec(tiny_detector.artifact)), strict=True
    ):
        output = tiny_detector.lm.model.model(torch.tensor([prompt + answer]), output_hidden_states=True)
        own = tiny_detector.lm.model.model.layers[0]
        first = output.hidden_states[1][0, len(prompt) - 1 :]
        assert own is not None
        np.testing.assert_allclose(states[:, 0], first.detach().numpy(), rtol=1e-4, atol=1e-4)


def test_the_verdict_rests_on_the_sealed_cell(tiny_detector: Detector, asked: list[Verdict]) -> None:
    head = tiny_detector.artifact.heads[Role.ANSWER]
    located = [verdict for verdict in asked if verdict.exact_answer is not None]
    assert located
    for verdict in located:
        assert verdict.role is Role.ANSWER
        assert verdict.exact_answer is not None
        tokens = span_tokens(verdict.answer, verdict.exact_answer)
        assert tokens is not None
        # The cell is exact_answer_last: the score of that very token.
        assert verdict.tokens[tokens.end - 1].score == pytest.approx(verdict.score)
        assert verdict.score is not None
    threshold = head.config.guarantees[0].threshold
    assert threshold is not None
    claimed = [verdict for verdict in located if not verdict.caveats]
    assert claimed
    for verdict in claimed:
        assert verdict.trusted == (verdict.score >= threshold)
        assert verdict.p_wrong == pytest.approx(float(head.p_wrong(np.array([verdict.score]))[0]))


def test_an_answer_that_names_nothing_is_not_trusted(tiny_detector: Detector) -> None:
    verdict = tiny_detector.score("Which 5 is 7?", "zzz qqq zzz")
    assert Caveat.NO_EXACT_ANSWER in verdict.caveats
    assert verdict.exact_answer is None
    assert verdict.role is Role.FALLBACK
    assert (verdict.trusted, verdict.p_wrong) == (None, None)
    assert verdict.score is not None
    assert "no exact answer was found" in verdict.explanation


def test_an_empty_answer_is_no_answer(tiny_detector: Detector) -> None:
    verdict = tiny_detector.score("Which 5 is 7?", "")
    assert Caveat.NO_ANSWER in verdict.caveats
    assert (verdict.trusted, verdict.p_wrong, verdict.score) == (None, None, None)


def test_given_answers_come_back_in_their_order(tiny_detector: Detector) -> None:
    pairs = [("Which 1 is 2?", "France"), ("Which 3 is 4?", ""), ("Which 5 is 6?", "Peru is the country of Japan.")]
    verdicts = tiny_detector.score_batch(pairs)
    assert [verdict.question for verdict in verdicts] == [question for question, _ in pairs]
    alone = [tiny_detector.score(question, answer) for question, answer in pairs]
    for together, single in zip(verdicts, alone, strict=True):
        assert together.score == (None if single.score is None else pytest.approx(single.score, abs=1e-3))


def test_a_streamed_answer_ends_with_the_verdict_of_asking(tiny_detector: Detector, asked: list[Verdict]) -> None:
    for verdict in asked:
        events = list(tiny_detector.stream(verdict.question))
        assert "".join(event.text for event in events) == verdict.answer.text
        assert [event.token for event in events] == list(verdict.answer.answer_ids)
        assert [event.last for event in events] == [False] * (len(events) - 1) + [True]
        final = events[-1].verdict
        assert final is not None
        assert final.trusted == verdict.trusted
        assert final.score == pytest.approx(verdict.score, abs=1e-3)
        for event, token in zip(events, verdict.tokens, strict=True):
            assert event.score == pytest.approx(token.score, abs=1e-3)


def test_the_verdict_comes_when_the_exact_answer_closes(tiny_detector: Detector) -> None:
    early = 0
    for question in QUESTIONS:
        events = list(tiny_detector.stream(question))
        given = [event.index for event in events if event.verdict is not None and not event.last]
        last = events[-1].verdict
        assert last is not None
        for index in given:
            verdict = events[index].verdict
            assert verdict is not None
            assert verdict.exact_answer is not None
            # What follows rarely changes it; here it never does.
            assert verdict.exact_answer == last.exact_answer
            assert verdict.score == pytest.approx(last.score, abs=1e-6)
        early += bool(given)
    assert early


def test_the_verdict_stands_at_the_token_after_the_exact_answer(tiny_detector: Detector) -> None:
    scorer = tiny_detector.stream_scorer(tiny_detector.question("What?", ["France", "Peru"]))
    ids = tiny_detector.lm.encode("It was France. Now Peru")
    events = [
        scorer.feed(DecodedToken(0, token, 0.0, np.zeros((2, 24), dtype=np.float32), last=n == len(ids), closed=False))
        for n, token in enumerate([None, *ids])
    ]
    texts = [event.text for event in events if event is not None]
    scored = [event.index for event in events if event is not None and event.verdict is not None]
    assert texts[scored[0]].startswith(".")
    assert scored == [scored[0], len(ids) - 1]
    last = events[-1]
    assert last is not None
    assert last.verdict is not None
    assert last.verdict.exact_answer is not None
    span = last.verdict.exact_answer
    assert last.verdict.answer.text[span.start : span.end] == "France"
    assert scorer.finish_reason == "length"


def test_a_forecast_is_the_verdicts_p_wrong_before(tiny_detector: Detector, asked: list[Verdict]) -> None:
    forecasts = [tiny_detector.forecast(verdict.question).p_wrong for verdict in asked]
    assert [p is None for p in forecasts] == [verdict.p_wrong_before is None for verdict in asked]
    claimed = [(p, verdict.p_wrong_before) for p, verdict in zip(forecasts, asked, strict=True) if p is not None]
    assert len(claimed) > 4
    assert [p for p, _ in claimed] == pytest.approx([p for _, p in claimed], abs=1e-4)


def test_the_similar_training_answers_are_shown(asked: list[Verdict]) -> None:
    for verdict in asked:
        assert len(verdict.similar) == 10


def test_a_strange_state_is_far_beyond_the_threshold(tiny_detector: Detector) -> None:
    head = tiny_detector.artifact.heads[Role.ANSWER]
    strange = head.self_test.states.copy()
    strange[0] += 100 * np.abs(strange).max()
    distances = head.distance(strange)
    assert distances[0] > 10 * head.config.ood.threshold


def test_an_empty_question_is_refused(tiny_detector: Detector) -> None:
    with pytest.raises(UsageError, match="the question is empty"):
        tiny_detector.ask("  ")


def test_a_prompt_that_leaves_no_room_is_no_answer(tiny_detector: Detector) -> None:
    verdict = tiny_detector.ask("Which " * 200)
    assert verdict.caveats == (Caveat.NO_ANSWER,)
    assert verdict.answer.fault == "prompt_too_long"


def test_a_long_answer_is_not_read_again_at_every_word(
    tiny_detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    from truthmap.detector import stream_scorer

    looks = []
    real = stream_scorer.locate_exact_answer
    monkeypatch.setattr(stream_scorer, "locate_exact_answer", lambda *given: looks.append(1) or real(*given))
    monkeypatch.setattr(stream_scorer, "_MOST_LOOKS", 3)
    events = list(tiny_detector.stream("Which 1 is 31?", max_new_tokens=40))
    assert len(looks) == 3 < len(events)
    assert events[-1].verdict is not None
