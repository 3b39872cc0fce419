"""Why a detector claims nothing about an answer: each reason, and how it is told.

What was measured holds for answers that came as the tested ones did. A probability, trust and a guarantee are claimed
for those alone; of any other answer there is a score, and the reasons why it is no more than that.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from truthmap.detector.config import AnswerSource, AskingConfig
from truthmap.records import Answer, Question


class Caveat(StrEnum):
    """A reason why nothing is claimed about an answer; the first ones name how it was asked, the others what it is."""

    GIVEN_ANSWER = "given_answer"
    """It was handed in, and the detector learned from what the model says by itself."""
    GENERATED_ANSWER = "generated_answer"
    """The model said it, and the detector learned from given texts."""
    MIXED_TRAINING = "mixed_training"
    """The detector learned from given texts and from the model's own answers, so that its numbers are of neither."""
    SAMPLED = "sampled"
    """Its tokens were drawn (a temperature above 0)."""
    OTHER_PROMPT = "other_prompt"
    """The prompt is not the one that the run would have asked this question with."""
    OTHER_CANDIDATES = "other_candidates"
    """The exact answer was looked for among other names than in training."""
    OTHER_LENGTH = "other_length"
    """It ended where it would not have ended in training: at another length limit, or at a stop text."""
    EARLY_EXIT = "early_exit"
    """Its thought was closed because the detector had read enough (`--early-exit`)."""
    GAVE_UP = "gave_up"
    """Its thought was closed because the detector had nowhere read that it comes right (`--early-exit guaranteed`)."""
    OTHER_MODEL = "other_model"
    """The model is not the sealed one (`--allow-different`)."""
    NO_ANSWER = "no_answer"
    """There is no token to read."""
    NO_EXACT_ANSWER = "no_exact_answer"
    """It names nothing that could be right or wrong."""
    REFUSAL = "refusal"
    """It declines to answer."""
    OUT_OF_DISTRIBUTION = "out_of_distribution"
    """Its state is far from those of the training answers."""
    QUESTION_OUT_OF_DISTRIBUTION = "question_out_of_distribution"
    """So is the question's, read before an answer token was generated."""

    @property
    def of_asking(self) -> bool:
        """Whether it says that the answer did not come as the training answers did."""
        return self in _OF_ASKING

    @property
    def label(self) -> str:
        """It in two or three words."""
        return _LABELS[self]

    @property
    def sentence(self) -> str:
        """It as a clause that stands after "because"."""
        return _SENTENCES[self]


_OF_ASKING = frozenset(
    {
        Caveat.GIVEN_ANSWER,
        Caveat.GENERATED_ANSWER,
        Caveat.MIXED_TRAINING,
        Caveat.SAMPLED,
        Caveat.OTHER_PROMPT,
        Caveat.OTHER_CANDIDATES,
        Caveat.OTHER_LENGTH,
        Caveat.EARLY_EXIT,
        Caveat.GAVE_UP,
        Caveat.OTHER_MODEL,
    }
)
_LABELS = {
    Caveat.GIVEN_ANSWER: "a given answer",
    Caveat.GENERATED_ANSWER: "not a given answer",
    Caveat.MIXED_TRAINING: "mixed training answers",
    Caveat.SAMPLED: "a sampled answer",
    Caveat.OTHER_PROMPT: "another prompt",
    Caveat.OTHER_CANDIDATES: "other candidates",
    Caveat.OTHER_LENGTH: "another length",
    Caveat.EARLY_EXIT: "a thought ended early",
    Caveat.GAVE_UP: "a thought given up",
    Caveat.OTHER_MODEL: "another model",
    Caveat.NO_ANSWER: "no answer",
    Caveat.NO_EXACT_ANSWER: "no exact answer found",
    Caveat.REFUSAL: "the answer declines",
    Caveat.OUT_OF_DISTRIBUTION: "out of distribution",
    Caveat.QUESTION_OUT_OF_DISTRIBUTION: "question out of distribution",
}
_SENTENCES = {
    Caveat.GIVEN_ANSWER: "it was given, and the detector was measured on the model's own answers",
    Caveat.GENERATED_ANSWER: "the model said it, and the detector was measured on given answers",
    Caveat.MIXED_TRAINING: "the detector was measured on given answers and the model's own together",
    Caveat.SAMPLED: "its tokens were drawn at random, and the detector was measured on greedy answers",
    Caveat.OTHER_PROMPT: "it was asked with another prompt than the training questions",
    Caveat.OTHER_CANDIDATES: "its exact answer was looked for among other candidates than in training",
    Caveat.EARLY_EXIT: "its thought was ended early, and the detector was measured on whole thoughts",
    Caveat.GAVE_UP: "its thought was given up, and the detector was measured on whole thoughts",
    Caveat.OTHER_LENGTH: "it was cut off elsewhere than the training answers",
    Caveat.OTHER_MODEL: "the model is not the one that the detector was sealed for",
    Caveat.NO_ANSWER: "there is no answer to score",
    Caveat.NO_EXACT_ANSWER: "no exact answer was found in it, and from such answers nothing was learned",
    Caveat.REFUSAL: "the answer declines to answer, and from such answers nothing was learned",
    Caveat.OUT_OF_DISTRIBUTION: "the answer is out of distribution, unlike the training answers",
    Caveat.QUESTION_OUT_OF_DISTRIBUTION: "the question is out of distribution, unlike the training questions",
}


def caveats_of_source(asking: AskingConfig, *, given: bool) -> tuple[Caveat, ...]:
    """Return why a given answer, or one that the model says, is not of the kind that the detector learned from."""
    if asking.answers is AnswerSource.MIXED:
        return (Caveat.MIXED_TRAINING,)
    if given == (asking.answers is AnswerSource.GIVEN):
        return ()
    return (Caveat.GIVEN_ANSWER if given else Caveat.GENERATED_ANSWER,)


def caveats_of_question(asking: AskingConfig, question: Question) -> tuple[Caveat, ...]:
    """Return why a question is not put as the training questions were, whatever its prompt."""
    caveats = []
    unlike_context = asking.context is not None and asking.context != (question.context is not None)
    if spoken_before(question) not in asking.turns or unlike_context:
        caveats.append(Caveat.OTHER_PROMPT)
    if asking.candidates is not None and question.candidates != asking.candidates:
        caveats.append(Caveat.OTHER_CANDIDATES)
    return tuple(caveats)


def spoken_before(question: Question) -> tuple[str, ...]:
    """Return who spoke before a question in its conversation; before one with a prompt of its own, that prompt."""
    return tuple(message.role for message in question.turns) if question.prompt is None else ("prompt",)


def ended_elsewhere(asking: AskingConfig, answer: Answer) -> bool:
    """Tell whether a complete answer ended where it would not have ended in training.

    With the run's limit it ends where the model closes it, or at the limit; the tokens before are the same.
    """
    n = len(answer.answer_ids)
    return n > asking.max_new_tokens or (not answer.finished and n < asking.max_new_tokens)


def because(caveats: Iterable[Caveat]) -> str:
    """Return the reasons in one clause."""
    return "; ".join(caveat.sentence for caveat in caveats)
