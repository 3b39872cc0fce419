"""The sealed folder: it comes back as it was, and whatever is not as it was sealed is refused with a clear error."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file

from truthmap.detector.artifact import Artifact, load_artifact, save_artifact
from truthmap.detector.config import Role
from truthmap.detector.detector import Detector, load_detector
from truthmap.errors import DamagedFileError, ModelError, RunFolderError
from truthmap.files import digest_of, file_digest
from truthmap.lm.load import load_model
from truthmap.lm.load_settings import LoadSettings
from truthmap.records import Site


@pytest.fixture
def folder(sealed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(sealed, tmp_path / "detector"))


def reseal(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the config and seal it again, as somebody with ill will would."""
    content = json.loads((folder / "config.json").read_text())
    del content["seal"]
    change(content)
    (folder / "config.json").write_text(json.dumps({**content, "seal": digest_of(content)}))


def retensor(folder: Path, change: Callable[[dict[str, np.ndarray]], None]) -> None:
    """Change tensors and make the digests agree."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")
    reseal(folder, redigest(folder))


def redigest(folder: Path) -> Callable[[dict[str, Any]], None]:
    names = ("model.safetensors", "records.json")
    return lambda content: content["files"].update({name: file_digest(folder / name) for name in names})


def test_what_is_saved_comes_back(folder: Path, tmp_path: Path) -> None:
    artifact = load_artifact(folder)
    again = load_artifact_of(save_artifact(artifact, tmp_path / "again"), tmp_path / "again")
    assert again.config == artifact.config
    assert again.records == artifact.records
    for role, head in artifact.heads.items():
        states = head.self_test.states
        np.testing.assert_array_equal(again.heads[role].score(states), head.score(states))
        np.testing.assert_array_equal(again.heads[role].distance(states), head.distance(states))
    for name in ("config.json", "model.safetensors", "records.json"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def load_artifact_of(saved: Artifact, folder: Path) -> Artifact:
    loaded = load_artifact(folder)
    assert loaded.config == saved.config
    return loaded


def test_the_config_says_what_the_detector_is(folder: Path) -> None:
    content = json.loads((folder / "config.json").read_text())
    assert content["format"] == "truthmap detector 3"
    identity = content["model"]["identity"]
    for name in ("weights", "tokenizer", "template"):
        assert len(identity[name]) == 64
    assert {"name", "revision", "architecture", "dtype", "prompt_format"} <= set(identity)
    assert content["site"] == "residual"
    assert content["asking"]["task"]["locating"] == "rule"
    assert content["label"].startswith("A score is the log-odds")
    head = content["heads"][0]
    assert head["cells"] == [{"layer": 1, "position": "exact_answer_last", "C": 1.0, "rule": None}]
    assert {"value", "low", "high", "n"} == set(head["test"])
    assert head["calibration"]["method"] in ("platt", "isotonic")


def test_no_folder_and_an_empty_one_hold_no_detector(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(RunFolderError, match="holds no detector"):
            load_artifact(path)


def test_a_folder_with_something_else_is_not_written_to(folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("precious")
    with pytest.raises(RunFolderError, match="is not empty and holds no detector"):
        save_artifact(load_artifact(folder), other)
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "records.json"])
@pytest.mark.parametrize("kept", [0, 3, 0.5, 0.999])
def test_a_truncated_file_is_refused(folder: Path, name: str, kept: float) -> None:
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: kept if isinstance(kept, int) else int(kept * len(content))])
    with pytest.raises(DamagedFileError, match=f"{name}.* is damaged"):
        load_artifact(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "records.json"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(DamagedFileError, match=f"{name} cannot be read: there is no such file"):
        load_artifact(folder)


def test_one_changed_number_is_noticed(folder: Path) -> None:
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-100] ^= 1
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(DamagedFileError, match="its digest is not the one"):
        load_artifact(folder)


def test_an_edited_config_breaks_its_seal(folder: Path) -> None:
    path = folder / "config.json"
    path.write_text(path.read_text().replace('"holds": false', '"holds": true').replace("0.95", "0.99"))
    with pytest.raises(DamagedFileError, match="does not agree with its seal"):
        load_artifact(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t["answer.weight"].__setitem__((0, 0), np.nan), "answer.weight holds NaN or infinity"),
        (lambda t: t["answer.scale"].__setitem__(0, np.inf), "answer.scale holds NaN or infinity"),
        (lambda t: t["answer.scale"].__setitem__(0, 0), "a scale or a variance of answer is not positive"),
        (lambda t: t.pop("before.bias"), "it has no before.bias"),
        (lambda t: t.update({"answer.weight": np.zeros((1, 7))}), r"is float64 \(1, 7\), expected float64 \(1, 24\)"),
        (lambda t: t.update({"answer.weight": np.zeros((1, 24), dtype=np.float32)}), "is float32 .* expected float64"),
        (lambda t: t.update({"answer.weight": np.zeros((1, 24))}), "fails its self-test"),
        (lambda t: t.update({"stowaway": np.zeros(3)}), "tensors that no detector has: .'stowaway'"),
        (lambda t: t["answer.record_index"].__setitem__(0, -5), "points at training records that are not there"),
        (lambda t: t["answer.record_index"].__setitem__(0, 10**9), "points at training records that are not there"),
    ],
)
def test_hostile_tensors_with_right_digests_are_refused(
    folder: Path, change: Callable[[dict[str, np.ndarray]], None], message: str
) -> None:
    retensor(folder, change)
    with pytest.raises(DamagedFileError, match=message):
        load_artifact(folder)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c.update(format="truthmap run 2"),
            "expected the format 'truthmap detector 3', got 'truthmap run 2'",
        ),
        (lambda c: c.update(site="../../etc"), "site"),
        (lambda c: c["heads"][0]["cells"][0].update(layer=99), "a layer that the model does not have"),
        (lambda c: c["heads"][1].update(role="answer"), "two heads with one role"),
        (lambda c: c["files"].update({"../../passwd": "0" * 63}), "files.../../passwd"),
        (lambda c: c["heads"].clear(), "heads"),
        (lambda c: c["heads"][0].update(n_fitted=10**12), "expected"),
        (lambda c: c.update(surprise=1), "surprise"),
        (lambda c: c["asking"]["task"].update(grading="exec"), "grading"),
        (lambda c: c["model"].update(width=10**9), "width"),
    ],
)
def test_hostile_configs_with_the_right_seal_are_refused(
    folder: Path, change: Callable[[dict[str, Any]], None], message: str
) -> None:
    reseal(folder, change)
    with pytest.raises(DamagedFileError, match=message):
        load_artifact(folder)


@pytest.mark.parametrize(
    ("number", "advice"),
    [(1, "seal it again with `truthmap detector RUN`"), (9, "update truthmap")],
)
def test_another_format_is_refused_by_name_with_what_to_do(folder: Path, number: int, advice: str) -> None:
    reseal(folder, lambda content: content.update(format=f"truthmap detector {number}"))
    message = f"expected the format 'truthmap detector 3', got 'truthmap detector {number}'; {advice}"
    with pytest.raises(RunFolderError, match=message):
        load_artifact(folder)


def test_a_sealed_detector_of_another_format_is_replaced(folder: Path) -> None:
    artifact = load_artifact(folder)
    reseal(folder, lambda content: content.update(format="truthmap detector 1"))
    save_artifact(artifact, folder)
    assert load_artifact(folder).config == artifact.config


def test_a_huge_header_is_refused_before_it_is_read(folder: Path) -> None:
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes((1 << 62).to_bytes(8, "little") + content[8:])
    reseal(folder, redigest(folder))
    with pytest.raises(DamagedFileError, match="its header claims 4611686018427387904 bytes"):
        load_artifact(folder)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_a_huge_file_is_not_read(folder: Path, name: str) -> None:
    with (folder / name).open("r+b") as file:
        file.truncate(5 << 30)  # sparse: it takes no room
    with pytest.raises(DamagedFileError, match="is damaged: it has 5,368,709,120 bytes, expected at most"):
        load_artifact(folder)


def test_a_pipe_is_not_waited_for(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    os.mkfifo(folder / "model.safetensors")
    with pytest.raises(DamagedFileError, match="no regular file"):
        load_artifact(folder)


def test_deep_nesting_and_nan_are_no_config(folder: Path) -> None:
    for content in ("[" * 200_000, '{"format": "truthmap detector 3", "label": NaN, "seal": ""}', "null", "[]"):
        (folder / "config.json").write_text(content)
        with pytest.raises(DamagedFileError, match=r"config.json is (damaged|no config)"):
            load_artifact(folder)


def test_a_pickle_is_never_opened(folder: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[Any, ...]:
            return (os.mkdir, (str(folder / "exploded"),))

    (folder / "model.safetensors").write_bytes(pickle.dumps(Bomb()))
    reseal(folder, redigest(folder))
    with pytest.raises(DamagedFileError):
        load_artifact(folder)
    assert not (folder / "exploded").exists()


def test_another_model_is_refused_and_the_difference_named(folder: Path, tmp_path: Path) -> None:
    lm = load_model(str(load_artifact(folder).config.model.identity["name"]))
    with torch.no_grad():
        lm.model.lm_head.weight[0, 0] += 1
    with pytest.raises(ModelError, match=r"is not the model this detector was made for .*weights is .*…, not .*…"):
        load_detector(folder, lm)
    allowed = load_detector(folder, lm, allow_different=True)
    assert len(allowed.allowed) == 1
    verdict = allowed.ask("Which 1 is 2?")
    assert verdict.score is not None
    assert verdict.p_wrong is None


def test_another_template_is_refused(folder: Path, tiny_detector: Detector) -> None:
    lm = load_model(tiny_detector.lm.name)
    lm.tokenizer.chat_template = lm.tokenizer.chat_template.replace("You are asked", "Somebody asks")
    with pytest.raises(ModelError, match="template is"):
        load_detector(folder, lm)


def test_another_prompt_format_and_dtype_are_refused(folder: Path, tiny_detector: Detector) -> None:
    plain = load_model(tiny_detector.lm.name, LoadSettings(prompt_format="plain", dtype="bfloat16"))
    with pytest.raises(ModelError, match="prompt_format is plain, not chat; dtype is bfloat16, not float32"):
        load_detector(folder, plain)


def test_a_site_that_the_model_lacks_cannot_be_allowed(folder: Path, tiny_detector: Detector) -> None:
    # The MLP's inner states are twice as wide as the sealed residual ones.
    reseal(folder, lambda content: content.update(site=str(Site.MLP_POST)))
    assert load_artifact(folder).config.site is Site.MLP_POST
    lm = load_model(tiny_detector.lm.name)
    with torch.no_grad():
        lm.model.lm_head.weight[0, 0] += 1
    with pytest.raises(ModelError, match="it cannot be used"):
        load_detector(folder, lm, allow_different=True)


def test_without_records_there_are_no_neighbours(folder: Path, tiny_detector: Detector, tmp_path: Path) -> None:
    artifact = load_artifact(folder)
    save_artifact(Artifact(artifact.config, artifact.heads, ()), tmp_path / "private")
    assert "Which" not in (tmp_path / "private" / "records.json").read_text()
    verdict = load_detector(tmp_path / "private", tiny_detector.lm).ask("Which 1 is 2?")
    assert verdict.similar == ()


def test_the_self_test_covers_every_head(folder: Path) -> None:
    artifact = load_artifact(folder)
    assert set(artifact.heads) == set(Role)
    for head in artifact.heads.values():
        assert len(head.self_test.states) == 8
        assert np.ptp(head.self_test.scores) > 0
