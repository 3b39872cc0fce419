"""Drawing samples: resumable, extendable, and refused where they would not belong to the run."""

from __future__ import annotations

import math
from contextlib import contextmanager

import pytest
from tests.forging import forge_ledger, forge_study
from tests.killing import Seen

from truthmap.analyses.samples.run import has_samples, read_samples, sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.errors import RunFolderError
from truthmap.files import file_digest
from truthmap.records import Split
from truthmap.runs.data import RunData
from truthmap.runs.file_names import SAMPLE_GRADES, SAMPLES
from truthmap.runs.run import Run, open_run
from truthmap.terminal.progress import Silence


class Killed(BaseException):
    """Stands for a kill: nothing in the program may catch it."""


class Killer(Silence):
    """Kills the sampling once this many samples are done."""

    def __init__(self, at: int) -> None:
        self.at = at

    @contextmanager
    def stage(self, name, total, done=0):
        def advance(done):
            if name == "Sampling" and done >= self.at:
                raise Killed

        yield advance


def digests(run: Run) -> list[str]:
    return [file_digest(run.path / name) for name in (SAMPLES, SAMPLE_GRADES)]


def test_every_question_gets_k_samples_with_their_grades(finished: Run) -> None:
    samples = sample_answers(finished, SampleSettings(k=3))
    assert samples.settings.k == 3
    assert samples.question_ids == tuple(question.id for question in RunData.load(finished).questions)
    for i, drawn in samples.answers.items():
        assert [answer.sample for answer in drawn] == [1, 2, 3]
        assert [(grade.question_id, grade.sample) for grade in samples.grades[i]] == [(i, 1), (i, 2), (i, 3)]
        assert all(math.isfinite(sum(answer.log_probs)) for answer in drawn)


def test_samples_differ_among_themselves_and_are_drawn_alike_again(finished: Run, tmp_path) -> None:
    first = sample_answers(finished, SampleSettings(k=3))
    texts = [{answer.text for answer in drawn} for drawn in first.answers.values()]
    assert sum(len(different) > 1 for different in texts) > len(texts) / 2
    other = sample_answers(finished, SampleSettings(k=3, seed=1))
    assert [a.text for own in other.answers.values() for a in own] != [
        a.text for o in first.answers.values() for a in o
    ]
    again = sample_answers(finished, SampleSettings(k=3))
    assert again.answers == first.answers


@pytest.mark.parametrize("at", [1, 60, 150])
def test_killed_and_resumed_equals_never_killed(
    finished: Run, made_once, tmp_path, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    import shutil

    monkeypatch.setattr("truthmap.analyses.samples.run.SHARD", 64)
    whole = open_run(shutil.copytree(made_once, tmp_path / "whole"))
    sample_answers(whole, SampleSettings(k=2))
    with pytest.raises(Killed):
        sample_answers(finished, SampleSettings(k=2), progress=Killer(at))
    assert not has_samples(finished)
    sample_answers(finished, SampleSettings(k=2))
    assert digests(finished) == digests(whole)
    assert not (finished.path / "sample_parts").exists()


def test_a_larger_k_only_adds(finished: Run) -> None:
    few = sample_answers(finished, SampleSettings(k=2, part="test"))
    test_ids = {each.question_id for each in RunData.load(finished).splits if each.split is Split.TEST}
    assert set(few.answers) == test_ids
    more = sample_answers(finished, SampleSettings(k=4))
    assert more.settings.k == 4
    assert all(len(drawn) == 4 for drawn in more.answers.values())
    for i, drawn in few.answers.items():
        assert more.answers[i][:2] == drawn
    fewer = sample_answers(finished, SampleSettings(k=1))
    assert fewer.answers == more.answers


def test_a_run_without_samples_says_how_to_draw_them(finished: Run) -> None:
    with pytest.raises(RunFolderError, match=r"has no samples; draw some with `truthmap sample .* --k 10`"):
        read_samples(finished)


def test_samples_of_other_answers_are_refused(finished: Run) -> None:
    sample_answers(finished, SampleSettings(k=1))
    forge_study(finished.path, lambda content: content["settings"].update(seed=1))
    updated = open_run(finished.path)
    with pytest.raises(RunFolderError, match="belong to an earlier version of the run"):
        read_samples(updated)
    with pytest.raises(RunFolderError, match=r"stages\.json was written anew since"):
        read_samples(finished)


def test_samples_graded_otherwise_are_graded_anew(finished: Run) -> None:
    drawn = sample_answers(finished, SampleSettings(k=1))
    forge_ledger(finished.path, lambda ledger: ledger["samples"]["note"].update(graded_by="0" * 64))
    with pytest.raises(RunFolderError, match=r"were graded as an earlier version .* grades them anew"):
        read_samples(open_run(finished.path))
    seen = Seen()
    assert sample_answers(open_run(finished.path), SampleSettings(k=1), progress=seen) == drawn
    assert seen.begun == {}
    assert read_samples(open_run(finished.path)) == drawn


def test_samples_of_questions_that_changed_are_not_drawn(finished: Run) -> None:
    forge_ledger(finished.path, lambda ledger: ledger["answers"].update(key="0" * 64))
    with pytest.raises(RunFolderError, match="is between two states: answers was not made"):
        open_run(finished.path)


def test_samples_of_another_model_are_not_mixed_in(finished: Run) -> None:
    forge_study(finished.path, lambda content: content["model_identity"].update(weights="0"))
    with pytest.raises(RunFolderError, match="the model is not the one that"):
        sample_answers(open_run(finished.path), SampleSettings(k=1))
