"""What a sealed detector is: its `config.json`, checked field by field when it is read."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from truthmap.detector.calibration import Calibrator, Reliability
from truthmap.detector.exit_guarantee import ExitConfig
from truthmap.detector.guarantee import RiskGuarantee
from truthmap.lm.load_settings import DATE, Day, Thinking
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.rival import Rival
from truthmap.positions import Position
from truthmap.questions.tasks import Task
from truthmap.records import Site
from truthmap.shown import ShortRepr

FORMAT = "truthmap detector 3"
"""Raised whenever a key changes its name or its sense: an artifact of another format is refused, never guessed at."""
LABEL = "A score is the log-odds that the answer is right, p_wrong the calibrated probability that it is wrong."

TEXT_COMES_NEAR = 0.05
"""Words alone come near the probe where the paired 95 % interval of its AUC's lead reaches below this."""

_STRICT = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
_Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
_Text = Annotated[str, Field(max_length=100_000)]
_Role = Annotated[str, Field(max_length=100)]


def _within_0_and_1(found: Estimate) -> Estimate:
    if not 0 <= found.low <= found.value <= found.high <= 1 or found.n < 0:
        raise ValueError(f"expected a share with its interval, between 0 and 1, got {found} of {found.n}")
    return found


_Share = Annotated[Estimate, AfterValidator(_within_0_and_1)]


class Role(StrEnum):
    """When a head is used."""

    ANSWER = "answer"
    """The chosen cell: used wherever an answer has it."""
    FALLBACK = "fallback"
    """A cell that every answer has: used where the exact answer was not found."""
    BEFORE = "before"
    """A cell of the last prompt token: used before an answer token is generated."""


class AnswerSource(StrEnum):
    """Where the answers came from that a detector learned from: what it claims holds for answers of that kind."""

    GENERATED = "generated"
    """The model's own greedy answers."""
    GIVEN = "given"
    """Texts that came with the questions."""
    MIXED = "mixed"
    """Both."""

    @property
    def described(self) -> str:
        """What its claims are about, in words."""
        return _DESCRIBED[self]


_DESCRIBED = {
    AnswerSource.GENERATED: "the model's own greedy answers to questions asked as in training",
    AnswerSource.GIVEN: "given answers to questions asked as in training",
    AnswerSource.MIXED: "no answers: it learned from given ones and from the model's own together",
}


class CellAt(BaseModel):
    """A cell of the detector's site, and the inverse strength of regularisation that its probe was fitted with.

    Attributes:
        layer, position: Where it is.
        C: That strength.
        rule: What the position meant when the detector was sealed; `None` in a detector that is older than rules.
    """

    model_config = _STRICT

    layer: int = Field(ge=0, le=10_000)
    position: Position
    C: float = Field(gt=0)
    rule: str | None = Field(None, max_length=100)

    @model_validator(mode="after")
    def _means_the_same(self) -> CellAt:
        if self.rule is not None and self.rule != str(self.position.rule):
            raise ValueError(
                f"it was sealed to read {self.rule}, which it calls {self.position}; this version reads "
                f"{self.position.rule} by that name"
            )
        return self


class OODThreshold(BaseModel):
    """When a state counts as out of distribution, that is, far from those of the training parts.

    Attributes:
        threshold: Mahalanobis distance above which a state is flagged.
        target_rate: The threshold's conformal false-alarm rate: as asked for, or the least that so few answers allow.
        false_alarms: The share of the test answers that it flags, with its exact 95 % interval.
    """

    model_config = _STRICT

    threshold: float = Field(gt=0)
    target_rate: float = Field(gt=0, lt=1)
    false_alarms: _Share


class CoveragePoint(BaseModel):
    """What share of all test answers a threshold accepts (coverage), and what share of those was graded wrong."""

    model_config = _STRICT

    threshold: float
    coverage: float = Field(ge=0, le=1)
    selective_risk: float = Field(ge=0, le=1)


class HeadConfig(BaseModel):
    """One readout of a detector.

    Attributes:
        role: When it is used.
        cells: Where it reads (K of them); their dot products are summed.
        stack_c: The inverse strength of regularisation with which several cells are stacked; `None` of one cell.
        n_fitted, n_fitted_right: Answers it was fitted to (train + validation), and the right ones among them.
        test: Its AUC on the test part.
        calibration: From score to P(wrong).
        reliability: How well P(wrong) holds on the test part.
        guarantees: Of the answer head: thresholds and the risk each bounds; the first one decides between trust and
            don't trust.
        risk_coverage: Selective risk over coverage on the test part, the strictest threshold first.
        ood: When a state is out of the distribution that it was fitted to.
    """

    model_config = _STRICT

    role: Role
    cells: tuple[CellAt, ...] = Field(min_length=1, max_length=64)
    stack_c: float | None = Field(gt=0)
    n_fitted: int = Field(ge=2)
    n_fitted_right: int = Field(ge=1)
    test: _Share
    calibration: Calibrator
    reliability: Reliability
    guarantees: tuple[RiskGuarantee, ...] = Field(max_length=100)
    risk_coverage: tuple[CoveragePoint, ...] = Field(max_length=1000)
    ood: OODThreshold


class ModelConfig(BaseModel):
    """Which model a detector belongs to and how it is loaded.

    Attributes:
        identity: As `LanguageModel.identity` gives it: name, revision, architecture, digests of weights, tokenizer and
            chat template, prompt format, dtype.
        blocks: Module path of the list of blocks, where it had to be named.
        quantization: Bits the weights were loaded in.
        adapter: Folder or hub id of the adapter that was merged into them.
        date: The day that its chat template is told where it names today's.
        thinking: Whether and how it thinks before it answers.
        n_layers, width: L, and d of the detector's site.
    """

    model_config = _STRICT

    identity: dict[str, Annotated[str, Field(max_length=4096)]]
    blocks: str | None = Field(None, max_length=1000)
    quantization: Literal["8bit", "4bit"] | None = None
    adapter: str | None = Field(None, max_length=4096)
    date: Day = DATE
    thinking: Thinking = "auto"
    n_layers: int = Field(ge=1, le=10_000)
    width: int = Field(ge=1, le=1_000_000)


class AskingConfig(BaseModel):
    """How questions are asked and how the exact answer is found in what comes back.

    Attributes:
        task: Prompts, grading rule, locating rule.
        locator: Where the task lets a model find the exact answer: `same`, the studied one, or the name of another,
            which is not called by a sealed detector.
        candidates: What an answer can name, where all training questions share it; `None`: a question brings its own,
            or has none.
        max_new_tokens: Length limit of an answer, in tokens.
        max_thinking_tokens: After how many tokens a thought is closed; `None`: none is.
        closing_id: The token that closed the training answers; given answers get it too. `None` where they had none.
        answers: Where the training answers came from: what the detector claims holds for answers of that kind.
        turns: Who spoke before the question in the training questions, each such sequence once; one that is a single
            message has the empty one.
        context: Whether the training questions came with a context; `None`: some of them.
        drop_closing_token: Positions are counted without the token that closes an answer.
    """

    model_config = _STRICT

    task: Task
    locator: str | None = Field(None, max_length=1000)
    candidates: tuple[tuple[_Text, ...], ...] | None = Field(None, max_length=1_000_000)
    max_new_tokens: int = Field(ge=1, le=1_000_000)
    max_thinking_tokens: int | None = Field(None, ge=1, le=1_000_000)
    closing_id: int | None = Field(None, ge=0)
    answers: AnswerSource
    turns: tuple[tuple[_Role, ...], ...] = Field(min_length=1, max_length=1000)
    context: bool | None
    drop_closing_token: bool = False


class TrainingConfig(BaseModel):
    """What a detector was made from: names, digests and counts of answers.

    Attributes:
        text_baseline: The run's best baseline that reads words alone, against the run's best cell; `None` where it was
            not measured.
        looks: How many detectors were tested on this test part of the run until now, this one included: each with other
            cells, limits or confidence is another look at the same answers.
    """

    model_config = _STRICT

    questions: str
    questions_digest: str
    answers_digest: _Digest
    right: int = Field(ge=0)
    wrong: int = Field(ge=0)
    unscored: int = Field(ge=0)
    found_right: float = Field(ge=0, le=1)
    found_wrong: float = Field(ge=0, le=1)
    text_baseline: Rival | None
    looks: int = Field(ge=1)


class DetectorConfig(ShortRepr, BaseModel):
    """The whole of `config.json` but for its seal.

    Attributes:
        early_exit: Where thoughts can be ended early under a guarantee; `None` where that was not measured.
    """

    model_config = _STRICT

    format: Literal["truthmap detector 3"]
    truthmap: str
    label: str
    model: ModelConfig
    site: Site
    asking: AskingConfig
    training: TrainingConfig
    heads: tuple[HeadConfig, ...] = Field(min_length=1, max_length=3)
    early_exit: ExitConfig | None = None
    files: dict[str, _Digest]

    def head(self, role: Role) -> HeadConfig | None:
        """Return the head with this role, or `None`."""
        return next((head for head in self.heads if head.role is role), None)

    @property
    def guarantee(self) -> str | None:
        """The guarantee that decides what is trusted, in words; `None` where it does not hold."""
        first = self.heads[0].guarantees[0]
        return f"{first.claim}{self._looks}" if first.holds else None

    @property
    def guarantee_sentence(self) -> str:
        """That guarantee, or why there is none."""
        return f"{self.heads[0].guarantees[0].sentence}{self._looks}"

    @property
    def _looks(self) -> str:
        looks = self.training.looks
        return f" (one of {looks} detectors tested on the same answers)" if looks > 1 else ""

    @property
    def warnings(self) -> tuple[str, ...]:
        """What whoever uses the detector should know beside its numbers."""
        training, told = self.training, list[str]()
        if training.looks > 1:
            told.append(
                f"{training.looks} detectors with other cells, limits or confidence were tested on these test answers: "
                "each guarantee has its confidence by itself, the best of them has less"
            )
        text = training.text_baseline
        if text is not None and text.gain.low < TEXT_COMES_NEAR:
            told.append(
                f"words alone ({text.name}) reach an AUC of {text.test.value:.3f} on the test part, the best cell "
                f"{text.gain.short_signed} more: much of what it reads may be which answers tend to be right, which "
                "tells little about texts that the model did not say by itself"
            )
        return tuple(told)
