"""An answer of a run with its tokens shaded: by what the map's probes read, or by the model's own probabilities."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from scipy.special import expit

from truthmap.errors import UsageError
from truthmap.grading.token_spans import locate_ranges
from truthmap.positions import MISSING
from truthmap.probes.grid import Cell
from truthmap.records import Answer, Grade, RowKey
from truthmap.runs.cells import unseen_score
from truthmap.runs.data import RunData
from truthmap.shaded_answer import ShadedAnswer, ShadedToken, token_texts, wrote_part_of


class TokenScore(NamedTuple):
    """A token's score, from -1 to 1, and in words."""

    share: float
    note: str


class AnswerScores(NamedTuple):
    """Scores of an answer's tokens by their places in it, what they mean, and what they say of the whole answer."""

    of_token: Mapping[int, TokenScore]
    legend: str
    facts: Sequence[tuple[str, str]] = ()


def shade_answer(data: RunData, answer_id: str, by: str) -> ShadedAnswer:
    """Return an answer with its tokens shaded by one of `SCORES`.

    Raises:
        UsageError: there is no such answer or score.
        NotEnoughDataError: the probes are asked for, and the run has no map.
    """
    if by not in SCORES:
        raise UsageError(f"there is no score {by!r} to shade tokens by; there are {', '.join(SCORES)}")
    row = RowKey(answer_id)
    if all(grade.key != row for grade in data.grades):
        raise UsageError(
            f"the run has no answer {answer_id!r}; `run.answers()` lists their ids, `truthmap show RUN --export FILE` "
            "those of their questions"
        )
    question, answer, grade = data.question_of(row), data.answer_of(row), data.grade_of(row)
    scores = SCORES[by](data, answer, grade)
    exact = wrote_part_of(answer, grade.span)
    tokens = (
        ShadedToken(text, found.share if found else None, found.note if found else "", is_exact)
        for text, is_exact, found in zip(
            token_texts(answer), exact, map(scores.of_token.get, range(len(exact))), strict=True
        )
    )
    outcome = f"{grade.outcome}: {grade.why}"
    facts = [("outcome", outcome), ("accepted", ", ".join(question.accepted)), *scores.facts]
    return ShadedAnswer(question.text, tuple(tokens), tuple(facts), f"{scores.legend}; the exact answer is underlined")


def read_by_probes(data: RunData, answer: Answer, grade: Grade) -> AnswerScores:
    """Return what the probes of the best cell's layer read at each position, none of which has seen the answer.

    Where several positions are one token, the one whose cell has the highest AUC decides its shade.
    """
    best = data.summary
    grid = data.grid(best.site)
    drop = data.drops_closing_token
    ranges = locate_ranges(answer, grade.span, grid.positions, drop_closing_token=drop).tolist()
    read: dict[int, list[tuple[float, float, str]]] = {}
    facts = []
    for column, (position, (start, end)) in enumerate(zip(grid.positions, ranges, strict=True)):
        score = unseen_score(data, Cell(best.site, best.layer, position), grade.key)
        if start == MISSING or score is None:
            continue
        place, p_right = start - len(answer.prompt_ids), float(expit(score))
        if position == best.position:
            facts.append(("P(right) at the best cell", f"{p_right:.2f} (layer {best.layer}, {position})"))
        if place >= 0 and end == start + 1:
            read.setdefault(place, []).append((float(grid.auc[best.layer, column]), p_right, str(position)))
    of_token = {place: _at(sorted(found, reverse=True)) for place, found in read.items()}
    legend = f"P(right) as probes of layer {best.layer} read it: blue above one half, orange below"
    return AnswerScores(of_token, legend, facts)


def _at(found: Sequence[tuple[float, float, str]]) -> TokenScore:
    note = ", ".join(f"P(right) {p_right:.2f} at {position}" for _, p_right, position in found)
    return TokenScore(2 * found[0][1] - 1, note)


def chosen_by_model(data: RunData, answer: Answer, grade: Grade) -> AnswerScores:  # noqa: ARG001 (each kind is called so)
    """Return the probability with which the model chose each token: the less it was, the more orange."""
    known = [(place, math.exp(log_prob)) for place, log_prob in enumerate(answer.log_probs)]
    of_token = {place: TokenScore(p - 1, f"probability {p:.2f}") for place, p in known if math.isfinite(p)}
    return AnswerScores(of_token, "the probability with which the model chose each token: orange where it was low")


SCORES: Mapping[str, Callable[[RunData, Answer, Grade], AnswerScores]] = MappingProxyType(
    {"probe": read_by_probes, "log_prob": chosen_by_model}
)
"""What tokens can be shaded by."""
