"""The map of a thought: on answers whose thoughts say from a known place on what they will answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from tests.analyses.thinking_rows import RIGHT

from truthmap.analyses.early_exit.command import early_exit
from truthmap.analyses.early_exit.command import summarize as exit_summary
from truthmap.analyses.early_exit.figure import draw_early_exit
from truthmap.analyses.early_exit.measure import EarlyExit
from truthmap.analyses.early_exit.run import early_exit_curve
from truthmap.analyses.saved import read_analysis
from truthmap.analyses.thought.command import summarize, thought
from truthmap.analyses.thought.figure import draw_by_share, draw_by_step, draw_by_token
from truthmap.analyses.thought.measure import ThoughtMap, share_of_thought, thought_so_far, token_of_thought
from truthmap.analyses.thought.run import thought_map
from truthmap.answer_parts import parted
from truthmap.detector.artifact import load_artifact
from truthmap.detector.fit_head import SealSettings
from truthmap.errors import RunFolderError
from truthmap.pipeline.seal import DetectorSettings, seal_detector
from truthmap.positions import Position
from truthmap.records import Answer
from truthmap.runs.file_names import ANALYSES
from truthmap.runs.run import Run, open_run
from truthmap.terminal.reply import Reply, reply_schema


@pytest.fixture(scope="module")
def found(thinking: Run) -> ThoughtMap:
    return thought_map(thinking)


def test_who_thinks_and_where_they_still_do_is_counted(found: ThoughtMap) -> None:
    assert (found.scored, found.without, found.cut) == (81, 9, 0)
    assert [place.share for place in found.by_share] == [0.0, 0.5, 1.0]
    assert [str(place.position) for place in found.by_token] == ["thought[0]", "thought[1]", "thought[4]"]
    assert [place.tokens for place in found.by_token] == [1, 2, 5]
    assert {place.n for place in (*found.by_share, *found.by_token)} == {81}
    assert [str(position) for position in found.skipped] == ["thought[4000]"]
    assert found.by_share[-1].tokens == found.median_tokens


def test_the_text_tells_the_outcome_from_where_it_names_it(found: ThoughtMap) -> None:
    start, half, end = found.by_share
    assert start.text is not None
    assert end.text is not None
    assert end.text.test.value == 1
    assert start.text.test.value < 0.8
    assert end.test.value > start.test.value
    assert half.p_value is not None


def test_answers_within_a_thought_are_graded_at_their_place(found: ThoughtMap) -> None:
    start, _, end = (place.said for place in found.by_share)
    assert start is not None
    assert end is not None
    assert (start.named, start.right, start.kept) == (0, None, None)
    assert (end.named, end.kept) == (1, 1)
    assert end.right == pytest.approx(sum(RIGHT[n] for n in range(90) if n % 10) / 81)
    assert start.unnamed is not None
    assert start.unnamed.n == found.by_share[0].test.n
    assert end.unnamed is None


def test_what_is_saved_reads_back_and_is_told(thinking: Run, found: ThoughtMap) -> None:
    assert read_analysis(thinking.folder / ANALYSES, "thought", ThoughtMap) == found
    facts, by_share, by_token, by_step = summarize(found)
    assert ("scored answers without a thought", "9") in facts.rows
    assert [cells[0] for cells in by_share.rows] == ["0%", "50%", "100%"]
    assert [cells[0] for cells in by_token.rows] == ["1 token", "2 tokens", "5 tokens"]
    assert [cells[0] for cells in by_step.rows] == ["step 1"]
    assert draw_by_step(found).get_xlabel() == "End of step (answers that still think)"
    assert draw_by_share(found).get_xlabel() == "Share of the thought (%)"
    assert draw_by_token(found).get_legend() is not None


def test_what_json_prints_is_what_the_schema_says(thinking: Run, found: ThoughtMap) -> None:
    for command, result in ((thought, found), (early_exit, early_exit_curve(thinking))):
        Draft202012Validator(reply_schema(command)).validate(Reply(result, lambda: None).plain)


def test_a_map_without_a_place_of_a_thought_is_refused(made_once: Path) -> None:
    with pytest.raises(RunFolderError, match="has no place of a thought: run the study again with --positions along"):
        thought_map(open_run(made_once))


@pytest.mark.parametrize(
    ("rule", "share", "token"),
    [("thought[0]", 0.0, 0), ("thought[-1]", 1.0, None), ("thought[7]", None, 7), ("thought[50%]", 0.5, None),
     ("thought[-2]", None, None), ("thought[50%]+1", None, None), ("mean(thought)", None, None), ("-1", None, None)],
)  # fmt: skip
def test_places_are_at_a_share_or_at_a_token(rule: str, share: float | None, token: int | None) -> None:
    position = Position.of(rule)
    assert (share_of_thought(position), token_of_thought(position)) == (share, token)


def test_a_thought_so_far_is_an_answer_that_was_cut_off_there() -> None:
    pieces = ("<think>", "So", " it", " is", "</think>", " Peru")
    starts = [sum(map(len, pieces[:n])) for n in range(len(pieces))]
    offsets = tuple((start, start + len(piece)) for start, piece in zip(starts, pieces, strict=True))
    said = parted(Answer("q", (1, 2), tuple(range(10, 16)), "".join(pieces), (), offsets, finished=True))
    so_far = thought_so_far(said, 5)
    assert (so_far.text, so_far.answer_ids, so_far.offsets) == ("So it", (11, 12), ((0, 2), (2, 5)))
    assert [thought_so_far(said, end, may_be_over=known).finished for end in (5, 6) for known in (False, True)] == [
        False, False, False, True,
    ]  # fmt: skip


def test_ending_these_thoughts_early_saves_tokens(thinking: Run) -> None:
    found = early_exit_curve(thinking)
    assert found.places == (0.0, 0.5, 1.0)
    assert found.by_share[-1].lost.value == 0  # each thought has named its final answer by its end
    assert found.n == sum(split == "test" for split in thinking.answers()["split"]) - found_without(thinking)
    assert read_analysis(thinking.folder / ANALYSES, "early_exit", EarlyExit) == found
    assert len(exit_summary(found)) == 4
    assert draw_early_exit(found).get_xlabel() == "Tokens of thoughts saved (%)"


def test_a_detector_seals_what_it_reads_along_thoughts(thinking: Run, tmp_path: Path) -> None:
    copy = open_run(shutil.copytree(thinking.path, tmp_path / "run"))
    sealed = seal_detector(copy, tmp_path / "detector", DetectorSettings(SealSettings(limit=0.3))).config.early_exit
    assert sealed is not None
    assert (sealed.tokens, sealed.give_up_at) == ((0, 1, 4, 4000), 4)
    assert (sealed.end.limit, sealed.give_up.limit) == (0.3, 0.3)
    assert sealed.end.n == early_exit_curve(copy).n
    assert load_artifact(tmp_path / "detector").config.early_exit == sealed


def found_without(run: Run) -> int:
    table = run.answers()
    return int(table.loc[table["split"] == "test", "thought"].isna().sum())
