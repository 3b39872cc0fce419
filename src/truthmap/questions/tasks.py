"""How the questions of a set are asked, graded, and how the exact answer is found."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from string import ascii_uppercase

from truthmap.records import Message, Question
from truthmap.shown import ShortRepr
from truthmap.text import cut, find_words, normalized

_FIELD = re.compile(r"\{(text|context|options)\}")
_WORD = "{word}"
MOST_OPTIONS = 26
"""Candidates that can go by letters."""


class GradingRule(StrEnum):
    """What decides whether an answer is right: the names of the rules of `truthmap.grading`."""

    CANDIDATES = "candidates"
    """The first candidate that the answer names is an accepted one."""
    ALIAS = "alias"
    """The answer contains an accepted answer as whole words."""
    NUMBER = "number"
    """The number the answer gives equals an accepted one."""
    CHOICE = "choice"
    """Of the few candidates that the question offers, the answer chooses an accepted one."""
    LABEL = "label"
    """The first label that the answer names is the accepted one."""
    JUDGE = "judge"
    """A model reads question, accepted answers and answer, and decides."""
    READY = "ready"
    """The outcome came with the question."""
    AUTO = "auto"
    """For each question the rule that goes with what came with it."""
    GIVEN = "given"
    """A function that a program gives decides."""


class Locating(StrEnum):
    """How the exact answer is found in right and wrong answers: the names of the ways of `truthmap.grading`."""

    RULE = "rule"
    """What the grading rule itself found: the candidate, the number, the choice or the label."""
    NAME = "name"
    """The first proper name or number that the question does not contain: a rough rule that needs no model."""
    MODEL = "model"
    """A model copies the shortest piece of the answer that carries it."""
    COLUMN = "column"
    """The question came with its exact answer."""
    GOLD = "gold"
    """The paper's way, kept for comparison: the gold string where the answer is right, a model where it is wrong."""


@dataclass(frozen=True, slots=True, repr=False)
class Rewrite(ShortRepr):
    """An ending of a question and what to put in its place, to turn the question into its base-model form.

    It is plain text, no pattern: a detector brings it along, and what comes from a file is never run as a pattern.

    Attributes:
        endings: Texts that a question may end with; `{word}` in one stands for any single word.
        replacement: What stands there instead; `{word}` is that word. Nothing: blanks before the ending go too.
    """

    endings: tuple[str, ...]
    replacement: str

    def apply(self, text: str) -> str:
        """Return the question rewritten; as it is where it ends otherwise."""
        body = text.rstrip()
        for ending in self.endings:
            found = _before_ending(body, ending)
            if found is not None:
                start, word = found
                replaced = body[:start] + self.replacement.replace(_WORD, word)
                return replaced if self.replacement else replaced.rstrip()
        return text


def _before_ending(text: str, ending: str) -> tuple[int, str] | None:
    """Return where the ending begins and which word stands for its `{word}`; `None` if the text ends otherwise."""
    before, holds_word, after = ending.partition(_WORD)
    if not holds_word:
        return (len(text) - len(before), "") if text.endswith(before) else None
    if not text.endswith(after):
        return None
    end = start = len(text) - len(after)
    while start > 0 and (text[start - 1].isalnum() or text[start - 1] == "_"):
        start -= 1
    if start == end or not text.endswith(before, 0, start):
        return None
    return start - len(before), text[start:end]


@dataclass(frozen=True, slots=True)
class Example:
    """A worked example: a question with the answer that is to be imitated, shown before the question that is asked."""

    question: str
    answer: str
    context: str | None = None

    def __str__(self) -> str:
        return f"{cut(self.question, 40)} → {cut(self.answer, 20)}"


@dataclass(frozen=True, slots=True, repr=False)
class Task(ShortRepr):
    """How the questions of a set are asked, graded and located.

    Attributes:
        grading: The rule that decides the outcome.
        locating: How the exact answer is found.
        chat_prompt: The user's message for a chat model; `{text}` and `{context}` stand for the question's own,
            `{options}` for its candidates, each in a line with its letter.
        plain_prompt: The whole prompt for a base model.
        plain_rewrite: What is changed in the question's text before it goes into `plain_prompt`.
        max_new_tokens: Length limit of an answer, in tokens.
        shadows: Phrases in which a candidate's name means something else; square brackets mark the name where other
            names stand in the phrase too: `New [Mexico]`, `[Georgia], USA`.
        system_prompt: What comes before everything: a chat model's system message, a base model's first lines.
        examples: Worked examples before the question: turns of a chat, or questions with their answers as a base model
            is asked them.
        typos: A long name with a typing error counts as the name.
        answer_key: The key of a JSON answer that holds the answer itself; by default `answer` and its like.
    """

    grading: GradingRule
    locating: Locating = Locating.RULE
    chat_prompt: str = "{text}"
    plain_prompt: str = "Q: {text}\nA:"
    plain_rewrite: Rewrite | None = None
    max_new_tokens: int = 100
    shadows: tuple[str, ...] = ()
    system_prompt: str | None = None
    examples: tuple[Example, ...] = ()
    answer_key: str | None = None
    typos: bool = False

    def shows_options(self, question: Question) -> bool:
        """Return whether the prompt shows the question's candidates as A, B, …: an answer may name the letters.

        It does where a template has a place for them, and the question does not name them all itself.
        """
        if "{options}" not in self.chat_prompt + self.plain_prompt:
            return False
        candidates = question.candidates or ()
        asked = normalized(question.text)
        named = all(any(find_words(asked, normalized(name)) >= 0 for name in names) for names in candidates)
        return 2 <= len(candidates) <= MOST_OPTIONS and not named

    def chat(self, question: Question) -> str:
        """Return the user's message that asks a chat model this question."""
        return self._fill(self.chat_prompt, question, question.text)

    def asked_in(self, message: str) -> str:
        """Return the text of the question that a user's message asks, where `chat` could have made it; else it all."""
        before, braces, after = self.chat_prompt.partition("{text}")
        inner = message[len(before) : len(message) - len(after)]
        made = braces and inner.strip() and self.chat(Question("", inner)) == message
        return inner if made else message

    @property
    def opening(self) -> tuple[Message, ...]:
        """The messages to a chat model before the user's: the system prompt, and the examples as turns."""
        system = () if self.system_prompt is None else (Message("system", self.system_prompt),)
        turns = (
            message
            for example in self.examples
            for message in (Message("user", self.chat(_asked(example))), Message("assistant", example.answer))
        )
        return (*system, *turns)

    def opening_of(self, question: Question) -> tuple[Message, ...]:
        """Return the messages before the user's that asks a question: the opening, then the question's own turns.

        A system message of the question's own stands in place of the task's.
        """
        own_system = question.turns[:1] if question.turns and question.turns[0].role == "system" else ()
        opening = tuple(message for message in self.opening if not own_system or message.role != "system")
        return (*own_system, *opening, *question.turns[len(own_system) :])

    def plain(self, question: Question) -> str:
        """Return the prompt that asks a base model this question: system prompt, examples and question in one text."""
        system = [] if self.system_prompt is None else [self.system_prompt]
        shown = [_continued(self._plain_one(_asked(example)), example.answer) for example in self.examples]
        return "\n\n".join([*system, *shown, self._plain_one(question)])

    def _plain_one(self, question: Question) -> str:
        text = question.text
        if self.plain_rewrite is not None:
            text = self.plain_rewrite.apply(text)
        return self._fill(self.plain_prompt, question, text)

    def _fill(self, template: str, question: Question, text: str) -> str:
        """Put the question's own texts into a template in one pass: braces in them stay what they are."""
        options = _options(question) if self.shows_options(question) else ""
        values = {"text": text, "context": question.context or "", "options": options}
        filled = _FIELD.sub(partial(_field, values), template)
        return filled.lstrip("\n") if "{context}" in template and not question.context else filled


def _continued(prompt: str, answer: str) -> str:
    answer = " ".join(answer.splitlines())  # a base model's answer ends with its line
    return f"{prompt}{answer}" if prompt[-1:].isspace() else f"{prompt} {answer}"


def _asked(example: Example) -> Question:
    return Question("", example.question, context=example.context)


def _options(question: Question) -> str:
    lines = (f"{letter}. {names[0]}" for letter, names in zip(ascii_uppercase, question.candidates or (), strict=False))
    return "\n" + "\n".join(lines)


def _field(values: dict[str, str], match: re.Match[str]) -> str:
    return values[match.group(1)]
