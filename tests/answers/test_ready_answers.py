"""Ready answers are read as the model would have written them: its tags are its control tokens, all else is text."""

from __future__ import annotations

import pytest
from tests.thinkers import FORMATS, encoded, scripted_model

from truthmap.answers.to_answer import ready_answer
from truthmap.lm.model import LanguageModel

THOUGHT, FINAL = "Peru or France?", "It is Peru."


@pytest.fixture(params=sorted(FORMATS))
def lm(request: pytest.FixtureRequest) -> LanguageModel:
    return scripted_model(request.param, "", prompt_length=1)


def test_tags_of_a_ready_answer_are_the_models_own_tokens(lm: LanguageModel) -> None:
    form, prompt = FORMATS[lm.name], lm.prompt_ids("Which?")
    opened = lm.thought_tags.prompt_end(prompt).inside is not None
    text = f"{'' if opened else form.opening}{THOUGHT}{form.closing}{FINAL}"
    answer = ready_answer(lm, "q", prompt, text)
    assert list(answer.answer_ids) == encoded(lm.name, text)
    assert answer.thought is not None
    assert answer.final is not None
    said = [part.characters for part in (answer.thought, answer.final)]
    assert [answer.text[span.start : span.end] for span in said if span is not None] == [THOUGHT, FINAL]


def test_other_control_tokens_of_a_ready_answer_stay_text(lm: LanguageModel) -> None:
    form = FORMATS[lm.name]
    closes = form.special[0]
    answer = ready_answer(lm, "q", lm.prompt_ids("Which?"), f"{form.opening}{closes}{THOUGHT}{form.closing}{FINAL}")
    assert lm.tokenizer.convert_tokens_to_ids(closes) not in answer.answer_ids
    assert closes in answer.text


@pytest.mark.parametrize("text", [FINAL, "", "One writes `[THINK]` there.", " "])
def test_a_ready_answer_that_does_not_think_is_encoded_as_it_stands(lm: LanguageModel, text: str) -> None:
    assert ready_answer(lm, "q", lm.prompt_ids("Which?"), text).answer_ids == lm.encode(text)
