"""The frozen records that cross the borders between stages, and the closed vocabularies in them.

Shape letters used everywhere: n answers, L layers, P positions, d width.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from truthmap.shown import ShortRepr

__all__ = [
    "Answer", "Claim", "Grade", "Message", "Outcome", "Part", "Question", "Site", "Span", "Split", "SplitAssignment",
]  # fmt: skip


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
    HEAD = "head"
    MIXER = "mixer"
    """What mixes tokens, attention or a recurrent layer: in models that have both, or recurrent ones alone."""

    @classmethod
    def _missing_(cls, value: object) -> Site | None:
        # The name of `mlp_post` in files and commands that are older than that name; kept for one version.
        return cls.MLP_POST if value == "mlp_in" else None


SEPARATOR = "\x1f"
"""Parts the fields of a row's key; no question id may hold it."""


class RowKey(str):
    """What one row of everything behind grading belongs to: a claim of an answer to a question.

    It is text, so that files and labels hold it as it is: the question's id for the greedy answer's first claim, and
    otherwise the id, the sample's number and the claim's, parted by `SEPARATOR`.

    >>> RowKey.of("q7"), RowKey.of("q7", sample=2).sample, RowKey.of("q7", 2, claim=1).question_id
    ('q7', 2, 'q7')
    """

    __slots__ = ()

    @classmethod
    def of(cls, question_id: str, sample: int = 0, claim: int = 0) -> RowKey:
        """Make the key of a claim; samples and claims are counted from 0."""
        assert sample >= 0 <= claim, (sample, claim)
        return cls(f"{question_id}{SEPARATOR}{sample}{SEPARATOR}{claim}" if sample or claim else question_id)

    @property
    def question_id(self) -> str:
        """The question's id."""
        return self._parts()[0]

    @property
    def sample(self) -> int:
        """The answer's number among those to its question, 0 for the greedy one."""
        return self._parts()[1]

    @property
    def claim(self) -> int:
        """The claim's number in its answer."""
        return self._parts()[2]

    @property
    def answer(self) -> RowKey:
        """The key of the answer: that of its first claim."""
        return self.of(self.question_id, self.sample)

    def __deepcopy__(self, memo: object) -> RowKey:
        return self  # an index of many rows is copied as a plain dict whenever it is written

    def _parts(self) -> tuple[str, int, int]:
        question_id, *numbers = self.rsplit(SEPARATOR, 2)
        # An id that happens to hold separators (no set of today has any) is taken for what it is.
        if len(numbers) != 2 or not all(n.isascii() and n.isdigit() for n in numbers):
            return str(self), 0, 0
        return question_id, int(numbers[0]), int(numbers[1])


@dataclass(frozen=True, slots=True, repr=False)
class Question(ShortRepr):
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
        claims: The claims of `answer`, where several pieces of it are right or wrong by themselves.
        turns: What was said in the conversation before the question (system, user, assistant); `text` is the last
            message, the user's.
        prompt: The whole prompt as it was sent, templates and examples included; it is put to the model as it is, and
            `text` only says what was asked. `None`: the set's task says how the question is put.
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
    turns: tuple[Message, ...] = ()
    prompt: str | None = None
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """A claim of a ready answer: characters of its text that are right or wrong by themselves."""

    span: Span
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Message:
    """A message of a chat.

    Attributes:
        role: Who says it: system, user, assistant.
        content: What is said.
    """

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open range `[start, end)`: of characters of an answer's text, or of its token ids, as the field says."""

    start: int
    end: int

    def __post_init__(self) -> None:
        assert 0 <= self.start < self.end, (self.start, self.end)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of an answer; an empty one has no spans.

    Attributes:
        tokens: Its answer ids; `None` where it has none, or where the answer is text alone.
        characters: Its characters of the answer's text; `None` where it has none.
    """

    tokens: Span | None
    characters: Span | None


@dataclass(frozen=True, slots=True, repr=False)
class Answer(ShortRepr):
    """What the model said to a question.

    A thought and the final part behind it are spans of the answer, without the tags between them and without white
    space before their first word; an answer without a thought is its final part. `truthmap.answer_parts.parted` finds
    them where both are `None`: in records that are older than they, or made by hand.

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
        thought: Its chain of thought, from the first thought's start to the last one's end; `None`: it does not think.
        final: What is graded and located: all that comes behind the thought. `None` with a thought: it was cut off
            while it thinks.
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
    thought: Part | None = None
    final: Part | None = None

    @property
    def key(self) -> RowKey:
        """The answer's key, which is that of its first claim."""
        return RowKey.of(self.question_id, self.sample)

    @property
    def is_cut_while_thinking(self) -> bool:
        """Whether its thought does not end: it has no final part."""
        return self.thought is not None and self.final is None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a model said to a prompt, and what that took: tokens read and written, as far as they are told."""

    text: str
    tokens_in: int = 0
    tokens_out: int = 0


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a model that judged an answer was asked, and what it said.

    Attributes:
        model: The judge, as the settings name it.
        prompt: The whole prompt.
        reply: Its reply, letter by letter; empty where there was none.
    """

    model: str
    prompt: str
    reply: str


@dataclass(frozen=True, slots=True, repr=False)
class Grade(ShortRepr):
    """The verdict on a claim of an answer, with its evidence. An answer has one, unless its claims came with it.

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
        claim: The claim's number in its answer, from 0.
        judgement: What a model that judged it was asked, and what it said; `None` where a rule decided.
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
    claim: int = 0
    judgement: Judgement | None = None

    @property
    def key(self) -> RowKey:
        """The key of the row that the claim makes."""
        return RowKey.of(self.question_id, self.sample, self.claim)


@dataclass(frozen=True, slots=True)
class SplitAssignment:
    """Where a question stands in a study: its split, and its cross-validation fold (-1 in the test split)."""

    question_id: str
    split: Split
    fold: int
