"""Run folders at hf://, through huggingface_hub's file system, from a stand-in of the hub."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.hub_stand_in import Hub, serving

from truthmap.files import write_text
from truthmap.runs.file_names import STUDY
from truthmap.runs.folder import run_folder
from truthmap.runs.run import open_run

REPO = "datasets/owner/runs"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    monkeypatch.setenv("TRUTHMAP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    with serving() as hub:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
        template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
        monkeypatch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", template)
        yield hub


def test_a_folder_there_is_held_written_and_let_go(hub: Hub) -> None:
    hub.put(REPO, {"README.md": b""})
    folder = run_folder("hf://datasets/owner/runs/new")
    with folder.held():
        write_text(folder / STUDY, "a: 1")
        assert set(hub.files(REPO) or {}) == {"README.md", "new/.lease", f"new/{STUDY}"}
    assert hub.files(REPO) == {"README.md": b"", f"new/{STUDY}": b"a: 1"}
    hub.put(REPO, {f"new/{STUDY}": b"a: 2"})
    folder.refresh()
    assert (folder.path / STUDY).read_text() == "a: 2"


@pytest.mark.slow
def test_a_run_on_the_hub_is_read_as_one_here(hub: Hub, made_once: Path) -> None:
    files = {p.relative_to(made_once).as_posix(): p for p in made_once.rglob("*") if p.is_file() and p.name != ".lock"}
    hub.put(REPO, {f"demo/{name}": path.read_bytes() for name, path in files.items()})
    there, here = open_run("hf://datasets/owner/runs/demo"), open_run(made_once)
    assert there.summary == here.summary
    cell = here.summary.layer, here.summary.position
    np.testing.assert_array_equal(there.states(*cell).X, here.states(*cell).X)
    before = sum("resolve" in asked and "states" not in asked for asked in hub.asked)
    assert open_run("hf://datasets/owner/runs/demo").summary == here.summary
    after = sum("resolve" in asked and "states" not in asked for asked in hub.asked)
    assert after == before, "what has not changed is not fetched again"
