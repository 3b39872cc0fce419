"""Pages of the site that are made from the code: each command's options, and the reference of what is public."""

from __future__ import annotations

import importlib
import inspect
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer
from example_pages import write_example_pages  # these two stand beside this file
from fault_page import fault_page
from typer.core import TyperArgument, TyperCommand, TyperGroup

from truthmap.cli.app import app
from truthmap.terminal.command import commands_of
from truthmap.terminal.exit_codes import ExitCode
from truthmap.terminal.reply import Fault, reply_schema

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
    """Yield a page for each command, one that lists them, one of exit codes, and the schema of what each prints."""
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    pages: dict[str, dict[str, Any]] = {}
    for words, command in commands_of(group).items():
        pages.setdefault(words.split()[0], {})[words] = command
    rows = [
        f"| [`truthmap {words}`]({page}.md) | {_cell(command.get_short_help_str(200))} |"
        for page, commands in pages.items()
        for words, command in commands.items()
    ]
    listed = "\n".join(["```{toctree}", ":hidden:", "", *pages, "exit-codes", "```"])
    yield "index.md", "\n".join([_HEAD, "", "| command | what it does |", "|---|---|", *rows, "", listed, ""])
    for page, commands in pages.items():
        title = f"# `truthmap {page}`: options\n"
        yield f"{page}.md", "\n".join([title, *(_command_text(words, each) for words, each in commands.items())])
        for words, command in commands.items():
            schema = reply_schema(command.callback)
            yield _schema_file(words), json.dumps(schema, indent=1, ensure_ascii=False) + "\n"
    yield "exit-codes.md", _exit_codes_page()


_HEAD = """
# Commands

Each with its options, as `truthmap COMMAND --help` has them, and with what it prints with `--json`.

Results go to standard output, news on the way to standard error. In a pipe or a file nothing is coloured or redrawn;
`--no-color`, or [`NO_COLOR`](https://no-color.org) in the environment, says so of a terminal, too. `--quiet` leaves
nothing on standard error but faults. With `--json` standard output has the result as one document on one line and
nothing else, whatever libraries write there; the document of a fault has `error` with `kind`, `message` and
`exit_code`. [Exit codes](exit-codes.md) are the same for all.

`truthmap --install-completion` lets the shell complete commands, options, runs, question sets and files;
`truthmap --show-completion` shows what that installs.
""".strip()


def _schema_file(words: str) -> str:
    return f"{words.replace(' ', '-')}.schema.json"


def _exit_codes_page() -> str:
    head = ["# Exit codes", "", "Of every command.", "", "| code | name | means |", "|---|---|---|"]
    return "\n".join([*head, *(f"| {int(code)} | `{code.name}` | {_cell(code.meaning)} |" for code in ExitCode), ""])


def _command_text(words: str, command: TyperCommand) -> str:
    context = typer.Context(command, info_name=f"truthmap {words}")
    usage = " ".join(command.collect_usage_pieces(context))
    lines = [f"## `truthmap {words}`", "", inspect.cleandoc(command.help or ""), "", "```sh"]
    lines += [f"truthmap {words} {usage}", "```", ""]
    if (ROOT / "docs" / f"{words}.md").exists():
        lines += [f"What it is for, with an example: [{words}](../{words}.md).", ""]
    for panel, options in _panels(command, context):
        lines += [f"### {panel}", "", "| option | takes | default | |", "|---|---|---|---|"]
        lines += [_row(option, context) for option in options] + [""]
    return "\n".join([*lines, *_json_lines(words, command)])


def _json_lines(words: str, command: TyperCommand) -> list[str]:
    """Return what a command prints as JSON: its fields, and where the whole schema is."""
    schema = reply_schema(command.callback)
    kinds = [each["$ref"].rpartition("/")[2] for each in schema["anyOf"] if "$ref" in each]
    lines = [
        "### What `--json` prints",
        "",
        f"The {{download}}`JSON schema <{_schema_file(words)}>` has all of it.",
        "",
    ]
    for kind in kinds:
        if kind != Fault.__name__:
            about = schema["$defs"][kind]
            text = inspect.cleandoc(about.get("description", "")).split("\n\n")[0]
            fields = ", ".join(f"`{name}`" for name in about.get("properties", {}))
            lines += [f"- {' '.join(text.split())} Fields: {fields}."]
    return [*lines, ""]


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
