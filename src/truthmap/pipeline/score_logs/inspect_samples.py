"""Scores in a log of inspect_ai, through its own reader and writer: one more scorer beside each sample's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from truthmap.errors import QuestionsError, UsageError
from truthmap.files import atomic_write
from truthmap.pipeline.score_logs.base import KEY, ScoredLog
from truthmap.questions.logs.inspect_file import PLAIN, ZIPPED
from truthmap.questions.logs.inspect_log import InspectLog

_IN_VALUE = ("p_wrong", "score", "verdict")


def write_inspect(log: ScoredLog, out: Path) -> int:
    """Write a log with the scorer `truthmap` in each sample that the run read; return how many have it.

    Its value is a mapping of `p_wrong`, `score` and `verdict`, the first two `null` where there is none; all that is
    said stands in its metadata. The scores and results that the log has stay as they are.

    Raises:
        UsageError: it is not the log that the run read, or the file's name ends in neither .eval nor .json.
        QuestionsError: the extra `inspect` is not installed, or the log cannot be read.
        StorageError: the file cannot be written.
    """
    ending = out.suffix.lower()
    if ending not in (ZIPPED, PLAIN):
        raise UsageError(f"{out} must end in {ZIPPED} or {PLAIN}")
    entries = {(str(v["id"]), v["epoch"]): entry for _, v, entry in log.entries(InspectLog.tool)}
    read, write, score = _inspect_ai(log.path)
    found = read(str(log.path.absolute()))
    for sample in found.samples or ():
        entry = entries.get((str(sample.id), sample.epoch))
        kept = {name: given for name, given in (sample.scores or {}).items() if name != KEY}
        if entry is not None:
            value = {name: entry[name] for name in _IN_VALUE}
            kept[KEY] = score(value=value, explanation=_told(entry), metadata=entry)
        sample.scores = kept
    with atomic_write(out) as temp_path:
        # inspect_ai goes by the ending of the name.
        named = temp_path.with_name(f"{temp_path.name}{ending}")
        try:
            write(found, str(named.absolute()), format=ending.removeprefix("."))
            named.replace(temp_path)
        finally:
            named.unlink(missing_ok=True)
    return sum(entry is not None for entry in entries.values())


def _told(entry: dict[str, Any]) -> str:
    caveats = f" ({', '.join(re.sub('_', ' ', caveat) for caveat in entry['caveats'])})" if entry["caveats"] else ""
    p_wrong = "" if entry["p_wrong"] is None else f": P(wrong) = {entry['p_wrong']:.2f}"
    return f"{entry['verdict']}{p_wrong}{caveats}"


def _inspect_ai(path: Path) -> tuple[Any, Any, Any]:
    try:
        from inspect_ai.log import read_eval_log, write_eval_log
        from inspect_ai.scorer import Score
    except ImportError as error:
        raise QuestionsError(
            f"{path} is a log of inspect_ai, which needs the extra inspect: pip install 'truthmap[inspect]'"
        ) from error
    return read_eval_log, write_eval_log, Score
