"""The Python of docs/own-probes.md runs, from top to bottom, and each of its examples is short."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

PAGE = (Path(__file__).parent.parent / "docs" / "own-probes.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_page_runs_from_top_to_bottom(
    made_once: Path,
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    shutil.copytree(made_once, tmp_path / "runs" / "cities")
    monkeypatch.setattr("truthmap.lm.load.builtin_folder", lambda name: tiny_model)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in BLOCKS:
        exec(compile(block, "own-probes.md", "exec"), names)  # its own page
    said = capsys.readouterr().out
    assert re.search(r"MLP: \d\.\d{3} \[", said)
    assert re.search(r"first_vowel \d\.\d{3}", said)
    assert said.count("head ") == 4


def test_each_example_takes_twenty_lines_at_most() -> None:
    assert len(BLOCKS) == 3
    assert max(len([line for line in block.splitlines() if line.strip()]) for block in BLOCKS) <= 20
