"""Scoring one answer while it is decoded: P(wrong) at every token, a verdict as soon as the exact answer closes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from truthmap.answers.thought_stream import ThoughtStream
from truthmap.answers.to_answer import PROMPT_TOO_LONG
from truthmap.arrays import AnyArray
from truthmap.detector.artifact import Artifact
from truthmap.detector.caveats import Caveat, ended_elsewhere
from truthmap.detector.config import Role
from truthmap.detector.exit_rule import ExitRule, ExitWatch
from truthmap.detector.reading import token_log_odds
from truthmap.detector.score import (
    AnswerStates,
    locate_exact_answer,
    score_answer,
)
from truthmap.detector.streaming import DecodedToken, GenerationRequest
from truthmap.detector.thought_readings import ThoughtReadings
from truthmap.detector.verdict import Verdict
from truthmap.grading.kinds import needs_locator
from truthmap.grading.text_model import NO_GRADERS, Graders
from truthmap.lm.model import LanguageModel
from truthmap.records import Answer, Question, Span
from truthmap.shown import ShortRepr

_MOST_LOOKS = 64
"""Words after which an exact answer is looked for while the answer goes on: each look reads the whole answer so far, so
that a long one would take the model's thread for many seconds. The verdict at its end looks once more."""


@dataclass(frozen=True, slots=True, repr=False)
class TokenEvent(ShortRepr):
    """A token that was just decoded.

    Attributes:
        index: Which answer token it is, from 0.
        token: Its id.
        text: What the answer's text gained outside its thought; empty for special tokens, for the first bytes of a
            character, and as long as it may become the tag of a thought.
        thought: What its thought gained.
        score: As in `TokenScore`.
        verdict: The verdict, where this token closed the exact answer or the whole answer. A later one replaces it.
        last: The answer is complete.
    """

    index: int
    token: int
    text: str
    score: float
    verdict: Verdict | None
    last: bool
    thought: str = ""


class StreamScorer:
    """Scores one answer, fed token by token.

    Attributes:
        request: The prompt and how it is answered.
        question: What was asked.
        needs_locator: A model must find the exact answer, so that the verdict comes only when the answer is complete.
        finish_reason: `stop`: the model closed the answer; `length`: it was cut off; `None`: it is not complete.
    """

    def __init__(
        self,
        artifact: Artifact,
        lm: LanguageModel,
        question: Question,
        request: GenerationRequest,
        asked: Sequence[Caveat],
        early_exit: ExitRule | None = None,
    ) -> None:
        """Start with no token.

        Args:
            artifact: The detector.
            lm: The model that answers.
            question: What is asked.
            request: The prompt and how it is answered.
            asked: In what that is not as in training.
            early_exit: When its thought is closed; by default it is left alone.
        """
        self._exit = None if early_exit is None else ExitWatch(early_exit)
        enough = None if early_exit is None else self._has_thought_enough
        self.request, self.question = replace(request, thought_enough=enough), question
        self.finish_reason: str | None = None
        self.needs_locator = needs_locator(artifact.config.asking.task)
        self._artifact, self._lm, self._asked = artifact, lm, tuple(asked)
        self._ids: list[int] = []
        self._log_probs: list[float] = []
        self._states: list[AnyArray] = []
        self._text = ""
        self._thoughts = ThoughtStream(lm, request.prompt.prompt_ids)
        self._readings = ThoughtReadings(self._thoughts, lm.thought_tags.tokens.unwritten)
        self._closed_at: Span | None = None
        self._looks = 0
        cells = artifact.heads[Role.ANSWER].config.cells
        self._scores_early = all(cell.position.known_early for cell in cells)

    @property
    def fits(self) -> bool:
        """Whether prompt and answer fit into the model's context."""
        prompt_ids = self.request.prompt.prompt_ids
        longest, needed = self._lm.max_length, len(prompt_ids) + self.request.settings.max_new_tokens
        return bool(prompt_ids) and (longest is None or needed <= longest)

    @property
    def n_tokens(self) -> int:
        """How many answer tokens were fed so far."""
        return len(self._ids)

    def feed(self, decoded: DecodedToken) -> TokenEvent | None:
        """Take in one token and return its event; `None` for the end of the prompt."""
        self._states.append(decoded.states)
        if decoded.token is None:
            return None
        self._ids.append(decoded.token)
        self._log_probs.append(decoded.log_prob)
        if decoded.last:
            self.finish_reason = "stop" if decoded.closed else "length"
        gained = self._gain(last=decoded.last)
        verdict = None
        if not self.needs_locator:
            verdict = self.verdict() if decoded.last else self._early(gained)
        score = token_log_odds(self._artifact, decoded.states[None])
        sorted_gain = self._thoughts.take(decoded.token, gained, last=decoded.last)
        index, read = len(self._ids) - 1, float(score[0])
        if self._exit is not None:
            p_right = 1 - float(self._artifact.heads[Role.ANSWER].p_wrong(score)[0])
            for earlier in self._readings.take(decoded.token, gained, sorted_gain, p_right):
                self._exit.take(earlier, named=self._thought_names_an_answer)
        return TokenEvent(
            index, decoded.token, sorted_gain.answer, read, verdict, decoded.last, thought=sorted_gain.thought
        )

    def verdict(self, graders: Graders = NO_GRADERS) -> Verdict:
        """Score the answer as it stands, as a complete one."""
        answer = self._answer(len(self._ids))
        return self._score(answer, cut=ended_elsewhere(self._artifact.config.asking, answer), graders=graders)

    def verdict_on_cut(self, n_tokens: int) -> Verdict:
        """Score the first tokens of an answer that was ended there; safe while another thread goes on feeding."""
        return self._score(self._answer(n_tokens), cut=True)

    def _has_thought_enough(self) -> bool:
        return self._exit is not None and self._exit.closes

    def _thought_names_an_answer(self) -> bool:
        ids = tuple(self._readings.ids)
        so_far = Answer(
            self.question.id,
            prompt_ids=self.request.prompt.prompt_ids,
            answer_ids=ids,
            text=self._lm.decode(ids),
            log_probs=(),
            offsets=self._lm.offsets(ids),
            finished=False,
        )
        found = locate_exact_answer(self.question, so_far, self._artifact.config.asking, NO_GRADERS)
        return found.span is not None

    def _score(self, answer: Answer, *, cut: bool, graders: Graders = NO_GRADERS) -> Verdict:
        fed = self._states[: len(answer.answer_ids) + 1]
        states = np.stack(fed) if fed else np.empty((0, 0, 0), dtype=np.float32)
        asked = (*self._asked, *([Caveat.OTHER_LENGTH] if cut and answer.answer_ids else []))
        if self._exit is not None and self._exit.closes:
            asked = (*asked, Caveat.GAVE_UP if self._exit.gave_up else Caveat.EARLY_EXIT)
        return score_answer(self._artifact, AnswerStates(self.question, answer, states), asked, graders)

    def _gain(self, *, last: bool) -> str:
        """Return the characters that are new; a character whose bytes are not complete waits for the rest."""
        text = self._lm.decode(self._ids)
        if not last:
            text = text.rstrip("�")
        gained = text[len(self._text) :]
        self._text = text
        return gained

    def _early(self, gained: str) -> Verdict | None:
        """Score as soon as an exact answer is followed by something that no longer belongs to the word."""
        if (
            not self._scores_early
            or self._thoughts.is_thinking
            or not gained
            or gained[0].isalnum()
            or self._looks == _MOST_LOOKS
        ):
            return None
        self._looks += 1
        answer = self._answer(len(self._ids))
        span = locate_exact_answer(self.question, answer, self._artifact.config.asking, NO_GRADERS).span
        if span is None or span.end >= len(answer.text) or span == self._closed_at:
            return None
        # With another limit than in training it is not known yet whether the answer will end as it would have there.
        limit = self._artifact.config.asking.max_new_tokens
        verdict = self._score(answer, cut=self.request.settings.max_new_tokens != limit)
        if verdict.role is not Role.ANSWER:
            return None  # its place lies some tokens on, and may still come
        self._closed_at = span
        return verdict

    def _answer(self, n_tokens: int) -> Answer:
        ids = tuple(self._ids[:n_tokens])
        answer = Answer(
            self.question.id,
            prompt_ids=self.request.prompt.prompt_ids,
            answer_ids=ids,
            text=self._lm.decode(ids),
            log_probs=tuple(self._log_probs[:n_tokens]),
            offsets=self._lm.offsets(ids),
            finished=self.finish_reason == "stop" and n_tokens == len(self._ids),
            fault=None if self.fits else PROMPT_TOO_LONG,
        )
        return self._lm.thought_tags.part(answer)
