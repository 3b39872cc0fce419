"""Run folders that somebody changed and sealed again, as whoever writes a folder can."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from truthmap.files import digest_of, file_digest
from truthmap.plain_yaml import read_yaml
from truthmap.runs.folder import RunFolder
from truthmap.runs.ledger import STAGES, analysis_entry, map_key
from truthmap.runs.study_yaml import write_settings
from truthmap.study.stage_keys import stage_keys
from truthmap.study.study import Study


def forge_study(run: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change what study.yaml says, and give it, its keys and the ledger's entries the seals that go with it."""
    content = read_yaml((run / "study.yaml").read_text())
    del content["seal"]
    change(content)
    keys = stage_keys(Study(**content["settings"], out=run))
    write_settings(run / "study.yaml", {**content, "keys": keys})
    forge_ledger(run, lambda ledger: [ledger[stage].update(key=keys[stage]) for stage in STAGES if stage in ledger])


def forge_ledger(run: Path, change: Callable[[dict[str, Any]], object] = lambda ledger: None) -> None:
    """Change the ledger, have it vouch for the files as they are now, and seal its entries again."""
    ledger = json.loads((run / "stages.json").read_text())
    for entry in ledger.values():
        entry["files"] = {
            name: file_digest(run / name) if (run / name).is_file() else digest
            for name, digest in entry["files"].items()
        }
    change(ledger)
    for entry in ledger.values():
        entry.pop("seal", None)
        entry["seal"] = digest_of(entry)
    (run / "stages.json").write_text(json.dumps(ledger))


def forge_analyses(run: Path) -> None:
    """Have the ledger vouch for whatever lies in the folder `analyses`."""
    folder = RunFolder(run)
    for result in sorted((run / "analyses").glob("*.json")):
        stem = result.stem
        own = sorted(p.name for p in result.parent.iterdir() if p.stem == stem or p.stem.startswith(f"{stem}_"))
        folder.finish(analysis_entry(stem), map_key(folder.entries()), [f"analyses/{name}" for name in own], 1, {})
