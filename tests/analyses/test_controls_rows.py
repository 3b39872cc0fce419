"""Single controls: their counts by hand, their curves, and what they say where the run has not what they need."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score
from tests.planted import EXACT, LAST_Q, PlantedRun

from truthmap.analyses.audit.twice import AucTwice, GradedTwice
from truthmap.analyses.controls.context import ControlContext
from truthmap.analyses.controls.gold_in_prompt import Prompts, shared_text
from truthmap.analyses.controls.hidden_knowledge import OUTER, PROBE, RankedQuestion, rank_question, result_of
from truthmap.analyses.controls.label_noise import DRAWS
from truthmap.analyses.controls.length_and_place import binned
from truthmap.analyses.controls.measure import ControlFinding, ControlVerdict
from truthmap.analyses.controls.run import load_control, measure
from truthmap.analyses.controls.second_grader import graded_again
from truthmap.analyses.controls.settings import ControlSettings
from truthmap.analyses.samples.run import Samples
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.errors import NotEnoughDataError, UsageError
from truthmap.metrics.estimate import Estimate
from truthmap.records import Answer, Grade, Message, Outcome, Question, RowKey

N = 260
V = ControlVerdict
SOME = Estimate(value=0.9, low=0.86, high=0.93, n=300)


def draw(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def planted(signal: np.ndarray, right: np.ndarray) -> PlantedRun:
    return PlantedRun(right, {LAST_Q: draw(7).standard_normal(N), EXACT: signal + 0.7 * draw(5).standard_normal(N)})


@pytest.fixture(scope="module")
def truthful() -> PlantedRun:
    right = draw(1).random(N) < 0.5
    return planted(2.0 * right, right)


def question(text: str, accepted: Sequence[str], **more: object) -> Question:
    return Question("q", text, tuple(accepted), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("asked", "leaks"),
    [
        (question("In which country is Mexico City?", ["Mexico"]), True),
        (question("Where is Mexicali?", ["Mexico"]), False),
        (question("Where is it?", ["Peru"], context="Lima lies in PERU."), True),
        (question("And now?", ["Peru"], turns=(Message("user", "Is it Peru?"),)), True),
        (question("Is it so for us all?", ["US"]), False),
        (question("How many are 12 apples?", ["12"]), True),
        (question("Which is larger, Lima or Oslo?", ["Lima"], candidates=(("Lima",), ("Oslo",))), False),
        (question("Which is larger than Lima?", ["Lima"], candidates=(("Lima",), ("Oslo",))), True),
        (question("Wo liegt Côte d'Ivoire?", ["Ivory Coast", "Cote d’Ivoire"]), True),
        (question("東京はどこ?", ["東京"]), True),
        (question("Nothing", []), False),
    ],
)
def test_what_a_prompt_gives_away(asked: Question, leaks: bool) -> None:
    assert bool(Prompts([asked]).leaks) is leaks


def test_what_a_whole_set_offers_is_no_leak() -> None:
    both = [Question(str(n), f"Is {n} odd? Answer yes or not so.", ("yes" if n % 2 else "not so",)) for n in range(4)]
    assert not Prompts(both).leaks
    one = [Question(str(n), f"Is {n} odd? The answer is yes.", ("yes" if n % 2 else "not so",)) for n in range(4)]
    assert Prompts(one).leaks == {"1", "3"}


def test_examples_and_system_prompt_are_part_of_the_prompt() -> None:
    settings = {
        "settings": {
            "answers": {
                "system_prompt": "Think of Peru.",
                "examples": [{"question": "A?", "answer": "Oslo", "context": None}],
            }
        }
    }
    shared = shared_text(settings)
    asked = [Question(name, "Which one?", (name,)) for name in ("Peru", "Oslo", "Lima", "Rome", "Kyiv", "Bonn")]
    assert Prompts(asked, shared).leaks == {"Peru", "Oslo"}
    assert shared_text({"settings": {}}) == ""


@pytest.mark.parametrize("known", [np.arange(5.0), np.repeat(np.arange(100.0), 3)])
def test_bins_keep_the_order_of_values(known: np.ndarray) -> None:
    bins = binned(np.sort(known), known)
    assert (np.diff(bins) >= 0).all()
    assert 5 <= len(set(bins.tolist())) <= 12


@pytest.fixture(scope="module")
def noise(truthful: PlantedRun) -> ControlFinding:
    return measure(load_control("label-noise"), ControlContext(truthful))


def test_a_probe_of_all_true_labels_is_the_runs_own(noise: ControlFinding, truthful: PlantedRun) -> None:
    own = ControlContext(truthful).auc.value
    curves = {curve.name: curve.points for curve in noise.curves}
    assert len(curves) == 4
    for value in (curves["labels flipped"][0], curves["wrong called right"][0], curves["fewer answers"][-1]):
        assert value.value.value == pytest.approx(own, abs=0.01)
    assert curves["fewer answers"][0].at == 25


def test_worse_labels_are_read_worse(noise: ControlFinding) -> None:
    curves = {curve.name: [point.value.value for point in curve.points] for curve in noise.curves}
    assert curves["labels flipped"][-1] < curves["labels flipped"][0] - 0.02
    assert curves["labels flipped"][-1] < curves["wrong called right"][-1]
    assert curves["fewer answers"][0] < curves["fewer answers"][-1]
    assert [point.at for point in noise.curves[3].points][3] == 0.5
    assert noise.facts == {"draws": str(DRAWS)}
    assert f"{noise.readings[0].value.value:.2f}" in noise.says


def popularity(tmp_path: Path, run: PlantedRun, known: np.ndarray) -> ControlFinding:
    file = tmp_path / "popularity.csv"
    rows = "\n".join(f"{i},{1000 if k else 1}" for i, k in zip(run.ids, known, strict=True))
    file.write_text(f"id,popularity\n{rows}\n")
    return measure(load_control("recall-or-truth"), ControlContext(run, ControlSettings(popularity=file)))


def test_knowing_the_subject_is_told_from_truth(tmp_path: Path, truthful: PlantedRun) -> None:
    known = draw(2).random(N) < 0.7
    right = known & (draw(1).random(N) < 0.6)
    recall = popularity(tmp_path, planted(3.0 * known, right), known)
    assert recall.verdict is V.NOTHING
    assert recall.readings[2].value.low > 0.2
    truth = popularity(tmp_path, truthful, known)
    assert truth.verdict is V.HOLDS
    assert abs(truth.readings[2].value.value) < 0.05


def test_without_popularity_and_samples_it_says_what_to_do(truthful: PlantedRun) -> None:
    finding = measure(load_control("recall-or-truth"), ControlContext(truthful))
    assert finding.verdict is V.NOT_RUN
    assert "truthmap sample" in finding.says
    assert "--popularity" in finding.says


@pytest.mark.parametrize("odd", ["many", "nan", "-inf"])
def test_popularity_must_be_a_number(tmp_path: Path, truthful: PlantedRun, odd: str) -> None:
    file = tmp_path / "popularity.csv"
    file.write_text(f"id,popularity\nq0001,{odd}\n")
    with pytest.raises(UsageError, match="expected numbers"):
        measure(load_control("recall-or-truth"), ControlContext(truthful, ControlSettings(popularity=file)))


@pytest.mark.parametrize("name", ["second-grader", "hidden-knowledge"])
def test_what_the_run_lacks_is_named_with_its_command(name: str, truthful: PlantedRun) -> None:
    finding = measure(load_control(name), ControlContext(truthful))
    assert finding.verdict is V.NOT_RUN
    assert "truthmap " in finding.says


@pytest.mark.parametrize(
    ("second", "difference", "verdict"),
    [((0.89, 0.85, 0.92), (-0.01, -0.03, 0.01), V.HOLDS), ((0.86, 0.8, 0.91), (-0.04, -0.07, -0.01), V.PART)],
)
def test_a_second_grading_counts_by_its_paired_difference(second, difference, verdict: ControlVerdict) -> None:
    estimates = [Estimate(value=v, low=low, high=high, n=300) for v, low, high in (second, difference)]
    twice = GradedTwice(
        first="candidates", second="alias", counts={}, agreement=SOME, kappa=SOME, validation=None, test=None,
        cost=None, says=(),
    )  # fmt: skip
    found = graded_again(twice, AucTwice(first=SOME, second=estimates[0], difference=estimates[1], agreeing=None))
    assert found.verdict is verdict
    assert "alias" in found.says
    assert [reading.of for reading in found.readings] == ["AUC", "share", "kappa"]


def sampled(texts: Mapping[str, bool], log_probs: Sequence[float]) -> Samples:
    """Return the samples of one question: text → right, each with one token of this log-probability."""
    answers, grades = [], []
    for n, ((text, right), log_prob) in enumerate(zip(texts.items(), log_probs, strict=True), start=1):
        answers.append(Answer("q", (1,), (5,), text, (log_prob,), ((0, len(text)),), finished=True, sample=n))
        outcome = Outcome.RIGHT if right else Outcome.WRONG
        grades.append(Grade("q", outcome, "alias", None, text, text, "made", sample=n))
    return Samples(SampleSettings(k=len(answers)), {"q": tuple(answers)}, {"q": tuple(grades)})


def test_pairs_of_one_question_are_counted_by_hand() -> None:
    samples = sampled({"a": True, "b": False, "A ": True, "c": False}, [-1.0, -2.0, -9.0, -0.5])
    scores = dict(zip((RowKey.of("q", n) for n in range(1, 5)), (2.0, 1.0, -5.0, 3.0), strict=True))
    ranked = rank_question(samples, "q", scores, "g")
    # "a" and "A " are one answer: (a, b) is ranked rightly by both, (a, c) by neither.
    assert ranked == RankedQuestion("g", {PROBE: 0.5, OUTER[0]: 0.5, OUTER[1]: 0.5})
    assert rank_question(sampled({"a": True, "b": True}, [-1.0, -1.0]), "q", scores, "g") is None


def test_k_and_its_interval_are_exact() -> None:
    k = [{PROBE: float(n < 45), OUTER[0]: float(n % 2), OUTER[1]: 0.5} for n in range(60)]
    found = [RankedQuestion(str(n), each) for n, each in enumerate(k)]
    result = result_of(found, SOME)
    named = {f"{reading.name} {reading.of}": reading.value for reading in result.readings}
    interval = binomtest(45, 60).proportion_ci(0.95, "exact")
    for name in ("pairs, probe K", "all, probe K*"):
        assert named[name].value == 0.75
        assert (named[name].low, named[name].high) == pytest.approx((interval.low, interval.high))
    assert named["the gap difference"].value == pytest.approx(0.25)
    assert "knows more than its probabilities say" in result.says
    with pytest.raises(NotEnoughDataError, match="3 test questions"):
        result_of(found[:3], SOME)


def test_an_agreeing_reader_of_scores_is_an_auc(truthful: PlantedRun) -> None:
    context = ControlContext(truthful)
    assert context.auc.value == pytest.approx(roc_auc_score(context.tested.y, context.probe), abs=1e-6)
