"""How often the test part of a run was looked at: each detector that is tested on it is noted in the run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from truthmap.detector.config import CellAt
from truthmap.detector.fit_head import SealSettings
from truthmap.errors import RunFolderError, StorageError
from truthmap.files import digest_of, write_json
from truthmap.probes.labels import LabelledAnswers
from truthmap.records import Site
from truthmap.runs.file_names import LOOKS
from truthmap.runs.folder import RunFolder
from truthmap.terminal.progress import Progress


class Look(BaseModel):
    """What was tested on which answers; the same again gives the same numbers and is no other look.

    Attributes:
        answers: Digest of the test answers with their outcomes.
        site, cells, stack_c: Where the detector reads, and how it was fitted.
        limits, confidence, false_alarms: What it was to guarantee, and what it may flag as out of distribution.
        drop_closing_token: Its positions are counted without the token that closes an answer: other states.
    """

    model_config = ConfigDict(frozen=True)

    answers: str
    site: Site
    cells: tuple[CellAt, ...]
    stack_c: float | None
    limits: tuple[float, ...]
    confidence: float
    false_alarms: float
    drop_closing_token: bool = False


def look_at(
    labels: LabelledAnswers,
    site: Site,
    cells: Sequence[CellAt],
    stack_c: float | None,
    settings: SealSettings,
    *,
    drop_closing_token: bool = False,
) -> Look:
    """Return the look at the test part that a detector takes."""
    tested = labels.of(test=True)
    return Look(
        answers=digest_of([[str(i), bool(right)] for i, right in zip(tested.ids, tested.y, strict=True)]),
        site=site,
        cells=tuple(cells),
        stack_c=stack_c,
        limits=(settings.limit, *settings.more_limits),
        confidence=settings.confidence,
        false_alarms=settings.false_alarms,
        drop_closing_token=drop_closing_token,
    )


def count_look(folder: RunFolder, look: Look, progress: Progress) -> int:
    """Note a look at the test part in the run's folder, and return how many there were, this one included.

    Each is a file of its own, so that two at once are both counted. Where the folder cannot be written, the look is
    counted in its detector, but not for later ones, and that is told.
    """
    # What the cells' names mean is no part of it, so that looks of older versions are counted as they were.
    content = look.model_dump(mode="json", exclude={"cells": {"__all__": {"rule"}}})
    if not look.drop_closing_token:
        del content["drop_closing_token"]  # likewise
    name = f"{digest_of(content)}.json"
    noted = {path.name for path in Path(folder.path / LOOKS).glob("*.json")}
    if name not in noted:
        try:
            with folder.syncing():
                write_json(folder / LOOKS / name, content)
        except (StorageError, RunFolderError) as error:
            progress.say(f"this look at the test part is not noted in {folder.address}, later ones miss it: {error}")
    return len(noted | {name})
