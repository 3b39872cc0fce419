"""A finished run folder made of drawn numbers: what the report and the figures read, without a model.

The answers' correctness is readable around the exact answer in the middle layers, as in a real map; some positions are
missing in short answers, and the texts can be hostile.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import expit

from truthmap.files import write_json
from truthmap.metrics.auc_interval import auc_many
from truthmap.metrics.estimate import Estimate
from truthmap.metrics.rival import Rival
from truthmap.positions import PAPER, Group, Position
from truthmap.probes.grid import GridScores
from truthmap.records import Answer, Grade, Outcome, Question, RowKey, Site, Span, Split, SplitAssignment
from truthmap.runs.file_names import LEDGER, SCORES
from truthmap.runs.folder import FORMAT, RunFolder, run_folder
from truthmap.runs.ledger import STAGES
from truthmap.runs.out_of_fold import write_out_of_fold
from truthmap.runs.run import Run
from truthmap.runs.summary import Summary
from truthmap.runs.tables import write_records
from truthmap.study.study import Study, kept_settings

HOSTILE = (
    "<script>window.hacked = true</script>",
    '"><img src=x onerror="window.hacked = true">',
    "</script><script>window.hacked = true</script>",
    "{{ 7 * 7 }} {% raw %} ${7*7}",
    "w" * 3000,
    "\u202eright to left override",
    "الإجابة هي باريس",
    "bell \x07 escape \x1b[31m null \x00 lone \ud800",
    "=HYPERLINK(\"http://example.com\")",
    "<!-- <b>bold</b> &lt; \u2028 -->",
)  # fmt: skip
KEYS = {stage: stage * 4 for stage in STAGES}
FILES = {
    "questions": ("questions.parquet", "splits.parquet"),
    "answers": ("answers.parquet",),
    "grades": ("grades.parquet", "audit.json"),
    "states": (),
    "grid": ("grid.parquet", "scores.safetensors", "null.parquet", "curve.parquet", "summary.json"),
    "second_grades": ("second_grades.parquet",),
    "figures": ("heatmap.png", "heatmap.svg"),
}  # fmt: skip
_BEST = Position.of("exact_answer_last")
_UNSCORED_EVERY, _TEST_EVERY = 23, 5


@dataclass(frozen=True)
class Made:
    """How large the run is and what is in it."""

    n: int = 240
    layers: int = 6
    sites: tuple[Site, ...] = (Site.RESIDUAL,)
    texts: Sequence[str] = ()
    with_controls: bool = True
    with_scores: bool = True
    signal: float = 2.5
    positions: tuple[Position, ...] = PAPER


def make_run(path: Path, made: Made = Made()) -> Run:
    """Write a run folder."""
    draw = np.random.default_rng(0)
    path.mkdir(parents=True, exist_ok=True)
    ids = [f"q{n:05d}" for n in range(made.n)]
    right = draw.random(made.n) < 0.5
    scored = np.array([n % _UNSCORED_EVERY != 7 for n in range(made.n)])
    test = np.array([n % _TEST_EVERY == 4 for n in range(made.n)])
    _write_records(path, made, ids, right, scored)
    seen = np.flatnonzero(scored & ~test)
    scores = {site: _scores(made, right[seen], draw) for site in made.sites}
    if made.with_scores:
        kept = tuple(RowKey(ids[n]) for n in seen)
        found = [GridScores(site, made.positions, kept, values.astype(np.float32)) for site, values in scores.items()]
        write_out_of_fold(path / SCORES, found)
    cells = pd.concat([_cells(made, site, scores[site], right[seen]) for site in made.sites], ignore_index=True)
    cells.to_parquet(path / "grid.parquet")
    _write_summary(path, cells, right, scored)
    _write_ledger(path, made)
    return Run(run_folder(path))


def _scores(made: Made, right: np.ndarray[Any, Any], draw: np.random.Generator) -> np.ndarray[Any, Any]:
    """Draw log-odds (L, P, n); NaN where a short answer has no such token."""
    depth = np.linspace(0, 1, made.layers)[:, None]
    near = np.array([1.0 if p.group is Group.EXACT else 0.4 for p in made.positions])
    near[made.positions.index(_BEST)] = 1.3
    near[0] = 0.0
    strength = made.signal * near * np.exp(-((depth - 0.6) ** 2) * 6)
    noise = draw.normal(size=(made.layers, len(made.positions), len(right)))
    scores = noise + strength[:, :, None] * (right - 0.5)
    short = draw.random(len(right)) < 0.4
    scores[:, made.positions.index(Position.of("-8")), short] = np.nan
    return scores


def _cells(made: Made, site: Site, scores: np.ndarray[Any, Any], right: np.ndarray[Any, Any]) -> pd.DataFrame:
    rows = []
    for layer, column in np.ndindex(*scores.shape[:2]):
        here = np.isfinite(scores[layer, column])
        y, own = right[here], scores[layer, column][here]
        found = auc_many(own[None], y)
        auc = float(found.auc[0])
        row: dict[str, Any] = {
            "site": str(site), "layer": layer, "position": str(made.positions[column]), "auc": auc,
            "low": float(found.low[0]), "high": float(found.high[0]), "n": len(y), "n_right": int(y.sum()),
            "C": 0.01, "converged": True, "gap": 1e-9,
        }  # fmt: skip
        if made.with_controls:
            row |= {
                "p_value": float(expit(-40 * (auc - 0.58))), "text_baseline_auc": 0.62,
                "within_auc": 0.5 + 0.8 * (auc - 0.5),
                "within_pairs": 431, "average_precision": auc, "brier": 0.25 * (1.5 - auc), "ece": 0.03,
            }  # fmt: skip
        rows.append(row)
    frame: pd.DataFrame = pd.DataFrame(rows)
    first = (frame["layer"] == 0) & (frame["position"] == str(Position.of("-8")))
    unfitted = [name for name in frame.columns if frame[name].dtype.kind == "f"]
    frame.loc[first, unfitted] = np.nan
    frame.loc[first, "converged"] = False
    return frame


def _write_records(
    path: Path, made: Made, ids: Sequence[str], right: np.ndarray[Any, Any], scored: np.ndarray[Any, Any]
) -> None:
    questions, answers, grades, splits = [], [], [], []
    for n, identifier in enumerate(ids):
        hostile = made.texts[n % len(made.texts)] if made.texts else ""
        said = "Paris" if right[n] else "Lyon"
        start = f"The answer{' ' + hostile if hostile else ''} is "
        outcome = (Outcome.RIGHT if right[n] else Outcome.WRONG) if scored[n] else Outcome.UNSCORED
        questions.append(Question(identifier, f"Which city is number {n}? {hostile}".strip(), ("Paris",)))
        length = 6 + n % 5
        text = f"{start}{said}, an old city."
        ends = [round(len(text) * place / length) for place in range(length + 1)]
        offsets = tuple(pairwise(ends))
        log_probs = (-0.5,) * length
        prompt = tuple(range(12))
        answers.append(Answer(identifier, prompt, tuple(range(length)), text, log_probs, offsets, finished=n % 9 > 0))
        span = Span(len(start), len(start) + len(said)) if scored[n] else None
        why = f"names {said!r} first" if scored[n] else f"names no candidate {hostile}"
        grades.append(Grade(identifier, outcome, "candidates", span, said if span else "", said if span else "", why))
        part = Split.TEST if n % _TEST_EVERY == 4 else Split.TRAIN
        splits.append(SplitAssignment(identifier, part, -1 if part is Split.TEST else n % 5))
    # Lone surrogates cannot be stored; everything else can.
    write_records(path / "questions.parquet", Question, [_storable(q) for q in questions])
    write_records(path / "answers.parquet", Answer, [_storable(a) for a in answers])
    write_records(path / "grades.parquet", Grade, [_storable(g) for g in grades])
    write_records(path / "splits.parquet", SplitAssignment, splits)


def _storable(record: Any) -> Any:
    from dataclasses import replace

    changed = {
        name: getattr(record, name).encode("utf-8", "replace").decode("utf-8")
        for name in ("text", "why")
        if isinstance(getattr(record, name, None), str)
    }
    return replace(record, **changed)


def _write_summary(path: Path, cells: pd.DataFrame, right: np.ndarray[Any, Any], scored: np.ndarray[Any, Any]) -> None:
    best = cells.iloc[int(np.nanargmax(cells["auc"].to_numpy()))]
    found = Estimate(value=float(best["auc"]), low=float(best["low"]), high=float(best["high"]), n=int(best["n"]))
    summary = Summary(
        model="made-model", questions="made questions", right=int((right & scored).sum()),
        wrong=int((~right & scored).sum()), unscored=int((~scored).sum()), refusals=0, found_right=1.0, found_wrong=1.0,
        site=Site(best["site"]), layer=int(best["layer"]), position=Position.of(best["position"]), C=float(best["C"]),
        validation=found, test=found, converged=1.0,
        text_baseline=_rival("all words and lengths", found), free_score=_rival("log-prob, sum, exact answer", found),
        before_answering=_rival("layer 1, last_q", found).model_copy(update={"cell": (1, Position.of("last_q"))}),
    )  # fmt: skip
    write_json(path / "summary.json", summary.model_dump(mode="json"))


def _rival(name: str, best: Estimate) -> Rival:
    own = Estimate(value=0.6, low=0.5, high=0.69, n=40)
    gain = best.value - own.value
    return Rival(
        name=name, validation=own, test=own, gain=Estimate(value=gain, low=gain - 0.06, high=gain + 0.06, n=40)
    )


def _write_ledger(path: Path, made: Made) -> None:
    folder = RunFolder(path)
    study = Study(model="made-model", questions="made questions", out=path, sites=made.sites, limit=made.n)
    folder.write_settings(
        {
            "format": FORMAT,
            "settings": kept_settings(study),
            "keys": KEYS,
            "model_identity": {"architecture": "Made", "dtype": "float32", "prompt_format": "chat"},
            "questions": {"name": "made questions", "digest": "0" * 64},
            "versions": {"python": "3", "truthmap": "0"},
            "command": None,
        }
    )  # fmt: skip
    prompt = f"<user>Which city is number 0? {made.texts[0] if made.texts else ''}<model>"
    vouch(path, {"peak_bytes": 10**9, "first_prompt": prompt})


def vouch(path: Path, note: dict[str, Any] | None = None) -> None:
    """Write a ledger that vouches for the run's files as they are now."""
    folder = RunFolder(path)
    known = folder.entries()
    (path / LEDGER).unlink(missing_ok=True)
    for stage in STAGES[:-1]:
        files = [name for name in FILES[stage] if (path / name).exists()]
        about = known[stage].note if stage in known and note is None else note or {}
        folder.finish(stage, KEYS[stage], files, 1.5, about)
