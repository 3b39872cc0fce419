"""The audit of the dependencies: a known fault fails, and nobody to ask is said."""

from __future__ import annotations

import importlib.util
import json
import subprocess
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "audit.py"
CLEAN = {"name": "numpy", "version": "2.0", "vulns": []}
FAULTY = {"name": "jinja2", "version": "3.1.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["3.1.6"]}]}
UNKNOWN = {"name": "torch", "skip_reason": "Dependency not found on PyPI"}


@pytest.fixture(scope="module")
def audit() -> ModuleType:
    spec = importlib.util.spec_from_file_location("audit_script", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("found", "code", "said"),
    [
        ([CLEAN], 0, "0 of 1 pinned dependencies have known faults\n"),
        ([CLEAN, UNKNOWN], 0, "0 of 1 pinned dependencies have known faults; 1 could not be looked up\n"),
        ([UNKNOWN, UNKNOWN], 0, "the dependencies were NOT audited: the service knows none of the dependencies\n"),
        (
            [CLEAN, FAULTY],
            1,
            "jinja2 3.1.0: PYSEC-1, mended in 3.1.6\n1 of 2 pinned dependencies have known faults\n",
        ),
    ],
)
def test_what_is_found_decides(
    audit: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    found: Any,
    code: int,
    said: str,
) -> None:
    asked: list[str] = []

    def run(command: list[str], **_options: Any) -> Any:
        asked.extend(command)
        return SimpleNamespace(stdout=json.dumps({"dependencies": found}), stderr="")

    monkeypatch.setattr(subprocess, "run", run)
    assert audit.main(["--ignore-vuln", "X"]) == code
    assert capsys.readouterr().out == said
    assert asked[-2:] == ["--ignore-vuln", "X"]
    assert str(audit.PINNED) in asked
    assert audit.PINNED.is_file()


def test_nobody_to_ask_is_said_and_does_not_fail(
    audit: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        subprocess, "run", lambda *_words, **_options: SimpleNamespace(stdout="", stderr="a\nNo module named pip_audit")
    )
    assert audit.main([]) == 0
    assert capsys.readouterr().out == "the dependencies were NOT audited: No module named pip_audit\n"

    def too_long(*_words: Any, **_options: Any) -> Any:
        raise subprocess.TimeoutExpired("pip_audit", audit.LIMIT)

    monkeypatch.setattr(subprocess, "run", too_long)
    assert audit.main([]) == 0
    assert capsys.readouterr().out == "the dependencies were NOT audited: no answer within 60 s\n"
