"""What the heads need of a token can be taken where its states are: the verdict is the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from truthmap.detector.artifact import Artifact
from truthmap.detector.detector import Detector
from truthmap.detector.projections import project, projections_of
from truthmap.detector.reading import state_spec, token_log_odds
from truthmap.detector.score import AnswerStates, score_answer
from truthmap.detector.streaming import record_answer_states
from truthmap.detector.verdict import verdict_row
from truthmap.positions import Position


def with_position(artifact: Artifact, name: str) -> Artifact:
    """Return the same detector with another position in the first cell of its first head."""
    role, head = next(iter(artifact.heads.items()))
    first, *others = head.config.cells
    cells = (first.model_copy(update={"position": Position.of(name)}), *others)
    moved = dataclasses.replace(head, config=head.config.model_copy(update={"cells": cells}))
    return dataclasses.replace(artifact, heads={**artifact.heads, role: moved})


def test_verdicts_are_the_same_from_projections(tiny_detector: Detector) -> None:
    artifact, lm = tiny_detector.artifact, tiny_detector.lm
    spec, projections = state_spec(artifact), projections_of(artifact)
    assert projections is not None
    verdicts = tiny_detector.ask_batch([f"Which {n * 7919 % 1000} is {n * 104729 % 997}?" for n in range(240, 252)])
    assert len({verdict.role for verdict in verdicts}) > 1
    for verdict in verdicts:
        answer, question = verdict.answer, tiny_detector.question(verdict.question)
        (states,) = record_answer_states(lm, [(answer.prompt_ids, answer.answer_ids)], spec)
        projected = project(projections, states, spec.layers)
        here, there = (score_answer(artifact, AnswerStates(question, answer, each), ()) for each in (states, projected))
        measured = {name: value for name, value in verdict_row(here).items() if isinstance(value, float)}
        assert verdict_row(there) == {**verdict_row(there), **{k: pytest.approx(v) for k, v in measured.items()}}
        assert (there.trusted, there.role, there.caveats) == (here.trusted, here.role, here.caveats)
        assert there.similar == here.similar
        assert token_log_odds(artifact, projected) == pytest.approx(token_log_odds(artifact, states), rel=1e-9)


def test_a_mean_over_tokens_has_no_projection(tiny_detector: Detector) -> None:
    assert projections_of(with_position(tiny_detector.artifact, "mean(answer)")) is None


def test_what_a_projection_gives_is_finite_and_small(tiny_detector: Detector) -> None:
    projections = projections_of(tiny_detector.artifact)
    assert projections is not None
    found = [each(np.zeros((3, 24), dtype=np.float32)) for each in projections]
    assert [each.shape for each in found] == [(3, projection.size) for projection in projections]
    assert all(np.isfinite(each).all() for each in found)
