"""Which part of a study each question belongs to."""

from __future__ import annotations

import math
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict, Field, model_validator

from truthmap.questions.groups import group_questions
from truthmap.records import Question, Split, SplitAssignment
from truthmap.seeding import uniform_from


class SplitSettings(BaseModel):
    """How questions are dealt out.

    The test part decides how sure the reported number is. An AUC of 0.9 on 150 answers, half of them right, has a 95 %
    interval of ± 0.05 (Hanley and McNeil 1982); 600 questions with one in six unscored give 150 such answers when three
    tenths are kept for testing. A fifth decides which of some 450 cells is best; half is left to learn from, and once
    the choice is made validation can be learned from too.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    train: float = Field(default=0.5, gt=0, lt=1, description="Share of the groups that probes learn from.")
    validation: float = Field(default=0.2, gt=0, lt=1, description="Share of the groups that choices are made on.")
    test: float = Field(default=0.3, gt=0, lt=1, description="Share of the groups used once, for the reported number.")
    folds: int = Field(default=5, ge=2, le=100, description="Cross-validation folds over train and validation.")
    seed: int = Field(default=0, description="Another seed deals differently.")

    @model_validator(mode="after")
    def _check_sum(self) -> SplitSettings:
        total = self.train + self.validation + self.test
        if not math.isclose(total, 1, abs_tol=1e-6):
            raise ValueError(f"train, validation and test must add up to 1, but add up to {total:g}; mend one of them")
        return self


def assign_splits(questions: Iterable[Question], settings: SplitSettings) -> tuple[SplitAssignment, ...]:
    """Deal the questions out by group (`group_questions`), each group by its own die.

    Where a question goes depends on its group and the seed alone: adding or removing questions moves no other, and
    changing the share of validation moves none in or out of the test part. The shares are therefore met on average, not
    exactly.

    Returns:
        A split for each question, in their order; `fold` is in 0 … folds - 1 outside the test part, -1 in it.
    """
    asked = tuple(questions)
    of = group_questions(asked).of
    return tuple(_split(question.id, of[question.id], settings) for question in asked)


def _split(question_id: str, group: tuple[str, str], settings: SplitSettings) -> SplitAssignment:
    die = uniform_from("split", settings.seed, *group)
    if die < settings.test:
        return SplitAssignment(question_id, Split.TEST, -1)
    part = Split.VALIDATION if die < settings.test + settings.validation else Split.TRAIN
    return SplitAssignment(question_id, part, int(uniform_from("fold", settings.seed, *group) * settings.folds))
