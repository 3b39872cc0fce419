"""`truthmap runs`: the runs in a folder, in what settings they differ, and removing them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from truthmap.cli.replies import RunsFound, RunsRemoved
from truthmap.study.default_folder import RUNS
from truthmap.terminal import completion
from truthmap.terminal.command import Command, Subcommands
from truthmap.terminal.options import local
from truthmap.terminal.output import confirmed, print_lines, print_table
from truthmap.terminal.reply import Reply, replies
from truthmap.text import cut

if TYPE_CHECKING:
    from collections.abc import Sequence

    from truthmap.runs.comparing import SettingsCompared
    from truthmap.runs.listing import RunListed
    from truthmap.runs.removal import RemovedRun

_LONGEST = 40

runs = typer.Typer(
    cls=Subcommands,
    help="List runs, compare their settings, remove them; `truthmap runs` alone lists those in runs/.",
)


@runs.command("list", cls=Command)
@replies("truthmap.cli.replies:RunsFound")
def list_(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Where runs are", callback=local, autocompletion=completion.runs),
    ] = Path(RUNS),
) -> Reply:
    """List the runs in a folder: how far each is, what it asked of which model, and how well its best cell reads.

    Only their small files are read; `truthmap verify RUN` checks a run.
    """
    from truthmap.runs.listing import list_runs

    found = list_runs(folder)
    return Reply(RunsFound(folder=str(folder), runs=found), lambda: _show_list(folder, found))


@runs.command("compare", cls=Command)
@replies("truthmap.runs.comparing:SettingsCompared")
def compare_(
    run: Annotated[
        list[str],
        typer.Argument(
            metavar="RUN RUN…",
            help="Two runs or more: folders or URLs",
            show_default=False,
            autocompletion=completion.runs,
        ),
    ],
) -> Reply:
    """Compare the settings of runs, with the models and versions that they were made with; say in what they differ."""
    from truthmap.runs.comparing import compare_settings

    found = compare_settings(run)
    return Reply(found, lambda: _show_different(found))


@runs.command("remove", cls=Command)
@replies("truthmap.cli.replies:RunsRemoved")
def remove(
    run: Annotated[
        list[str],
        typer.Argument(metavar="RUN…", help="Folders of runs", show_default=False, autocompletion=completion.runs),
    ],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Remove without asking")] = False,
) -> Reply:
    """Remove runs, after asking: what the run wrote, and nothing else.

    Other files in its folder stay, and so do links and what they lead to, and states that are elsewhere.
    """
    from truthmap.runs.removal import removable, remove_run

    found = removable(run)
    if not yes:
        print_lines(map(_told, found), stderr=True)
        many = "this run" if len(found) == 1 else f"these {len(found)} runs"
        if not confirmed(f"Remove {many} for good?", "--yes"):
            return Reply(RunsRemoved(removed=()), lambda: print_lines(["nothing was removed"]))
    removed = tuple(remove_run(each.run) for each in found)
    return Reply(RunsRemoved(removed=removed), lambda: print_lines(map(_told_removed, removed)))


def _show_list(folder: Path, found: Sequence[RunListed]) -> None:
    if not found:
        print_lines([f"there is no run in {folder}"])
        return
    print_table("", ("run", "model", "questions", "best cell", "AUC test [95 %]", "size"), map(_row, found))


def _row(each: RunListed) -> tuple[str, ...]:
    asked, size = (each.run, each.model or "–", each.questions or "–"), _size(each.bytes)
    if each.test is None:
        return (*asked, f"{each.state}: {cut(each.fault or '', _LONGEST)}", "–", size)
    return (*asked, f"layer {each.layer}, {each.position}", each.test.short, size)


def _show_different(found: SettingsCompared) -> None:
    rows = [(each.name, *map(_value, each.values)) for each in found.different]
    print_table(f"{len(rows)} settings differ, {found.same} are the same", ("setting", *found.runs), rows)


def _value(value: Any) -> str:
    return "–" if value is None else cut(str(value), _LONGEST)


def _told(each: RemovedRun) -> str:
    left = f"; left: {', '.join(each.left)}" if each.left else ""
    elsewhere = f"; its states stay at {each.states_at}" if each.states_at else ""
    return f"{each.run}: {each.files} files, {_size(each.bytes)}{left}{elsewhere}"


def _told_removed(each: RemovedRun) -> str:
    return f"removed {_told(each)}"


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count < 1e9 else f"{count / 1e9:.1f} GB"
