"""Whole prompts that logs bring are put to the model to the token as they were sent."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from truthmap.answers.engines.openai_engine import EndpointEngine
from truthmap.answers.prompt import GenerateSettings, Prompt
from truthmap.endpoint import Endpoint
from truthmap.errors import ModelError
from truthmap.lm.load import load_model
from truthmap.questions.loading import QuestionSettings, load_questions, question_set_of_rows
from truthmap.questions.question_set import QuestionSet
from truthmap.questions.readers import Row
from truthmap.records import Question

LOGS = Path(__file__).parents[1] / "questions" / "logs"


def _asked_through_inspect() -> QuestionSet:
    lines = (LOGS / "inspect_samples.jsonl").read_text().splitlines()
    rows = [Row(number, {**json.loads(line), "epochs": 1}) for number, line in enumerate(lines, start=1)]
    return question_set_of_rows("log", rows, QuestionSettings())


def test_a_whole_prompt_is_put_to_the_token_as_the_template_puts_its_messages(tiny_model: Path) -> None:
    lm = load_model(str(tiny_model))
    asked = Question("a", "Where is Paris?")
    task = load_questions("cities", QuestionSettings(limit=1)).task
    messages = [{"role": "user", "content": asked.text}]
    text = lm.tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    sent = Question("a", asked.text, prompt=str(text))
    assert lm.question_ids(sent, task) == lm.prompt_encoder.chat_ids(messages)


@pytest.mark.model
def test_prompts_of_a_real_log_have_as_many_tokens_as_its_model_counted() -> None:
    lm, found = load_model("smollm2"), _asked_through_inspect()
    counted = 270  # stats.model_usage.input_tokens of inspect.eval
    assert sum(len(lm.question_ids(question, found.task)) for question in found.questions) == counted
    served, template = (load_questions(str(LOGS / f"lm_eval_{n}.jsonl")) for n in ("served", "template"))
    spoken = template.questions[0].prompt or ""
    assert lm.tokenizer.decode(list(lm.question_ids(template.questions[0], template.task))) == spoken
    assert (
        lm.question_ids(served.questions[0], served.task)[-5:]
        == lm.question_ids(template.questions[0], template.task)[-5:]
    )


def test_a_chat_endpoint_is_not_sent_a_whole_prompt(tiny_model: Path) -> None:
    engine = EndpointEngine(
        load_model(str(tiny_model)), Endpoint("http://127.0.0.1:9/v1", "TRUTHMAP_NO_KEY"), "x", 100, lambda _news: None
    )
    with pytest.raises(ModelError, match="bring the whole prompt"):
        list(engine.answer([Prompt("a", (1, 2), whole=True)], GenerateSettings(max_new_tokens=3)))
