"""Asking a model that does not think by itself for its reasoning, then the answer: in words, by worked examples."""

from __future__ import annotations

import re
from dataclasses import replace

from truthmap.questions.tasks import Example, Task

ASKED_FOR_REASONING = "\n\nFirst write your reasoning between <think> and </think>, then the answer."
"""Stands behind each question; docs/thinking.md has what other wordings gave."""
EXAMPLES = (
    Example("What is 31 plus 44?", "<think>30 plus 40 is 70, and 1 plus 4 is 5, which makes 75.</think>\n75"),
    Example(
        "Which animal is heavier, a horse or a cat?",
        "<think>A horse weighs about 500 kilograms. A cat weighs about 4 kilograms.</think>\nA horse",
    ),
)
"""What reasoning looks like; none of the built-in sets asks these."""


_HOW_TO_ANSWER = re.compile(r"(?<=\}) [^{}]+\Z")
"""What a set's own prompt says of the form of an answer ("Answer shortly.")."""


def asked_to_think(task: Task, *, own_words: bool = False) -> Task:
    """Return a task whose questions are asked for reasoning in the tags of a thought; its own examples, if any, stay.

    Args:
        task: How the questions are asked.
        own_words: The user chose its words: all of them stay. Examples of one's own must show the tags themselves.
    """
    chat = task.chat_prompt if own_words else _HOW_TO_ANSWER.sub("", task.chat_prompt)
    return replace(
        task,
        chat_prompt=chat + ASKED_FOR_REASONING,
        plain_prompt=task.plain_prompt.replace("{text}", "{text}" + ASKED_FOR_REASONING.replace("\n\n", " ")),
        examples=task.examples or EXAMPLES,
    )
