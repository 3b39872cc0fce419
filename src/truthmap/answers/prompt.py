"""What is asked and how, and what comes back: the records between an engine and whoever asks it."""

from __future__ import annotations

from dataclasses import dataclass

from truthmap.records import Answer, Message
from truthmap.shown import ShortRepr
from truthmap.store.tokens import AnswerStates


@dataclass(frozen=True, repr=False)
class Prompt(ShortRepr):
    """A prompt to answer.

    Attributes:
        question_id: The question's id.
        prompt_ids: The whole prompt, as ids.
        sample: Numbers the answers to one question; 0 is the greedy one.
        text: What the ids were made from: a chat model's user message, or a base model's whole prompt. For engines that
            take texts only.
        opening: The messages before a chat model's user message: system prompt, worked examples.
        whole: The text is the whole prompt, whatever the model; it goes into no chat template.
    """

    question_id: str
    prompt_ids: tuple[int, ...]
    sample: int = 0
    text: str = ""
    opening: tuple[Message, ...] = ()
    whole: bool = False


@dataclass(frozen=True)
class GenerateSettings:
    """How to answer.

    Attributes:
        max_new_tokens: Longest answer, in tokens, its thought included.
        max_thinking_tokens: Longest thought, in tokens; one that is longer is closed (budget forcing, Muennighoff et
            al., arXiv 2501.19393). `None`: none is.
        batch_tokens: Tokens in one batch, padding and the answer's room included; where answers may get long a batch
            has more, as memory allows (`answer_budget`).
        temperature: 0 takes the likeliest token (greedy); above, tokens are drawn.
        top_p: Draw only from the likeliest tokens that together have this probability.
        seed: Where the draws start; each is a function of (seed, question id, sample, step) alone, so that neither
            batch size nor sharding changes a sample.
        share_prefix: Compute the part that all prompts share once.
        memory: Bytes of the device's memory; by default the device is asked.
    """

    max_new_tokens: int = 24
    batch_tokens: int = 8192
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    share_prefix: bool = True
    max_thinking_tokens: int | None = None
    memory: int | None = None


@dataclass(frozen=True, repr=False)
class GeneratedBatch(ShortRepr):
    """Answers of one batch, and the states of their tokens if sites were asked for."""

    answers: tuple[Answer, ...]
    states: AnswerStates | None
