"""A file of judged claims becomes a map whose truth is known: what a claim says is read at its own tokens alone."""

from __future__ import annotations

import csv
import json
import random
from pathlib import Path

import numpy as np
import pytest
from tests.conftest import WORDS
from tests.small_study import small_study

from truthmap.pipeline.answer_scores import score_own_answers
from truthmap.pipeline.runner import run_study
from truthmap.pipeline.score_logs.base import ScoredLog
from truthmap.pipeline.score_logs.csv_table import write_csv
from truthmap.pipeline.seal import seal_detector
from truthmap.positions import Position
from truthmap.questions.columns import Columns
from truthmap.records import Outcome, Site
from truthmap.report.build import write_report
from truthmap.runs.data import RunData
from truthmap.runs.row_count import rows_counted
from truthmap.runs.run import Run, open_run

N = 60
GOOD, BAD = "France", "Peru"
FILLERS = [word for word in WORDS if word not in (GOOD, BAD)]


@pytest.fixture(scope="module")
def judged(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The run of a file whose answers claim two things, one right and one wrong; the claim's word tells which."""
    folder = tmp_path_factory.mktemp("claims")
    dice = random.Random(0)
    rows = []
    for n in range(N):
        first, second = dice.sample([(GOOD, "right"), (BAD, "wrong")], 2)
        filler = " ".join(dice.choices(FILLERS, k=3))
        response = f"{filler} {first[0]} {filler} {second[0]} so"
        claims = [{"text": word, "outcome": outcome} for word, outcome in (first, second)]
        rows.append({"question": f"Say {n}?", "response": response, "claims": claims})
    (folder / "claims.jsonl").write_text("\n".join(map(json.dumps, rows)))
    run_study(small_study(tiny_model, folder / "run", questions=str(folder / "claims.jsonl"), device="cpu"))
    return open_run(folder / "run")


def test_a_claim_is_read_at_its_own_tokens_and_nowhere_else(judged: Run) -> None:
    data = RunData.load(judged)
    assert rows_counted(len(data.grades), len(data.answers)) == f"{2 * N} claims of {N} answers"
    assert [g.claim for g in data.grades] == [0, 1] * N
    assert {g.exact_answer for g in data.grades if g.outcome is Outcome.RIGHT} == {GOOD}
    grid = data.grid(Site.RESIDUAL)
    columns = {position: grid.auc[:, n] for n, position in enumerate(grid.positions)}
    assert columns[Position.of("exact_answer_last")].min() > 0.99
    # Both claims of an answer share these states, and one of them is right: no probe can tell them apart.
    np.testing.assert_allclose(columns[Position.of("last_q")], 0.5, atol=1e-9)
    np.testing.assert_allclose(columns[Position.of("-1")], 0.5, atol=1e-9)


def test_claims_of_one_answer_stay_in_one_part(judged: Run) -> None:
    labels = RunData.load(judged).labels
    assert labels.split[0::2] == labels.split[1::2]
    assert labels.group is not None
    assert len(set(labels.group)) == N


def test_a_table_of_scores_has_a_row_per_claim_that_names_it(judged: Run, tmp_path: Path) -> None:
    seal_detector(judged, judged.folder.path / "detector")
    data = RunData.load(judged)
    log = ScoredLog(Path("claims.jsonl"), data, score_own_answers(data), Columns())
    write_csv(log, tmp_path / "scores.csv")
    with (tmp_path / "scores.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["claim"] for row in rows] == ["0", "1"] * N
    assert [row["exact_answer"] for row in rows] == [GOOD if row["outcome"] == "right" else BAD for row in rows]
    agreeing = [(float(row["p_wrong"]) > 0.5) == (row["outcome"] == "wrong") for row in rows]
    assert np.mean(agreeing) > 0.9


def test_the_page_says_that_its_rows_are_claims(judged: Run, tmp_path: Path) -> None:
    write_report(judged, tmp_path / "page.html")
    assert f"{2 * N} claims of {N} answers" in (tmp_path / "page.html").read_text(encoding="utf-8")
