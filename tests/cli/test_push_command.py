"""`truthmap detector RUN --push owner/name`: what is sealed is pushed; what cannot be pushed is sealed all the same."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.hub_stand_in import Hub, serving

from truthmap.cli.app import main
from truthmap.detector.artifact import FILES
from truthmap.detector.hub import detector_at
from truthmap.questions.question_set import QuestionSet

REPO = "models/owner/name"


@pytest.fixture(scope="module")
def hub(spoken: QuestionSet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    load: Callable[..., QuestionSet] = lambda name, settings: spoken  # noqa: E731
    with serving() as hub, pytest.MonkeyPatch.context() as patch:
        patch.setattr("truthmap.study.stage_settings.load_questions", load)
        patch.setenv("TRUTHMAP_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        patch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        patch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_PROGRESS_BARS", True)
        yield hub


def told(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict[str, Any]]:
    """Return the exit code of `truthmap detector` and the one document that it printed."""
    monkeypatch.setattr("sys.argv", ["truthmap", "detector", *words, "--json"])
    monkeypatch.setattr("truthmap.terminal.output._documents.count", 0)
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0), json.loads(capfd.readouterr().out)


@pytest.mark.slow
def test_what_is_sealed_is_pushed_and_read_back(
    hub: Hub, made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    words = (str(made_once), "--out", str(tmp_path / "sealed"), "--push", "owner/name", "--private")
    code, document = told(monkeypatch, capfd, *words)
    assert code == 0
    assert document["pushed"].startswith("owner/name@")
    fetched = Path(detector_at(document["pushed"]))
    for name in FILES:
        assert (fetched / name).read_bytes() == (tmp_path / "sealed" / name).read_bytes()


@pytest.mark.slow
def test_what_the_hub_refuses_is_sealed_all_the_same(
    hub: Hub, made_once: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    hub.put("models/owner/other", {"config.json": b'{"model_type": "llama"}'})
    code, document = told(
        monkeypatch, capfd, str(made_once), "--out", str(tmp_path / "sealed"), "--push", "owner/other"
    )
    assert code == 3
    assert "is sealed in" in document["error"]["message"]
    assert "something that is no detector" in document["error"]["message"]
    assert all((tmp_path / "sealed" / name).is_file() for name in FILES)


@pytest.mark.parametrize("words", [("--push", "name"), ("--push", "owner/name@v1"), ("--private",)])
def test_what_cannot_be_pushed_is_said_before_anything_is_sealed(
    words: tuple[str, ...],
    made_once: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    code, document = told(monkeypatch, capfd, str(made_once), "--out", str(tmp_path / "sealed"), *words)
    assert (code, document["error"]["kind"]) == (2, "UsageError")
    assert not (tmp_path / "sealed").exists()
