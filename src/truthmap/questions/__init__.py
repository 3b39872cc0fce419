"""What is asked: built-in sets, the study's tasks, user files, splits."""

from __future__ import annotations

from truthmap.questions.folding import Folded, find_words, fold, folded, is_border
from truthmap.questions.loading import KnownSet, QuestionSettings, known_sets, load_questions
from truthmap.questions.sets import QuestionSet, choose, question_set
from truthmap.questions.splits import SplitSettings, assign_splits, group_of
from truthmap.questions.tasks import GradingRule, Locating, Rewrite, Task

__all__ = [
    "Folded",
    "GradingRule",
    "KnownSet",
    "Locating",
    "QuestionSet",
    "QuestionSettings",
    "Rewrite",
    "SplitSettings",
    "Task",
    "assign_splits",
    "choose",
    "find_words",
    "fold",
    "folded",
    "group_of",
    "is_border",
    "known_sets",
    "load_questions",
    "question_set",
]
