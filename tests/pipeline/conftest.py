"""A question set that a random model gets half right."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from truthmap.questions import GradingRule, QuestionSet, Task, question_set
from truthmap.records import Question

N_QUESTIONS = 160
NEW_TOKENS = 10


@pytest.fixture(scope="session")
def spoken(tiny_model: Path) -> QuestionSet:
    """Give questions whose candidates are words that the tiny model says; every other time its word is right."""
    from truthmap.answers import GenerateSettings, Prompt, generate_answers
    from truthmap.lm import load_model

    lm = load_model(str(tiny_model))
    texts = {f"q{n:03d}": f"Which {n * 7919 % 1000} is {n * 104729 % 997}?" for n in range(N_QUESTIONS)}
    prompts = [Prompt(i, lm.prompt_ids(text)) for i, text in texts.items()]
    said = {
        answer.question_id: re.findall(r"[A-Za-z]+", answer.text)
        for batch in generate_answers(lm, prompts, GenerateSettings(max_new_tokens=NEW_TOKENS))
        for answer in batch.answers
    }
    words = sorted({words[0] for words in said.values() if words})
    candidates = tuple((word,) for word in [*words, "Nowhere"])
    questions = [
        Question(i, text, (said[i][0] if said[i] and n % 2 else "Nowhere",), candidates)
        for n, (i, text) in enumerate(texts.items())
    ]
    return question_set("spoken", questions, Task(GradingRule.CANDIDATES, max_new_tokens=NEW_TOKENS))


@pytest.fixture
def spoken_set(spoken: QuestionSet, monkeypatch: pytest.MonkeyPatch) -> QuestionSet:
    """Make `spoken` a set that studies can name, and shards small, so that a run has several."""
    load: Callable[..., QuestionSet] = lambda name, settings: spoken  # noqa: E731
    monkeypatch.setattr("truthmap.pipeline.asking.load_questions", load)
    monkeypatch.setattr("truthmap.pipeline.answering.SHARD", 32)
    monkeypatch.setattr("truthmap.pipeline.capturing.SHARD", 32)
    return spoken
