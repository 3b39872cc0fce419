"""What is read along a thought: the record of each place, and the pieces of text and answers up to it."""

from __future__ import annotations

from dataclasses import replace

from pydantic import BaseModel, ConfigDict

from truthmap.analyses.base import AnalysisResult
from truthmap.answer_parts import parted
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.rival import Rival
from truthmap.position_rules import At, Share, SpanName
from truthmap.positions import Position
from truthmap.records import Answer, Site


class SaidSoFar(BaseModel):
    """What thoughts have named as an answer up to a place, graded there by the run's rule as if they ended there.

    Attributes:
        named: Share of the thoughts that have named an answer.
        right: Share of those whose answer is right.
        kept: Share of those that have the final answer's meaning: the model says it in the end.
        unnamed: The probe's AUC among test answers whose thought has not named any answer yet; `None` where these are
            all right or all wrong, or there are none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    named: float
    right: float | None
    kept: float | None
    unnamed: Estimate | None


class ThoughtPlace(BaseModel):
    """A place in thoughts, and how well the correctness of the final answer is read there.

    Attributes:
        position: The place.
        share: The share of the thought that it is at; `None`: it is counted in tokens.
        tokens: Tokens of the thought up to it, itself included: the same in every thought, or their median.
        n: Scored answers whose thought goes on until there.
        layer: The best layer there on train + validation.
        validation: Its AUC there, cross-validated.
        test: Its AUC on the test part, on the answers that still think.
        p_value: Corrected for looking at every cell of the map; `None`: labels were not shuffled.
        text: The baseline that reads question and thought so far, and no hidden state, on the same test answers, with
            the probe's paired gain over it.
        said: What thoughts have named so far; `None` where the run's rule cannot tell.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    position: Position
    share: float | None
    tokens: float
    n: int
    layer: int
    validation: Estimate
    test: Estimate
    p_value: float | None
    text: Rival | None
    said: SaidSoFar | None


class ThoughtMap(AnalysisResult, BaseModel):
    """The map of a run's thoughts.

    Attributes:
        model, questions, site: Of the run.
        scored: Scored answers that think.
        without: Scored answers without a thought: they have no place in it.
        cut: Answers that were cut off while they think: unscored.
        median_tokens: Of the scored answers' thoughts.
        before: What the prompt's end tells, before the model thinks, on the test part; `None`: the run did not read it.
        after: The best cell of the final part, likewise.
        length: The AUC of a short thought as a sign of a right answer, over all scored answers that think.
        by_share: Places at shares of the thought, the first first: every thought has all of them.
        by_token: Places at tokens of the thought: the longer, the fewer thoughts are left.
        by_step: Places at the ends of its steps, likewise.
        skipped: Places without a probe: too few right or wrong answers still think there.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    model: str
    questions: str
    site: Site
    scored: int
    without: int
    cut: int
    median_tokens: float
    before: Estimate | None
    after: Estimate | None
    length: Estimate | None
    by_share: tuple[ThoughtPlace, ...]
    by_token: tuple[ThoughtPlace, ...]
    by_step: tuple[ThoughtPlace, ...] = ()
    skipped: tuple[Position, ...]


def share_of_thought(position: Position) -> float | None:
    """Return the share of a thought that a position is at, or `None`: it is counted in tokens, or is in no thought.

    >>> share_of_thought(Position.of("thought[25%]")), share_of_thought(Position.of("thought[-1]"))
    (0.25, 1.0)
    """
    rule = position.rule
    if rule.span is not SpanName.THOUGHT or rule.offset:
        return None
    if isinstance(rule.place, Share):
        return rule.place.percent / 100
    return {At(0): 0.0, At(-1): 1.0}.get(rule.place) if isinstance(rule.place, At) else None


def token_of_thought(position: Position) -> int | None:
    """Return which token of a thought a position is, from 0, or `None`: it is a share, or is in no thought."""
    rule = position.rule
    counted = rule.span is SpanName.THOUGHT and isinstance(rule.place, At) and rule.place.from_start
    if not counted or rule.offset:
        return None
    assert isinstance(rule.place, At)
    return rule.place.index


def step_of_thought(position: Position) -> int | None:
    """Return which step of a thought a position ends, from 0, or `None`: it is another place."""
    place = position.rule.place
    counted = position.rule.span is SpanName.STEPS and not position.rule.offset and isinstance(place, At)
    return place.index if counted and isinstance(place, At) and place.from_start else None


def thought_so_far(answer: Answer, end: int, *, may_be_over: bool = False) -> Answer:
    """Return an answer's thought up to a token as an answer of its own, cut off there.

    Args:
        answer: An answer that thinks.
        end: One past the last token, in prompt ids + answer ids.
        may_be_over: Whoever stands there knows whether the thought goes on: where it does not, nothing is cut off.
    """
    thought = parted(answer).thought
    assert thought is not None
    assert thought.tokens is not None
    first, last = thought.tokens.start, end - len(answer.prompt_ids)
    start = answer.offsets[first][0]
    text = answer.text[start : answer.offsets[last - 1][1]]
    return replace(
        answer,
        answer_ids=answer.answer_ids[first:last],
        text=text,
        log_probs=(),
        offsets=tuple((low - start, high - start) for low, high in answer.offsets[first:last]),
        finished=may_be_over and last == thought.tokens.end and parted(answer).final is not None,
        thought=None,
        final=None,
    )
