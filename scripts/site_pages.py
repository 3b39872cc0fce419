"""Pages of the site that are made from the code: each command's options, and the reference of what is public."""

from __future__ import annotations

import importlib
import inspect
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from example_pages import write_example_pages  # these two stand beside this file
from fault_page import fault_page
from typer.core import TyperArgument, TyperCommand, TyperGroup

from truthmap.cli.app import app

ROOT = Path(__file__).parent.parent
ROOMS = (
    "truthmap",
    *sorted(f"truthmap.{stub.parent.name}" for stub in (ROOT / "src" / "truthmap").glob("*/__init__.pyi")),
    "truthmap.positions",
    "truthmap.records",
)
"""The modules whose names are public, `truthmap` itself first."""


def write_pages(docs: Path) -> None:
    """Write `docs/commands/`, `docs/reference/`, `docs/examples/`, `docs/faults.md` and `docs/changelog.md` anew."""
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    (docs / "changelog.md").write_text(changes.replace("](docs/", "]("), encoding="utf-8")
    write_example_pages(docs / "examples")
    (docs / "faults.md").write_text(fault_page(), encoding="utf-8")
    for name, pages in (("commands", command_pages()), ("reference", reference_pages())):
        folder = docs / name
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for file, text in pages:
            (folder / file).write_text(text, encoding="utf-8")


def command_pages() -> Iterator[tuple[str, str]]:
    """Yield a page for each command and one that lists them."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    names = list(group.commands)
    rows = [
        f"| [`truthmap {name}`]({name}.md) | {_cell(group.commands[name].get_short_help_str(200))} |" for name in names
    ]
    listed = "\n".join(["```{toctree}", ":hidden:", "", *names, "```"])
    head = ["# Commands", "", "Each with its options, as `truthmap COMMAND --help` has them.", ""]
    yield "index.md", "\n".join([*head, "| command | what it does |", "|---|---|", *rows, "", listed, ""])
    for name in names:
        yield f"{name}.md", _command_page(name, group.commands[name])


def _command_page(name: str, command: TyperCommand) -> str:
    context = typer.Context(command, info_name=f"truthmap {name}")
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"# `truthmap {name}`: options", "", inspect.cleandoc(command.help or ""), "", "```sh"]
    lines += [f"truthmap {name} {usage}", "```", ""]
    if (ROOT / "docs" / f"{name}.md").exists():
        lines += [f"What it is for, with an example: [{name}](../{name}.md).", ""]
    for panel, options in _panels(command, context):
        lines += [f"## {panel}", "", "| option | takes | default | |", "|---|---|---|---|"]
        lines += [_row(option, context) for option in options] + [""]
    return "\n".join(lines)


def _panels(command: TyperCommand, context: typer.Context) -> list[tuple[str, list[Any]]]:
    """Return the options in their named groups, arguments first."""
    found: dict[str, list[Any]] = {}
    for parameter in command.get_params(context):
        if not getattr(parameter, "hidden", False) and parameter.name != "help":
            usual = "Arguments" if isinstance(parameter, TyperArgument) else "Options"
            found.setdefault(getattr(parameter, "rich_help_panel", None) or usual, []).append(parameter)
    return sorted(found.items(), key=lambda each: each[0] != "Arguments")


def _row(parameter: Any, context: typer.Context) -> str:
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    takes = f"`{parameter.metavar or _type_of(parameter, context)}`" if parameter.metavar != "" else ""
    default = parameter.get_default(context, call=False)
    shown = "" if default in (None, "", (), False) or callable(default) else f"`{getattr(default, 'value', default)}`"
    return f"| {names} | {_cell(takes)} | {_cell(shown)} | {_cell(getattr(parameter, 'help', None) or '')} |"


def _type_of(parameter: Any, context: typer.Context) -> str:
    shown = parameter.display_type_rich(context) if hasattr(parameter, "display_type_rich") else parameter.name
    return (shown or "").strip("<>")


def _cell(text: str) -> str:
    """Return a text that fits into a cell of a table."""
    return " ".join(text.split()).replace("|", "\\|")


def reference_pages() -> Iterator[tuple[str, str]]:
    """Yield a page for each public module and one that lists them."""
    pages = [name.partition(".")[2] or "truthmap" for name in ROOMS]
    listed = "\n".join(["```{toctree}", ":maxdepth: 1", "", *pages, "```"])
    yield "index.md", f"# Reference\n\nEverything that can be imported and stays.\n\n{listed}\n"
    seen: set[int] = set()
    for page, name in zip(pages, ROOMS, strict=True):
        yield f"{page}.md", _module_page(name, seen)


def _module_page(name: str, seen: set[int]) -> str:
    module = importlib.import_module(name)
    lines = [f"# `{name}`", "", "```{eval-rst}", f".. currentmodule:: {name}", ""]
    names = getattr(module, "__all__", None) or [n for n, value in vars(module).items() if _is_own(module, n, value)]
    for public in names:
        value = getattr(module, public)
        again = id(value) in seen  # a name that stands in two modules is described once
        seen.add(id(value))
        lines += _entry(name, public, value, again=again)
    return "\n".join([*lines, "```", ""])


def _entry(module: str, name: str, value: Any, *, again: bool) -> list[str]:
    index = ["   :no-index:"] if again else []
    if inspect.isclass(value):
        return [f".. autoclass:: {module}.{name}", "   :members:", *index, ""]
    kind = "autofunction" if callable(value) else "autodata"
    return [f".. {kind}:: {module}.{name}", *index, ""]


def _is_own(module: Any, name: str, value: Any) -> bool:
    return not name.startswith("_") and getattr(value, "__module__", None) == module.__name__
