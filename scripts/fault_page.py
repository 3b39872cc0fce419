"""The site's page of faults: a part for each kind of error, with every message of that kind as the code words it."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from pathlib import Path

from truthmap import errors
from truthmap.errors import TruthmapError

SOURCE = Path(__file__).parent.parent / "src" / "truthmap"
GAP = "…"
"""Stands for what differs from case to case."""

_WHAT_TO_DO = {
    "TruthmapError": "Read the message: it says what was expected, what came, and what to do.",
    "UsageError": (
        "Look up the option that the message names: `truthmap COMMAND --help`, or [all commands](commands/index.md). "
        "In Python the setting has the same name."
    ),
    "QuestionsError": (
        "`truthmap questions FILE` reads the whole file and counts what is wrong with which row; "
        "[questions](questions.md#own-files) has the columns."
    ),
    "ModelError": (
        "`truthmap doctor --model MODEL` loads the model and says what it can do; [models](models.md) has folders, "
        "adapters, quantized and GGUF files, and what to do without a network."
    ),
    "RunFolderError": (
        "The folder is left as it is. Name another with `--out`; `--update` redoes what depends on changed settings; "
        "`truthmap run` goes on where a run was stopped; an analysis that is older than its run is made again by its "
        "own command."
    ),
    "DamagedFileError": (
        "`truthmap verify RUN` names every file that is not as it was written, and `truthmap verify RUN --repair` "
        "makes again what can be made: [verify](verify.md)."
    ),
    "NotEnoughDataError": (
        "Ask more questions (a larger `--limit`, or another set): a probe needs right and wrong answers in every fold. "
        "`truthmap show RUN --export answers.csv` shows why answers could not be scored."
    ),
    "StorageError": (
        "Nothing half-written is left. Make room, or name another place; the same command goes on where it stopped. "
        "For `s3://` and its like see [storage](storage.md)."
    ),
    "PartialError": (
        "All else is finished and kept: start the same command again, and only what failed is tried again. The exit "
        "code is 3."
    ),
}

_ABOUT = (
    "A fault is one line on standard error that says what was expected, what came and what to do, and ends with the "
    "part of this page about its kind, `(faults.html#usage)` for one. The exit code is 2; it is 3 where a part of the "
    "work failed and all else is kept. In Python each is a class of `truthmap.errors`, and `address` names its part of "
    "this page."
)


def fault_page() -> str:
    """Return the page: what each kind means, what to do, and its messages."""
    found = dict.fromkeys(errors.__all__, ())
    found |= {kind: tuple(sorted(set(texts))) for kind, texts in messages().items()}
    lines = [
        "# Faults",
        "",
        _ABOUT,
        "",
    ]
    for kind in (TruthmapError, *TruthmapError.__subclasses__()):
        name = kind.__name__
        lines += [f"({kind.address.partition('#')[2]})=", "", f"## `{name}`", "", inspect.cleandoc(kind.__doc__ or "")]
        lines += ["", f"**What to do.** {_WHAT_TO_DO[name]}", ""]
        if found[name]:
            lines += [f"The messages ({GAP} stands for names and numbers of the case):", "", "```text"]
            lines += [*(text.replace("```", "'''") for text in found[name]), "```", ""]
    return "\n".join(lines)


def messages() -> dict[str, list[str]]:
    """Return the messages in the code by the name of their kind, names and numbers left open."""
    found: dict[str, list[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in errors.__all__:
                found.setdefault(node.func.id, []).extend(_texts(node))
    return found


def _texts(call: ast.Call) -> Iterator[str]:
    """Yield the message of a call that makes an error, where it is written there and says anything."""
    if call.args:
        text = re.sub(rf"{GAP}+", GAP, " ".join(_text(call.args[0]).split()))
        if len(text.replace(GAP, "").split()) > 2:
            yield text


def _text(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part) for part in node.values)
    if isinstance(node, ast.BinOp):
        return _text(node.left) + _text(node.right)
    return GAP
