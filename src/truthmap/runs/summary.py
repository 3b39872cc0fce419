"""What a run found, in short: the record in `summary.json`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from truthmap.grading.column_contents import ColumnContents, CutAnswers
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.rival import Rival
from truthmap.metrics.within_answer_record import WithinAnswer
from truthmap.positions import Position
from truthmap.probes.protocols import ProbeProtocol
from truthmap.records import Site
from truthmap.shown import ShortRepr, Shown, TextTable

_FORMER = ("log_prob", "within_auc", "within_pairs")


FEWEST_TO_DECIDE = 20
"""Test answers below which nothing is said to be found: with ten right and ten wrong ones an AUC of 0.8 may be 0.6."""


class StackedCells(ShortRepr, BaseModel):
    """A detector that reads several cells, against the best single cell.

    Attributes:
        cells: Layer and position of each, in the order in which they were taken.
        C: Inverse strength of regularisation of the second level, which weighs the cells' scores.
        validation: The AUC of stacks chosen and fitted without the fold that they score, on train + validation.
        gain: How much higher that is than the best cell's, with the paired 95 % interval.
        chosen: Whether the gain is beyond noise (its interval lies above zero); else the single cell stands.
        test: Its AUC on the test answers, if it was chosen.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    cells: tuple[tuple[int, Position], ...]
    C: float
    validation: Estimate
    gain: Estimate
    chosen: bool
    test: Estimate | None


class Summary(Shown, BaseModel):
    """What a run found, in short.

    Attributes:
        right, wrong, unscored, refusals: Counts of answers; refusals are among the wrong ones.
        found_right, found_wrong: Share of these answers in which an exact answer was found.
        site, layer, position, C: The best cell, chosen on train + validation, and its regularisation.
        validation: Its cross-validated AUC on train + validation.
        test: Its AUC on the test part, which was used for nothing else.
        converged: Share of the probes that converged.
        protocol: How the probes were made; `paper`: as the paper that the map comes from made them.
        p_value: Of the best cell, corrected for looking at the whole map; `None`: the labels were not shuffled.
        null_95: The AUC that 95 % of the label shuffles stay below anywhere on the map.
        text_baseline: The best baseline that reads all that was said and asked, and no hidden state.
        free_score: The best of the scores that come with an answer, from its tokens' log-probabilities; `None` where
            answers have none.
        before_answering: What can be read at the prompt's end; `None` where the best cell stands there itself.
        within: What the best cell tells on the test part among answers that say the same; `None` without such pairs.
        stack: The best detector that reads several cells; `None` where none was tried.
        columns: What the map's columns hold; nothing in runs of older versions.
        endings: Answers that were closed and that were cut off, by outcome; `None` in runs of older versions.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    model: str
    questions: str
    right: int
    wrong: int
    unscored: int
    refusals: int
    found_right: float
    found_wrong: float
    site: Site
    layer: int
    position: Position
    C: float
    validation: Estimate
    test: Estimate
    converged: float
    protocol: ProbeProtocol = ProbeProtocol.TRUTHMAP
    p_value: float | None = None
    null_95: float | None = None
    text_baseline: Rival | None = None
    free_score: Rival | None = None
    before_answering: Rival | None = None
    within: WithinAnswer | None = None
    stack: StackedCells | None = None
    columns: tuple[ColumnContents, ...] = ()
    endings: CutAnswers | None = None

    @model_validator(mode="before")
    @classmethod
    def _without_former_fields(cls, given: Any) -> Any:
        """Leave out numbers of the validation part that earlier versions wrote, and those of another score."""
        if not isinstance(given, Mapping):
            return given
        kept = {name: value for name, value in given.items() if name not in _FORMER}
        if isinstance(kept.get("text_baseline"), float):
            del kept["text_baseline"]
        return kept

    @property
    def decides_nothing(self) -> str:
        """That the test answers are too few for any finding, in words; empty where they are not."""
        decide = "answer decides" if self.test.n == 1 else "answers decide"
        return f"{self.test.n} test {decide} nothing" if self.test.n < FEWEST_TO_DECIDE else ""

    @property
    def headline(self) -> str:
        """Whose map it is: the model and the questions, and that the map decides nothing where it is so."""
        return " – ".join(filter(None, (f"{self.model} on {self.questions}", self.decides_nothing)))

    @property
    def optimism(self) -> float:
        """How much better the best cell looked where it was chosen than on the test part."""
        return self.validation.value - self.test.value

    @property
    def facts(self) -> list[tuple[str, str]]:
        """What was found, a name and a value each."""
        return [
            ("answers", f"{self.right:,} right, {self.wrong:,} wrong, {self.unscored:,} unscored"),
            ("best cell", f"layer {self.layer}, {self.position} ({self.site}, C = {self.C:g})"),
            ("AUC where chosen", f"{self.validation} ({self.validation.n:,} answers)"),
            ("AUC on test", f"{self.test} ({self.test.n:,} other answers)"),
        ]

    def _line(self) -> str:
        return f"{self.headline}: layer {self.layer}, {self.position}, AUC {self.test} on test"

    def _tables(self) -> Sequence[TextTable]:
        return [(self.headline, ("", ""), self.facts)]
