"""The ledger of a run folder never lets a stage stand that was made from another one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from truthmap.runs.folder import RunFolder


@pytest.mark.parametrize("forgotten", [False, True])
def test_a_stage_that_comes_out_otherwise_takes_those_behind_it_along(tmp_path: Path, forgotten: bool) -> None:
    folder, ledger = RunFolder(tmp_path), tmp_path / "stages.json"
    for stage in ("answers", "grades", "grid"):
        folder.finish(stage, "key", [], 0.0, {})
    if forgotten:
        ledger.write_text(
            json.dumps({name: entry for name, entry in json.loads(ledger.read_text()).items() if name != "grades"})
        )
    folder.finish("grades", "key" if forgotten else "another", [], 0.0, {})
    assert set(json.loads(ledger.read_text())) == {"answers", "grades"}


def test_a_stage_that_comes_out_the_same_leaves_those_behind_it(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path)
    for stage in ("answers", "grid", "answers"):
        folder.finish(stage, "key", [], 0.0, {})
    assert set(json.loads((tmp_path / "stages.json").read_text())) == {"answers", "grid"}
