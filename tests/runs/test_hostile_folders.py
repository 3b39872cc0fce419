"""Run folders from somebody else: nothing in one runs code, and nothing outside it is touched."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from tests.forging import forge_ledger, forge_study

from truthmap.analyses.samples.run import sample_answers
from truthmap.analyses.samples.settings import SampleSettings
from truthmap.errors import DamagedFileError, ModelError, UsageError
from truthmap.execution.reopen import model_of, reopen
from truthmap.pipeline.verify import repair_run, verify_run
from truthmap.runs.folder import RunFolder
from truthmap.runs.run import Run, open_run
from truthmap.study.reopen_settings import ReopenSettings


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


@pytest.mark.parametrize("name", ["../victim.txt", "/{}/victim.txt", "a/../../victim.txt", "..\\victim.txt", "", "."])
def test_a_ledger_cannot_name_files_outside_its_folder(copy: Path, tmp_path: Path, name: str) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("not theirs")
    named = name.format(str(tmp_path).strip("/"))
    forge_ledger(copy, lambda ledger: ledger["grades"]["files"].update({named: "0" * 64}))
    with pytest.raises(DamagedFileError, match="is no file of the run; `truthmap verify` with --repair makes again"):
        RunFolder(copy).entry("grades")
    (broken,) = verify_run(copy)
    assert "is no file of the run" in str(broken)
    assert victim.read_text() == "not theirs"


def test_a_ledger_that_names_other_files_is_made_again(copy: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim.txt"
    victim.write_text("not theirs")
    edit(copy / "stages.json", '"grades.parquet"', '"../victim.txt"')
    repair_run(copy)
    assert verify_run(copy) == ()
    assert victim.read_text() == "not theirs"


def test_settings_are_plain_data(copy: Path, tmp_path: Path) -> None:
    for content, said in (
        (f"settings: !!python/object/apply:os.mkdir ['{tmp_path}/made']", "could not determine a constructor"),
        ("a: &a [x, x]\nb: &b [*a, *a]\nsettings: {model: *b}", "it refers to itself"),
        ("settings: " + "[" * 5000, "is damaged"),
        ("settings: [model]", "expected a mapping with `settings`"),
    ):
        (copy / "study.yaml").write_text(content)
        with pytest.raises(DamagedFileError, match=said):
            RunFolder(copy).settings()
    assert not (tmp_path / "made").exists()


def test_settings_that_are_written_can_be_read(tmp_path: Path) -> None:
    shared = ["x"]
    RunFolder(tmp_path).write_settings({"settings": {"one": shared, "other": shared}})
    assert RunFolder(tmp_path).settings() == {"settings": {"one": ["x"], "other": ["x"]}}


@pytest.fixture
def with_code(copy: Path, tiny_model: Path, tmp_path: Path) -> Run:
    """Return a run whose settings name a model that comes with code, and say that it may run."""
    model = tmp_path / "model-with-code"
    model.mkdir()
    for path in tiny_model.iterdir():
        (model / path.name).write_bytes(path.read_bytes())
    config = json.loads((model / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "code.Own", "AutoModelForCausalLM": "code.Own"}
    config["model_type"] = "own"
    (model / "config.json").write_text(json.dumps(config))
    (model / "code.py").write_text(f"import os\nos.mkdir({os.fspath(tmp_path / 'ran')!r})\n")
    forge_study(copy, lambda content: content["settings"]["model"].update(name=str(model), trust_remote_code=True))
    return open_run(copy)


def test_a_folder_cannot_turn_on_a_models_own_code(with_code: Run, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="if you trust that code, add --trust-remote-code"):
        repair_run(with_code.path)
    with pytest.raises(ModelError, match="comes with Python code of its own; read it"):
        sample_answers(with_code, SampleSettings(k=1))
    with pytest.raises(ModelError, match="comes with Python code of its own; read it"):
        model_of(with_code, reopen(with_code))
    assert not (tmp_path / "ran").exists()
    with pytest.raises(ModelError):  # with the word it runs, and is no model
        model_of(with_code, reopen(with_code, ReopenSettings(trust_remote_code=True)))
    assert (tmp_path / "ran").exists()


def test_a_folder_cannot_have_states_written_elsewhere(copy: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "somebody-elses"
    elsewhere.mkdir()
    for name in ("00000.safetensors", "model.safetensors", "index.json"):
        (elsewhere / name).write_text("not theirs")
    forge_study(copy, lambda content: content.update(states_at=str(elsewhere)))
    with pytest.raises(
        UsageError, match=f"if that place is this run's own, to be written to, add --states-at {elsewhere}"
    ):
        repair_run(copy)
    assert {path.read_text() for path in elsewhere.iterdir()} == {"not theirs"}
