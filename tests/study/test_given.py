"""A study of what a program gives: named by digest in study.yaml, gone on with with the same objects alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.small_study import COLUMNS, SHUFFLES

from truthmap.errors import ModelError, RunFolderError, UsageError
from truthmap.execution.reopen import model_of, reopen
from truthmap.lm.load import load_model
from truthmap.lm.model import LanguageModel
from truthmap.pipeline.runner import run_study
from truthmap.questions.question_set import QuestionSet
from truthmap.records import Answer, Outcome, Question
from truthmap.runs.data import RunData
from truthmap.study.reopen_settings import ReopenSettings
from truthmap.study.study import Study, kept_settings, with_settings

N = 60


def even(question: Question, answer: Answer) -> tuple[bool, str]:
    """Call every other answer right, and its first word exact."""
    return int(question.id[1:]) % 2 == 0, (answer.text.split() or [""])[0]


def other(question: Question, answer: Answer) -> bool:
    return len(answer.text) % 2 == 0


@pytest.fixture(scope="module")
def lm(tiny_model: Path) -> LanguageModel:
    return load_model(str(tiny_model))


@pytest.fixture(scope="module")
def rows(spoken: QuestionSet) -> list[dict[str, Any]]:
    return [{"id": q.id, "question": q.text, "answer": q.accepted[0]} for q in spoken.questions[:N]]


@pytest.fixture(scope="module")
def made(lm: LanguageModel, rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Return a study of given things whose run is finished."""
    study = Study(
        model=(lm.model, lm.tokenizer), questions=rows, grader=even, max_new_tokens=8, positions=COLUMNS,
        permutations=SHUFFLES,
        out=tmp_path_factory.mktemp("given") / "run", device="cpu",
    )  # fmt: skip
    run_study(study)
    return study


def test_a_run_of_given_things_is_graded_by_them(made: Study) -> None:
    data = RunData.load(run_study(made))
    assert {g.rule for g in data.grades} == {"given"}
    assert all((g.outcome is Outcome.RIGHT) == (int(g.question_id[1:]) % 2 == 0) for g in data.grades if g.exact_answer)
    assert data.settings["settings"]["grading"]["grader"].startswith("even ")
    assert len(data.settings["settings"]["model"]["digest"]) == 64
    assert data.settings["settings"]["questions"]["name"] == "given"


def test_the_same_things_again_have_nothing_to_do(made: Study, lm: LanguageModel, rows: list[Any]) -> None:
    said: list[str] = []
    again = Study(model=lm, questions=tuple(rows), grader=even, **_rest(made))
    assert again == with_settings(made, {})
    progress = type("Said", (), {"say": staticmethod(said.append)})()
    run_study(again, progress=progress)
    assert [text.split(":")[0] for text in said] == ["nothing to do"]


def _rest(study: Study) -> dict[str, Any]:
    return {"max_new_tokens": 8, "positions": COLUMNS, "permutations": SHUFFLES, "out": study.out, "device": "cpu"}


def test_others_are_refused_by_name(made: Study, lm: LanguageModel, rows: list[Any]) -> None:
    with pytest.raises(RunFolderError, match=r"grader_digest was 'even .*', is 'other "):
        run_study(with_settings(made, {"grader": other}))
    with pytest.raises(RunFolderError, match="questions_digest was"):
        run_study(with_settings(made, {"questions": rows[:-1]}))
    with pytest.raises(RunFolderError, match=r"model was .*, is 'smollm2'; model_digest was .*, is None"):
        run_study(with_settings(made, {"model": "smollm2"}))
    changed = load_model(str(lm.model.config._name_or_path))
    changed.model.get_input_embeddings().weight.data += 1
    with pytest.raises(RunFolderError, match="model_digest was"):
        run_study(with_settings(made, {"model": changed}))


def test_settings_alone_say_what_must_be_given_again(made: Study, tmp_path: Path) -> None:
    alone = Study(**kept_settings(made), out=tmp_path / "again", device="cpu")
    with pytest.raises(UsageError, match=r"the questions of this study \(given, .*\) were given by a program"):
        run_study(alone)


def test_a_run_of_given_things_is_gone_on_with(made: Study) -> None:
    run = run_study(made)
    active = reopen(run)
    assert [q.id for q in active.question_set.questions] == [q.id for q in RunData.load(run).questions]
    # The model was loaded from a folder, which is still there, and holds the same weights.
    assert model_of(run, active).identity() == run.settings["model_identity"]
    with pytest.raises(UsageError, match=r"a function grades this study \(even .*\), which a program has to give"):
        active.graders  # noqa: B018
    again = reopen(run, ReopenSettings(given=made.given))
    assert again.graders.given is even
    with pytest.raises(UsageError, match=r"the grader given is another one: expected even .*, got other"):
        reopen(run, ReopenSettings(given=with_settings(made, {"grader": other}).given))


def test_a_model_that_no_name_leads_to_must_be_given_again(made: Study) -> None:
    alone = with_settings(Study(**kept_settings(made)), {"out": made.out})
    active = reopen(run_study(made))
    elsewhere = alone.model_copy(update={"model": alone.model.model_copy(update={"name": "no/such folder"})})
    active.study = elsewhere
    with pytest.raises(ModelError, match=r"cannot be loaded by its name .*give it again, Study\(model="):
        active.models.model()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"model": 3}, r"model: expected a name, or a loaded model with its tokenizer, \(model, tokenizer\); got int"),
        ({"questions": []}, "questions: the questions that were given are none"),
        ({"grader": even, "cluster": "auto"}, r"what a program gives \(grader\) cannot travel to a cluster's workers"),
    ],
)
def test_what_cannot_be_given_is_named(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Study(**settings)


def test_settings_for_loading_do_not_go_with_a_loaded_model(lm: LanguageModel) -> None:
    with pytest.raises(UsageError, match="dtype is for a model that is loaded by its name"):
        Study(model=(lm.model, lm.tokenizer), dtype="float16")
    with pytest.raises(UsageError, match="vllm loads the model by its name"):
        Study(model=(lm.model, lm.tokenizer), engine="vllm")
    with pytest.raises(UsageError, match=r"got LlamaForCausalLM"):
        Study(model=lm.model)


def test_a_path_is_a_name() -> None:
    study = Study(model=Path("a/model"), questions=Path("b/own.csv"))
    assert (study.model.name, study.questions.name) == ("a/model", "b/own.csv")
    assert study.out == Path("runs/model-own")
