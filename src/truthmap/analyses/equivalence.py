"""Which answers to a question say the same: by their exact answers, or as another model sees it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from truthmap.analyses.canonical import canonical_answer, numbered
from truthmap.answer_parts import final_answer
from truthmap.answers.prompted import LocalTextModel
from truthmap.errors import UsageError
from truthmap.grading.text_model import EndpointTextModel, TextModel
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.lm.nli import load_entailment
from truthmap.records import Answer, Grade
from truthmap.study.reopen_settings import ReopenSettings
from truthmap.text import normalized


@dataclass(frozen=True, slots=True)
class GradedAnswer:
    """An answer with its question's text and its grade."""

    question: str
    answer: Answer
    grade: Grade


class Equivalence(Protocol):
    """Sorts the answers of one question into equivalence classes."""

    def classes(self, answers: Sequence[GradedAnswer]) -> list[int]:
        """Return each answer's class: equal numbers say the same; all are answers to one question."""
        ...


class ByCanonical:
    """Answers with the same exact answer say the same: folded, a candidate's aliases and a number's spellings equal.

    Where no exact answer was found, the whole folded text stands for it; all refusals say the same. The accepted
    answers play no part: a confidence must not know them.
    """

    def classes(self, answers: Sequence[GradedAnswer]) -> list[int]:
        """Return each answer's class."""
        return numbered([canonical_answer(each.answer, each.grade) for each in answers])


class Entailment(Protocol):
    """Tells whether one text follows from another: a natural-language-inference model."""

    def entails(self, pairs: Sequence[tuple[str, str]]) -> list[bool]:
        """Say for each (premise, conclusion) whether the first entails the second."""
        ...


@dataclass(frozen=True)
class ByEntailment:
    """Answers that entail each other say the same (Kuhn et al., arXiv 2302.09664): question and answer, both ways."""

    model: Entailment

    def classes(self, answers: Sequence[GradedAnswer]) -> list[int]:
        """Return each answer's class."""
        texts = [f"{each.question} {final_answer(each.answer).text.strip()}" for each in answers]
        return _clustered(texts, self.model.entails)


@dataclass(frozen=True)
class ByJudge:
    """Answers say the same when a model, asked about each two of them, says yes both ways round."""

    judge: TextModel

    def classes(self, answers: Sequence[GradedAnswer]) -> list[int]:
        """Return each answer's class."""
        if not answers:
            return []
        question = answers[0].question

        def same(pairs: Sequence[tuple[str, str]]) -> list[bool]:
            prompts = [judge_prompt(question, one, other) for one, other in pairs]
            return [normalized(reply).startswith("yes") for reply in self.judge.ask(prompts)]

        return _clustered([final_answer(each.answer).text.strip() for each in answers], same)


def chosen_equivalence(nli: str | None, judge: str | None, reopening: ReopenSettings) -> Equivalence:
    """Return what decides which answers say the same: the exact answer, unless a model is named.

    Args:
        nli: Folder or hub id of an NLI classifier.
        judge: A language model: anything that `load_model` takes, or the address of an OpenAI-style endpoint.
        reopening: Where a model on this machine computes.

    Raises:
        UsageError: both models are named.
        ModelError: the model cannot be loaded, or is no NLI model.
    """
    if nli is not None and judge is not None:
        raise UsageError("name an NLI model or a judge, not both")
    if nli is not None:
        return ByEntailment(load_entailment(nli, LoadSettings(device=reopening.resources.device)))
    return ByCanonical() if judge is None else ByJudge(_asker(judge, reopening))


class _Says(Protocol):
    def __call__(self, pairs: Sequence[tuple[str, str]], /) -> list[bool]: ...


def judge_prompt(question: str, one: str, other: str) -> str:
    """Return the prompt that asks a judge whether two answers say the same."""
    return (
        f"Question: {question}\nFirst answer: {one}\nSecond answer: {other}\n"
        "Do the two answers give the same answer to the question? Reply with yes or no only."
    )


def _clustered(texts: Sequence[str], says: _Says) -> list[int]:
    """Put each text into the first class whose first member it says the same as, in both directions.

    Equal texts are looked at once.
    """
    founders: list[str] = []
    found: dict[str, int] = {}
    for text in texts:
        if text not in found:
            both = [pair for founder in founders for pair in ((founder, text), (text, founder))]
            verdicts = says(both) if both else []
            alike = [forth and back for forth, back in zip(verdicts[::2], verdicts[1::2], strict=True)]
            found[text] = alike.index(True) if True in alike else len(founders)
            if True not in alike:
                founders.append(text)
    return [found[text] for text in texts]


def _asker(judge: str, reopening: ReopenSettings) -> TextModel:
    if "://" in judge:
        return EndpointTextModel.of(judge)
    resources = reopening.resources
    return LocalTextModel(load_model(judge, LoadSettings(device=resources.device)), resources.batch_tokens)
