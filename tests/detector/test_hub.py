"""Detectors on the hub: what is pushed is what was sealed, what is fetched is checked as any folder is."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from huggingface_hub import HfApi
from tests.hub_stand_in import Hub, serving

from truthmap.detector.artifact import FILES, load_artifact
from truthmap.detector.card import model_card
from truthmap.detector.config import DetectorConfig
from truthmap.detector.hub import HubAddress, detector_at, fetch_detector, hub_address, push_detector
from truthmap.errors import DamagedFileError, RunFolderError, StorageError, UsageError

REPO = "models/owner/name"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setenv("TRUTHMAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_PROGRESS_BARS", True)
    with serving() as hub:
        yield hub


def api(hub: Hub) -> HfApi:
    return HfApi(endpoint=hub.url, token="hf_test")


def contents(folder: Path) -> dict[str, bytes]:
    return {name: (folder / name).read_bytes() for name in FILES}


def test_what_is_fetched_is_what_was_sealed(hub: Hub, sealed: Path) -> None:
    pushed = push_detector(load_artifact(sealed), "owner/name", api=api(hub))
    name, _, commit = pushed.partition("@")
    assert name == "owner/name"
    assert re.fullmatch("[0-9a-f]{40}", commit)
    for address in ("owner/name", pushed, "owner/name@main"):
        folder = detector_at(address, api(hub))
        assert contents(Path(folder)) == contents(sealed)
    assert set(hub.files(REPO) or {}) == {*FILES, "README.md"}
    before = len(hub.asked)
    fetch_detector(HubAddress("owner/name", commit), api(hub))
    assert len(hub.asked) == before, "what is there of a commit is not asked for again"


def test_a_branch_is_pushed_to_and_read(hub: Hub, sealed: Path) -> None:
    artifact = load_artifact(sealed)
    push_detector(artifact, "owner/name", api=api(hub))
    assert hub.files(REPO)
    hub.put(REPO, {}, "main")
    push_detector(artifact, "owner/name", revision="v2", api=api(hub))
    assert contents(fetch_detector(HubAddress("owner/name", "v2"), api(hub))) == contents(sealed)
    with pytest.raises(RunFolderError, match="the hub has no detector"):
        fetch_detector(HubAddress("owner/name"), api(hub))


@pytest.mark.parametrize(
    "there",
    [
        {"config.json": b'{"model_type": "llama"}', "model.safetensors": b""},
        {"config.json": b"{", "README.md": b""},
        {"tokenizer.json": b"{}"},
    ],
)
def test_a_model_is_not_written_over(there: dict[str, bytes], hub: Hub, sealed: Path) -> None:
    hub.put(REPO, there)
    with pytest.raises(RunFolderError, match="something that is no detector; choose a new name"):
        push_detector(load_artifact(sealed), "owner/name", api=api(hub))
    assert hub.files(REPO) == there


@pytest.mark.parametrize("name", FILES)
def test_a_foreign_detector_is_checked_as_a_folder_is(name: str, hub: Hub, sealed: Path) -> None:
    good = contents(sealed)
    hub.put(REPO, {**good, name: good[name].replace(b"a", b"b", 1)})
    with pytest.raises(DamagedFileError):
        load_artifact(fetch_detector(HubAddress("owner/name"), api(hub)))


def test_what_a_detector_has_not_is_not_fetched(hub: Hub, sealed: Path) -> None:
    hub.put(REPO, {**contents(sealed), "evil.py": b"import os", "sub/config.json": b"{}"})
    folder = fetch_detector(HubAddress("owner/name"), api(hub))
    assert {path.name for path in folder.iterdir()} == set(FILES)
    assert not any("evil" in asked for asked in hub.asked)


def test_a_file_that_is_too_large_is_not_fetched(hub: Hub, sealed: Path) -> None:
    hub.put(REPO, contents(sealed))
    hub.claims["model.safetensors"] = 1 << 40
    with pytest.raises(StorageError, match="at most"):
        fetch_detector(HubAddress("owner/name"), api(hub))
    assert not any(asked.startswith("GET") and "safetensors" in asked for asked in hub.asked)


def test_what_is_missing_and_what_is_no_name_is_said(hub: Hub, sealed: Path, tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match="no folder owner/nothing, and the hub has no detector"):
        fetch_detector(HubAddress("owner/nothing"), api(hub))
    hub.put(REPO, {"config.json": contents(sealed)["config.json"]})
    with pytest.raises(RunFolderError, match="the hub has no detector"):
        fetch_detector(HubAddress("owner/name"), api(hub))
    with pytest.raises(StorageError, match=r"^there is no folder .*, and the hub cannot be reached"):
        fetch_detector(HubAddress("owner/name"), HfApi(endpoint="http://127.0.0.1:9"))
    for name in ("name", "owner/name@v1", "../name", "owner/na me"):
        with pytest.raises(UsageError, match="expected owner/name"):
            push_detector(load_artifact(sealed), name, api=api(hub))


def test_a_folder_goes_before_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("runs/detector").mkdir(parents=True)
    assert hub_address("runs/detector") is None
    assert detector_at("runs/detector") == Path("runs/detector")
    for path in ("./owner/name", "/owner/name", "~/name", "a/b/c", "s3://a/b", "name", "owner/..", "owner/name@"):
        assert hub_address(path) is None
    assert hub_address("owner/name@refs/pr/1") == HubAddress("owner/name", "refs/pr/1")


def test_the_card_says_what_was_sealed_and_holds_no_markup(sealed: Path) -> None:
    config = load_artifact(sealed).config
    hostile = "a`b|c\n# x <script>alert(1)</script>"
    training = config.training.model_copy(update={"questions": hostile})
    model = config.model.model_copy(update={"identity": {**config.model.identity, "name": "owner/model"}})
    card = model_card(config.model_copy(update={"training": training, "model": model}), "owner/name")
    _, head, body = card.split("---\n", 2)
    assert yaml.safe_load(head)["base_model"] == "owner/model"
    assert "\n# x" not in body
    assert "`a'b¦c # x <script>alert(1)</script>`" in body
    for cell in config.heads[0].cells:
        assert f"layer {cell.layer}, `{cell.position}`" in body
    assert str(config.heads[0].test) in body
    assert len(re.findall(r"\| (?:yes|no) \|", body)) == len(config.heads[0].guarantees)
    assert json.loads(DetectorConfig.model_validate(config.model_dump()).model_dump_json())
