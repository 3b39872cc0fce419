"""A study's settings: one door, flat names and sections alike, and what depends on each."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from truthmap.answers.engines.openai import OpenAISettings
from truthmap.answers.engines.registry import ENGINES
from truthmap.errors import UsageError
from truthmap.questions.tasks import Example
from truthmap.records import Site
from truthmap.runs.ledger import STAGES
from truthmap.settings_base import Leaf, Resource, keyed, marker
from truthmap.study.sections import AnswersSection
from truthmap.study.stage_keys import STAGE_SETTINGS, stage_keys
from truthmap.study.study import Study, changed_settings, kept_settings, settings_of_a_study, value_of, with_settings
from truthmap.study.study_file import read_study, write_study

_OTHERS: dict[str, Any] = {
    "quantization": "4bit", "grading": "alias", "locating": "name", "sites": ("mlp",), "engine": "vllm",
    "states_at": "memory://there", "endpoint": "http://h/v1", "examples": [("a", "b")], "prompt_template": "{text}!",
    "date": "2031-01-02", "positions": ("-1",),
}  # fmt: skip
_VLLM, _OPENAI = {"engine": "vllm"}, {"engine": "openai", "endpoint_model": "m"}
_OF_ENGINES = {
    "tensor_parallel": _VLLM, "gpu_memory": _VLLM, "step_tokens": _VLLM,
    "endpoint": _OPENAI, "endpoint_model": _OPENAI, "endpoint_requests": _OPENAI,
}  # fmt: skip


def _another(leaf: Leaf) -> Any:
    """Return a value of a setting that is not its default."""
    if leaf.name in _OTHERS:
        return _OTHERS[leaf.name]
    default = leaf.field.get_default(call_default_factory=True)
    kinds = [leaf.field.annotation, *get_args(leaf.field.annotation)]
    literal = next((kind for kind in kinds if get_origin(kind) is Literal), None)
    if literal is not None:
        return next(value for value in get_args(literal) if value != default)
    if isinstance(default, Enum):
        return next(value for value in type(default) if value is not default)
    if isinstance(default, bool):
        return not default
    if isinstance(default, (int, float)):
        return default + 1
    return 1 if any(kind in (int, float) for kind in kinds) or "int" in str(leaf.field.annotation) else "another"


@pytest.mark.parametrize("leaf", settings_of_a_study(), ids=lambda leaf: leaf.name)
def test_a_changed_setting_redoes_what_depends_on_it(leaf: Leaf) -> None:
    before = Study(**_OF_ENGINES.get(leaf.name, {}))
    after = with_settings(before, {leaf.name: _another(leaf)})
    old, new = stage_keys(before), stage_keys(after)
    changed = [stage for stage in STAGES if old[stage] != new[stage]]
    first = next((stage for stage, names in STAGE_SETTINGS.items() if leaf.path[0] in names), None)
    is_resource = leaf.path[0] in ("resources", "out") or marker(leaf.field, Resource) is not None
    expected = [] if is_resource or first is None else [*STAGES[STAGES.index(first) :]]
    assert changed == expected
    assert value_of(after, leaf) != value_of(before, leaf)


def test_every_part_of_a_study_belongs_to_one_stage_or_to_none() -> None:
    of_stages = [name for names in STAGE_SETTINGS.values() for name in names]
    assert sorted([*of_stages, "resources", "out"]) == sorted(Study.model_fields)
    assert tuple(STAGE_SETTINGS) == STAGES


def test_flat_names_are_unique_and_lead_to_their_sections() -> None:
    names = [leaf.name for leaf in settings_of_a_study()]
    assert len(names) == len(set(names))
    flat = Study(model="m", questions="q.csv", limit=3, id_column="n", sites=["mlp"], engine="vllm", device="cpu")
    nested = Study(
        model={"name": "m"},
        questions={"name": "q.csv", "limit": 3, "columns": {"id": "n"}},
        states={"sites": [Site.MLP]},
        answers={"engine": {"kind": "vllm"}},
        resources={"device": "cpu"},
    )
    assert flat == nested
    assert Study(**nested.model_dump()) == nested
    assert with_settings(Study(), {"limit": 3}).questions.limit == 3


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"limt": 3}, "there is no setting 'limt' (did you mean 'limit'?)"),
        ({"limit": 0}, "--limit: Input should be greater than 0 (got 0)"),
        ({"sites": ["soul"]}, "--site: "),
        ({"prompt_template": "Say it."}, "--prompt-template: expected {text} where the question is to stand"),
        ({"examples": "nowhere.csv"}, "--examples: there is no file nowhere.csv"),
        ({"examples": [("one",)]}, "--examples: example 1: expected a pair of question and answer"),
        ({"questions": {"nme": "x"}}, "questions.nme: "),
        ({"endpoint": "http://h/v1"}, "--endpoint goes with --engine openai, not with transformers"),
        ({"engine": "llama"}, f"there is no engine 'llama'; expected one of {', '.join(ENGINES)}"),
        ({"engine": "openai"}, "--endpoint-model: Field required"),
        ({"engine": "vllm", "quantization": "4bit"}, "vllm cannot read what transformers quantizes while loading"),
        ({"engine": "vllm", "adapter": "a"}, "vllm would load the model without its adapter"),
    ],
)
def test_a_wrong_setting_is_named_by_its_option(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError) as caught:
        Study(**settings)
    assert said in str(caught.value)


def test_what_says_where_prompts_go_is_not_kept() -> None:
    study = Study(engine="openai", endpoint="http://h/v1", endpoint_model="m", device="cpu", out="there")
    kept = kept_settings(study)
    assert kept["answers"]["engine"] == {"kind": "openai", "model": "m"}
    assert {"resources", "out"}.isdisjoint(kept)
    assert isinstance(Study(**kept).answers.engine, OpenAISettings)
    assert kept_settings(Study(engine="vllm", tensor_parallel=2))["answers"]["engine"]["tensor_parallel"] == 2


def test_the_folder_is_named_by_model_and_questions() -> None:
    assert Study(model="org/Some Model", questions="my/file.csv").out == Path("runs/Some-Model-file")
    assert with_settings(Study(), {"questions": "us_cities"}).out == Path("runs/smollm2-us_cities")
    assert Study(out="s3://bucket/run").out == "s3://bucket/run"


def test_only_what_differs_from_the_default_is_told() -> None:
    study = Study(limit=7, engine="vllm", tensor_parallel=2, device="cpu")
    assert [leaf.name for leaf in changed_settings(study)] == ["model", "limit", "engine", "tensor_parallel"]


def test_a_written_study_is_read_back(tmp_path: Path) -> None:
    study = Study(questions="a: # b.csv", limit=3, sites=["mlp", "residual"], engine="vllm", out=tmp_path / "run")
    write_study(study, tmp_path / "study.yaml")
    assert read_study(tmp_path / "study.yaml") == study
    assert "# Take at most this many questions" in (tmp_path / "study.yaml").read_text()


def test_examples_of_a_file_are_kept_as_they_were_read(tmp_path: Path) -> None:
    (tmp_path / "few.csv").write_text("question,answer\nWhere is Lima?,Peru\n")
    study = Study(examples=str(tmp_path / "few.csv"), system_prompt="Say: one # word.", out=tmp_path / "run")
    (tmp_path / "few.csv").unlink()
    write_study(study, tmp_path / "study.yaml")
    assert study.answers.examples == (Example("Where is Lima?", "Peru"),)
    assert read_study(tmp_path / "study.yaml") == Study(**kept_settings(study), out=tmp_path / "run") == study
    assert [leaf.name for leaf in changed_settings(study)] == ["model", "system_prompt", "examples"]


def test_keys_made_before_a_setting_was_there_still_hold() -> None:
    assert keyed(AnswersSection()) == {"max_new_tokens": None, "engine": {"kind": "transformers"}}
    assert "system_prompt" in keyed(AnswersSection(system_prompt="Be brief."))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("- a\n- b\n", "holds no settings"),
        ("questions: {limit: 0}\n", "--limit: Input should be greater than 0"),
        ("a: &x [1]\nb: *x\n", "cannot be read as settings"),
        ("questions: [\n", "cannot be read as settings"),
        ("x" * (2 << 20), "larger than any study's settings"),
    ],
)
def test_a_bad_file_of_settings_is_one_line(content: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "study.yaml").write_text(content)
    with pytest.raises(UsageError, match=said):
        read_study(tmp_path / "study.yaml")


def test_a_pipe_of_settings_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "study.yaml")
    with pytest.raises(UsageError, match=r"study\.yaml cannot be read as settings \(.* is no regular file"):
        read_study(tmp_path / "study.yaml")
