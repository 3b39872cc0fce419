"""The unchanged probe behind other words: the questions ask the same, and what is lost is said."""

from __future__ import annotations

import pytest

from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.measure import ControlVerdict
from truthmap.analyses.controls.run import load_control, measure
from truthmap.analyses.controls.surface import SURFACES, SurfaceScores, told, with_typos
from truthmap.metrics.estimate import Estimate
from truthmap.records import Question
from truthmap.runs.data import RunData
from truthmap.runs.run import Run

ASKED = Question("q7", "In which country is the city of Trondheim?")


def test_typos_swap_letters_inside_words() -> None:
    changed = with_typos(ASKED)
    assert changed.text != ASKED.text
    assert sorted(changed.text) == sorted(ASKED.text)
    assert changed == with_typos(ASKED)
    pairs = list(zip(ASKED.text.split(" "), changed.text.split(" "), strict=True))
    assert all(old[0] == new[0] and old[-1] == new[-1] for old, new in pairs)
    assert 0 < sum(old != new for old, new in pairs) < len(pairs) / 2
    assert with_typos(Question("q", "Is it?")).text == "Is it?"


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_only_the_text_of_a_question_is_changed(surface: object) -> None:
    changed = surface.reword(ASKED)
    assert (changed.id, changed.accepted, changed.turns) == (ASKED.id, ASKED.accepted, ASKED.turns)
    assert len(changed.text) >= len(ASKED.text)


def scores(name: str, auc: float, distance: float) -> SurfaceScores:
    def of(value: float, half: float = 0.03) -> Estimate:
        return Estimate(value=value, low=value - half, high=value + half, n=160)

    return SurfaceScores(name, of(auc), of(0.9), of(auc - 0.9), distance)


def test_the_farthest_change_counts_not_the_lowest_auc() -> None:
    result = told(
        [
            scores("as asked", 0.9, 10.0),
            scores("near", 0.55, 11.0),
            scores("far", 0.8, 20.0),
            scores("half", 0.85, 15.0),
        ]
    )
    assert result.readings[0].name == "far"
    assert result.verdict is ControlVerdict.PART
    assert [point.at for point in result.curves[0].points] == [1.0, 1.1, 1.5, 2.0]
    assert "0.55 (near) to 0.85 (half) of its 0.90" in result.says
    assert "far (2.00 times as far), costs +0.10 [+0.07, +0.13]" in result.says


def test_what_was_asked_is_read_as_it_was(finished: Run) -> None:
    context = ControlContext(RunData.load(finished))
    finding = measure(load_control("surface"), context)
    context.close()
    plain = finding.readings[-1]
    assert plain.name == "as it was asked"
    assert plain.value.value == pytest.approx(plain.probe.value, abs=1e-3)
    assert len(finding.readings) == len(SURFACES)
    changed = {reading.value.value for reading in finding.readings[:-1]}
    assert len(changed | {plain.value.value}) > 2  # other words are other states, which the probe reads otherwise
