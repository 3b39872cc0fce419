"""A study that grows: what was answered stays, and old questions keep their part of the split."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.small_study import COLUMNS

from truthmap.pipeline.runner import run_study
from truthmap.questions.question_set import QuestionSet
from truthmap.runs.data import RunData
from truthmap.study.study import Study, with_settings
from truthmap.terminal.progress import Advance, Silence

FEW, MORE = 70, 100


class Killed(BaseException):
    """Stands for a kill."""


class Counting(Silence):
    """Notes how many answers were there before a stage began, and kills a run after its first stage, if asked to."""

    def __init__(self, kill: bool = False) -> None:
        self.begun: dict[str, tuple[int | None, int]] = {}
        self._kill = kill

    @contextmanager
    def stage(self, name: str, total: int | None, done: int = 0) -> Iterator[Advance]:
        self.begun.setdefault(name, (total, done))
        if self._kill and name == "Answering":
            raise Killed
        yield lambda _done: None


@pytest.fixture(scope="module")
def rows(spoken: QuestionSet) -> list[dict[str, Any]]:
    """Return questions whose new ones stand among the old ones."""
    names = sorted({name for q in spoken.questions for (name,) in q.candidates or ()})
    made = [
        {"id": q.id, "question": q.text, "answer": q.accepted[0], "candidates": names} for q in spoken.questions[:MORE]
    ]
    return made[::-1]


@pytest.fixture
def study(tiny_model: Path, rows: list[dict[str, Any]], tmp_path: Path) -> Study:
    old = [row for row in rows if int(row["id"][1:]) % 10 < 7]
    return Study(
        model=str(tiny_model), questions=old, max_new_tokens=10, shard=32, positions=COLUMNS, permutations=2,
        out=tmp_path / "run", device="cpu",
    )  # fmt: skip


def test_growing_asks_only_what_is_new(study: Study, rows: list[dict[str, Any]]) -> None:
    before = RunData.load(run_study(study))
    old, old_splits = {answer.question_id: answer for answer in before.answers}, before.splits
    grown, progress = with_settings(study, {"questions": rows}), Counting()
    with pytest.raises(Killed):
        run_study(grown, update=True, progress=Counting(kill=True))
    after = RunData.load(run_study(grown, update=True, progress=progress))
    assert progress.begun["Answering"] == (MORE, FEW)
    assert [answer.question_id for answer in after.answers] == [row["id"] for row in rows]
    assert {i: after.answer_of(answer.key) for i, answer in old.items()} == old
    splits = {split.question_id: split for split in after.splits}
    assert all(splits[split.question_id] == split for split in old_splits)
    assert not (grown.out / "kept-answers").exists()
    # Asked in another way, all are asked again; with fewer, none are.
    again, other = Counting(kill=True), Counting(kill=True)
    with pytest.raises(Killed):
        run_study(with_settings(grown, {"questions": rows[:80]}), update=True, progress=again)
    assert again.begun["Answering"] == (80, 80)
    with pytest.raises(Killed):
        run_study(with_settings(grown, {"max_new_tokens": 9}), update=True, progress=other)
    assert other.begun["Answering"] == (MORE, 0)
