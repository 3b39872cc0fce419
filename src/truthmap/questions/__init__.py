"""What is asked: built-in sets, the study's tasks, user files, splits."""

from __future__ import annotations

from truthmap.questions.columns import Columns
from truthmap.questions.faults import Fault, FaultKind, Report
from truthmap.questions.folding import Folded, find_words, fold, folded, is_border
from truthmap.questions.known import KnownSet, known_sets
from truthmap.questions.loading import QuestionSettings, load_questions
from truthmap.questions.reading_csv import read_csv
from truthmap.questions.sets import QuestionSet, choose, question_set
from truthmap.questions.splits import SplitSettings, assign_splits, group_of
from truthmap.questions.tasks import GradingRule, Locating, Rewrite, Task, default_locating

__all__ = [
    "Columns",
    "Fault",
    "FaultKind",
    "Folded",
    "GradingRule",
    "KnownSet",
    "Locating",
    "QuestionSet",
    "QuestionSettings",
    "Report",
    "Rewrite",
    "SplitSettings",
    "Task",
    "assign_splits",
    "choose",
    "default_locating",
    "find_words",
    "fold",
    "folded",
    "group_of",
    "is_border",
    "known_sets",
    "load_questions",
    "question_set",
    "read_csv",
]
