"""Two claims of one answer are two rows: located, captured, labelled and split together."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from model_families import ROUNDING, language_model, sequences
from truthmap.answers.generate import generate_answers
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.capture.gather import gather
from truthmap.capture.second_pass import CaptureSettings, capture_states
from truthmap.pipeline.stages.states import ShardRows, by_answer
from truthmap.probes.labels import label_answers
from truthmap.probes.text_features import row_texts
from truthmap.questions.splits import SplitSettings, assign_splits
from truthmap.records import Answer, Grade, Outcome, Question, RowKey, Site, Span
from truthmap.store.shards import StateShard, join_shards
from truthmap.study.sections import StatesSection

QUESTIONS = tuple(Question(f"q{n}", f"Question {n}?", ("a",)) for n in range(40))
SITES = (Site.RESIDUAL,)


def spelled(answer: Answer) -> Answer:
    """The answer, as if each of its ids had written a letter."""
    n = len(answer.answer_ids)
    return replace(answer, text="abcdef"[:n], offsets=tuple((k, k + 1) for k in range(n)))


def grades_of(answer: Answer) -> list[Grade]:
    """Two claims: the first characters of the answer, and its last ones; the third could not be scored."""
    end = len(answer.text)
    spans = (Span(0, 1), Span(end - 1, end), None)
    outcomes = (Outcome.RIGHT, Outcome.WRONG, Outcome.UNSCORED)
    whole = Grade(answer.question_id, Outcome.RIGHT, "alias", None, "", "", "", sample=answer.sample)
    return [
        replace(whole, outcome=o, span=span, claim=claim)
        for claim, (span, o) in enumerate(zip(spans, outcomes, strict=True))
    ]


@pytest.fixture(scope="module")
def both_ways() -> tuple[ShardRows, StateShard, StateShard]:
    """The rows of a few answers, their states kept on the way, and those of a second pass."""
    lm = language_model("llama")
    prompts = [Prompt(f"q{n}", tuple(ids)) for n, ids in enumerate(sequences(12, own=(13, 5, 9, 7, 11, 8, 6, 10, 12)))]
    (batch,) = generate_answers(lm, prompts, GenerateSettings(max_new_tokens=6), SITES)
    assert batch.states is not None
    answers = [spelled(answer) for answer in batch.answers if len(answer.answer_ids) >= 4][:3]
    settings = StatesSection(positions=("paper", "mean(answer)", "mean(exact)", "answer[50%]"))
    rows = ShardRows.of(answers, by_answer(grade for answer in answers for grade in grades_of(answer)), settings)
    kept = join_shards([gather(batch.states, rows.located)], rows.rows)
    return rows, kept, capture_states(lm, rows.answers, rows.located, SITES, CaptureSettings())


def test_each_scored_claim_is_a_row(both_ways: tuple[ShardRows, StateShard, StateShard]) -> None:
    rows, kept, read = both_ways
    assert rows.rows == tuple(RowKey.of(a.question_id, claim=claim) for a in rows.answers for claim in range(2))
    assert len(rows.answers) == 3
    assert kept.ids == read.ids == rows.rows


def test_claims_share_what_does_not_depend_on_them(both_ways: tuple[ShardRows, StateShard, StateShard]) -> None:
    _, kept, read = both_ways
    torch.testing.assert_close(kept.states[Site.RESIDUAL], read.states[Site.RESIDUAL], **ROUNDING)
    assert kept.present.tolist() == read.present.tolist()
    for states in (kept.states[Site.RESIDUAL], read.states[Site.RESIDUAL]):
        assert torch.equal(states[:, -1, 0::2], states[:, -1, 1::2])
        assert not torch.equal(states[:, 5, 0::2], states[:, 5, 1::2])


def test_claims_of_one_answer_share_split_fold_and_group() -> None:
    answers = [Answer(q.id, (1,), (2, 3), "ab", (0.0, 0.0), ((0, 1), (1, 2)), finished=True) for q in QUESTIONS]
    grades = [grade for answer in answers for grade in grades_of(answer)]
    labels = label_answers(QUESTIONS, grades, assign_splits(QUESTIONS, SplitSettings()))
    single = label_answers(QUESTIONS, [g for g in grades if not g.claim], assign_splits(QUESTIONS, SplitSettings()))
    assert len(labels.ids) == 2 * len(QUESTIONS)
    assert single.ids == tuple(q.id for q in QUESTIONS)
    assert labels.split[0::2] == labels.split[1::2] == single.split
    assert labels.group[0::2] == labels.group[1::2] == single.group
    assert labels.fold[0::2].tolist() == labels.fold[1::2].tolist()
    assert labels.y.tolist() == [True, False] * len(QUESTIONS)
    text = row_texts(labels, QUESTIONS, {answer.key: answer for answer in answers}, grades)
    assert text.ids == labels.ids
    assert text.question[0::2] == text.question[1::2]
    assert text.lengths[:2, 3].tolist() == [0.0, 1.0]
