"""The frozen records that cross the borders between stages, and the closed vocabularies in them.

Shape letters used everywhere: n answers, L layers, P positions, d width.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

__all__ = ["Answer", "Grade", "Outcome", "Question", "Site", "Span", "Split", "SplitAssignment"]


class StrEnum(str, Enum):
    """A closed vocabulary whose members are their own text."""

    def __str__(self) -> str:
        return str(self.value)


class Outcome(StrEnum):
    """What grading says of an answer; `UNSCORED` is never counted as wrong."""

    RIGHT = "right"
    WRONG = "wrong"
    UNSCORED = "unscored"


class Split(StrEnum):
    """Which part of a study a question belongs to."""

    TRAIN = "train"
    VALIDATION = "validation"
    TEST = "test"


class Site(StrEnum):
    """What is read at a layer."""

    RESIDUAL = "residual"
    MLP = "mlp"
    MLP_POST = "mlp_post"
    ATTENTION = "attention"

    @classmethod
    def _missing_(cls, value: object) -> Site | None:
        # The name of `mlp_post` in files and commands that are older than that name; kept for one version.
        return cls.MLP_POST if value == "mlp_in" else None


@dataclass(frozen=True, slots=True)
class Question:
    """One item of a data set.

    Attributes:
        id: Unique in its set.
        text: The question as it is asked, without any template.
        accepted: The accepted answers, the usual one first, other names (aliases) after it.
        candidates: All things that an answer could name, each as its names, the usual one first; `None`: open question.
        context: Text given along with the question.
        group: Questions of one group stay in one part of the split; `None`: the question's normalized text groups it.
        answer: A ready answer: nothing is generated.
        outcome: A ready outcome (a human label): nothing is graded.
        exact_answer: A ready exact answer, a piece of `answer`.
    """

    id: str
    text: str
    accepted: tuple[str, ...] = ()
    candidates: tuple[tuple[str, ...], ...] | None = None
    context: str | None = None
    group: str | None = None
    answer: str | None = None
    outcome: Outcome | None = None
    exact_answer: str | None = None


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range `[start, end)`: of characters of an answer's text, or of its token ids, as the field says."""

    start: int
    end: int

    def __post_init__(self) -> None:
        assert 0 <= self.start < self.end, (self.start, self.end)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the model said to a question.

    Attributes:
        question_id: The question's id.
        prompt_ids: Token ids of the whole prompt, template included.
        answer_ids: The generated token ids, the closing token included where the model closed its answer.
        text: The answer's text, special tokens left out, not stripped.
        log_probs: Natural log-probability of each answer id when it was chosen (temperature 1, whole vocabulary).
        offsets: For each answer id the characters `[start, end)` of `text` it wrote; empty (start == end) for special
            tokens. A character written by several ids belongs to each of them.
        finished: The model closed its answer itself (otherwise it was cut off at the length limit).
        sample: 0 is the greedy answer; 1, 2, … are samples.
        fault: Why there is no answer (`prompt_too_long`), or `None`.
    """

    question_id: str
    prompt_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]
    text: str
    log_probs: tuple[float, ...]
    offsets: tuple[tuple[int, int], ...]
    finished: bool
    sample: int = 0
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Grade:
    """The verdict on an answer, with its evidence.

    Attributes:
        question_id: The question's id.
        outcome: Right, wrong or unscored.
        rule: The rule that decided (`candidates`, `number`, …).
        span: Characters of the answer's text that are the exact answer; `None` where none was found.
        exact_answer: The text of that span, or an empty string.
        canonical: What the exact answer stands for in one spelling (the candidate's usual name, the number), or an
            empty string; answers with the same canonical form say the same.
        why: One line for a reader: why this outcome.
        refusal: The answer declines to answer; a kind of wrong.
        sample: As in `Answer`.
    """

    question_id: str
    outcome: Outcome
    rule: str
    span: Span | None
    exact_answer: str
    canonical: str
    why: str
    refusal: bool = False
    sample: int = 0


@dataclass(frozen=True, slots=True)
class SplitAssignment:
    """Where a question stands in a study: its split, and its cross-validation fold (-1 in the test split)."""

    question_id: str
    split: Split
    fold: int
