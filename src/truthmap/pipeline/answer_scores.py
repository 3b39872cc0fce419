"""What a run and its sealed detector say of each of its own answers, from the states that the run has stored.

An answer that the detector was fitted to is scored by fits without its fold, the scores that P(wrong) was calibrated
on: its own fit would know it, and look better than it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict

from truthmap.arrays import AnyArray, Floats
from truthmap.detector.artifact import Artifact, load_artifact
from truthmap.detector.caveats import Caveat, caveats_of_source
from truthmap.detector.config import Role
from truthmap.detector.heads import Head
from truthmap.detector.reading import Reading
from truthmap.detector.readout import fit_readout
from truthmap.detector.score import Judgement, judge
from truthmap.detector.training_data import TrainingData, read_head_data
from truthmap.detector.verdict import NO_CLAIM, NOT_TRUSTED, TRUSTED
from truthmap.errors import RunFolderError
from truthmap.files import AnyPath
from truthmap.probes.grid import Cell
from truthmap.records import Outcome, RowKey, Split
from truthmap.runs.cells import chosen_cell, unseen_scores
from truthmap.runs.data import RunData
from truthmap.runs.file_names import ANSWERS, DETECTOR, DETECTOR_CONFIG
from truthmap.runs.ledger import map_key
from truthmap.store.tensors import TensorReader

NO_DETECTOR = "no detector"
"""The verdict where the run has no sealed detector."""


class AnswerScore(BaseModel):
    """What is said of one graded claim of an answer.

    Attributes:
        question_id: The question.
        sample, claim: Which answer to it, and which claim of that answer.
        outcome: How it was graded; no score depends on its own.
        split: The part of the question. A guarantee is about the test part; cell and calibration were chosen on the
            others.
        score: Log-odds of being right, by a probe that has not seen the answer; `None`: there is no state to read.
        p_wrong: The calibrated probability that it is wrong; `None` where nothing is claimed, or no detector is sealed.
        verdict: `trusted`, `not trusted`, `no claim` or `no detector`.
        caveats: Why nothing is claimed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    question_id: str
    sample: int
    claim: int
    outcome: Outcome
    split: Split
    score: float | None
    p_wrong: float | None
    verdict: str
    caveats: tuple[Caveat, ...]


@dataclass(frozen=True)
class RunScores:
    """The scores of a run's answers, in the order of its grades.

    Attributes:
        rows: One for each graded claim.
        detector: The detector that they come from; `None`: the best cell alone.
    """

    rows: tuple[AnswerScore, ...]
    detector: str | None

    @property
    def counts(self) -> dict[str, int]:
        """How many claims got each verdict."""
        return dict(Counter(row.verdict for row in self.rows))


def score_own_answers(data: RunData, detector: AnyPath | None = None) -> RunScores:
    """Score the answers of a run by its sealed detector, or by its best cell where none is sealed.

    Args:
        data: The run.
        detector: A detector of this run that was sealed elsewhere; by default the one in its folder, if there is one.

    Raises:
        RunFolderError: the detector is none of this run as it is now.
        DamagedFileError: a file is not as it was written.
        NotEnoughDataError: the run has no map.
    """
    cell = chosen_cell(data)
    folder = _own_detector(data) if detector is None else detector
    if folder is None:
        return RunScores(tuple(_unjudged(data, unseen_scores(data, cell))), None)
    artifact = load_artifact(folder)
    if artifact.config.training.answers_digest != data.stages["answers"].files.get(ANSWERS):
        raise RunFolderError(f"{folder} was not sealed from {data.run.address}; name a detector of that run")
    return RunScores(tuple(_judged(data, artifact, folder)), str(folder))


def _own_detector(data: RunData) -> AnyPath | None:
    folder, run = data.run.folder / DETECTOR, data.run
    if not (folder / DETECTOR_CONFIG).exists():
        return None
    entry = run.added(DETECTOR)
    if entry is None or entry.key != map_key(run.snapshot.stages):
        raise RunFolderError(
            f"{folder} was not sealed from the run as it is now; `truthmap detector {run.address}` seals it again"
        )
    return folder


def _unjudged(data: RunData, scores: Mapping[RowKey, float]) -> list[AnswerScore]:
    row = _Rows.of(data).row
    return [row(key, scores.get(key), Judgement(None, None, ()), NO_DETECTOR) for key in _keys(data)]


def _judged(data: RunData, artifact: Artifact, folder: AnyPath) -> list[AnswerScore]:
    readings = {role: _readings(data, artifact, role, folder) for role in artifact.heads}
    before, row, rows = readings.get(Role.BEFORE, {}), _Rows.of(data).row, []
    for key in _keys(data):
        read = (readings[role].get(key) for role in (Role.ANSWER, Role.FALLBACK, Role.BEFORE) if role in readings)
        reading = next((each for each in read if each is not None), None)
        asked = caveats_of_source(artifact.config.asking, given=data.question_of(key).answer is not None)
        if reading is None:
            rows.append(row(key, None, Judgement(None, None, (*asked, Caveat.NO_ANSWER)), NO_CLAIM))
            continue
        far = key in before and before[key].out_of_distribution
        found = judge(artifact, reading, data.grade_of(key), asked, question_far=far)
        verdict = NO_CLAIM if found.trusted is None else TRUSTED if found.trusted else NOT_TRUSTED
        rows.append(row(key, reading.score, found, verdict))
    return rows


def _keys(data: RunData) -> list[RowKey]:
    return [grade.key for grade in data.grades]


@dataclass(frozen=True)
class _Rows:
    """Makes the rows of a run."""

    data: RunData
    splits: Mapping[str, Split]

    @classmethod
    def of(cls, data: RunData) -> _Rows:
        return cls(data, {each.question_id: each.split for each in data.splits})

    def row(self, key: RowKey, score: float | None, judged: Judgement, verdict: str) -> AnswerScore:
        grade = self.data.grade_of(key)
        return AnswerScore(
            question_id=grade.question_id,
            sample=grade.sample,
            claim=grade.claim,
            outcome=grade.outcome,
            split=self.splits[grade.question_id],
            score=score,
            p_wrong=judged.p_wrong,
            verdict=verdict,
            caveats=judged.caveats,
        )


def _readings(data: RunData, artifact: Artifact, role: Role, folder: AnyPath) -> dict[RowKey, Reading]:
    """Read every stored answer that has the cells of a head; those it was fitted to, by fits without their folds."""
    head = artifact.heads[role]
    ids, states = _stored_states(data, artifact, head)
    scores = dict(zip(ids, head.score(states).tolist(), strict=True))
    scores |= _held_out(data, artifact, head, folder)
    distances = head.distance(states)
    return {key: Reading(head, scores[key], float(far)) for key, far in zip(ids, distances, strict=True)}


def _stored_states(data: RunData, artifact: Artifact, head: Head) -> tuple[list[RowKey], AnyArray]:
    """Return the answers that have a head's cells, and their states there: float32 (n, K, d)."""
    stored, reader = set(data.states.ids), TensorReader(data.states)
    keys = [key for key in _keys(data) if key in stored]
    site, cells = artifact.config.site, head.config.cells
    read = [reader.read_cell(site, cell.layer, cell.position, keys) for cell in cells]
    here = np.flatnonzero(np.all([each.present[0] for each in read], axis=0))
    states = np.stack([each.states[0][here].float().numpy() for each in read], axis=1)
    return [keys[n] for n in here], states


def _held_out(data: RunData, artifact: Artifact, head: Head, folder: AnyPath) -> dict[RowKey, float]:
    """Return the scores that a head's P(wrong) was calibrated on, of the answers that it was fitted to."""
    config, site = head.config, artifact.config.site
    cells = [Cell(site, cell.layer, cell.position) for cell in config.cells]
    training = TrainingData(data.labels, TensorReader(data.states), data.grid(site))
    fitted = read_head_data(training, config.role, cells, config.stack_c)
    readout = fit_readout(fitted.states, fitted.right, fitted.fold, tuple(c.C for c in config.cells), config.stack_c)
    if not _same(readout.weight, head.weight):
        raise RunFolderError(f"{folder} was not sealed from the states that {data.run.address} has now; seal it again")
    rows = fitted.all_answers.rows
    known = np.flatnonzero(fitted.fold >= 0)
    return {data.labels.ids[rows[n]]: float(readout.held_out[n]) for n in known}


def _same(one: Floats, other: Floats) -> bool:
    return one.shape == other.shape and bool(np.allclose(one, other, rtol=1e-3, atol=1e-3 * np.abs(other).max()))
