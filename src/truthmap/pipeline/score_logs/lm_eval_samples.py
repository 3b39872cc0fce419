"""Scores in the samples of lm-evaluation-harness: each line as it was, with one more key."""

from __future__ import annotations

import json
from pathlib import Path

from truthmap.files import atomic_write
from truthmap.pipeline.score_logs.base import KEY, ScoredLog
from truthmap.questions.logs.lm_eval import LmEval


def write_lm_eval(log: ScoredLog, out: Path) -> int:
    """Write a log's lines with what is said of each sample; return how many samples have a score.

    Whatever else stands in a line stays as it is, to the byte; samples that the run did not read get `null`.

    Raises:
        UsageError: it is not the log that the run read.
        StorageError: the file cannot be written.
    """
    entries = {line: (KEY in values, entry) for line, values, entry in log.entries(LmEval.tool)}
    with log.path.open("rb") as lines, atomic_write(out) as temp_path, temp_path.open("wb") as file:
        for number, line in enumerate(lines, start=1):
            if number in entries:
                had_one, entry = entries[number]
                file.write(_with_entry(line, entry, had_one=had_one))
            else:
                file.write(line)
    return sum(entry is not None for _, entry in entries.values())


def _with_entry(line: bytes, entry: object, *, had_one: bool) -> bytes:
    if had_one:  # scored before
        values = {**json.loads(line.decode("utf-8-sig")), KEY: entry}
        return json.dumps(values, ensure_ascii=False).encode("utf-8") + b"\n"
    body = line.rstrip()
    said = json.dumps({KEY: entry}, ensure_ascii=False).encode("utf-8")
    return body.removesuffix(b"}") + b", " + said.removeprefix(b"{") + line[len(body) :]
