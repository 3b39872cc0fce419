"""What the shell offers at the tab key: names of question sets and models, runs, kinds of figures."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from truthmap.lm.builtin import BUILTIN
from truthmap.positions import POSITIONS, SETS
from truthmap.questions.catalogue import named_sets
from truthmap.questions.readers import FORMATS
from truthmap.runs.file_names import DETECTOR_CONFIG, STUDY

_RUNS = "runs/"
Complete = Callable[[str], list[str]]


def of_names(names: Iterable[str]) -> Complete:
    """Return what completes one of these names."""
    known = [*names]
    return lambda incomplete: [name for name in known if name.startswith(incomplete)]


def runs(incomplete: str) -> list[str]:
    """Return the run folders that a beginning can become, those of runs/ first, and the folders on the way there."""
    return _folders_with(STUDY, incomplete)


def detectors(incomplete: str) -> list[str]:
    """Return the detectors' folders that a beginning can become, and the folders on the way there."""
    return _folders_with(DETECTOR_CONFIG, incomplete)


def question_sets(incomplete: str) -> list[str]:
    """Return the question sets and question files that a beginning can become."""
    names = [known.name for known in named_sets() if known.name.startswith(incomplete)]
    return [*names, *_entries(incomplete, lambda path: path.suffix.lower() in FORMATS)]


def models(incomplete: str) -> list[str]:
    """Return the built-in models, folders and GGUF files that a beginning can become."""
    names = [name for name in BUILTIN if name.startswith(incomplete)]
    return [*names, *_entries(incomplete, lambda path: path.suffix == ".gguf")]


SETTINGS: Mapping[str, Complete] = {
    "model": models,
    "questions": question_sets,
    "examples": lambda incomplete: [*_entries(incomplete, lambda path: path.suffix.lower() in FORMATS)],
    "judge": models,
    "locator": models,
    "out": runs,
    "positions": of_names([*SETS, *map(str, POSITIONS)]),
}
"""What completes the value of a setting, by its flat name; a closed vocabulary is completed anyhow."""


def _folders_with(mark: str, incomplete: str) -> list[str]:
    beginnings = [incomplete] if incomplete else [_RUNS, ""]
    found = dict.fromkeys(entry for start in beginnings for entry in _entries(start, lambda _: False))
    marked = [entry.rstrip("/") for entry in found if (Path(entry) / mark).is_file()]
    return [*marked, *(entry for entry in found if not (Path(entry) / mark).is_file())]


def _entries(incomplete: str, wanted: Callable[[Path], bool]) -> Iterator[str]:
    """Yield the folders, with a slash, and the wanted files whose path begins so; hidden ones are left out."""
    start = incomplete.rpartition("/")[2]
    prefix = incomplete[: len(incomplete) - len(start)]
    try:
        listed = sorted(Path(prefix or ".").expanduser().iterdir())
    except OSError:
        return
    for path in listed:
        if path.name.startswith(start) and not path.name.startswith("."):
            if path.is_dir():
                yield f"{prefix}{path.name}/"
            elif wanted(path):
                yield f"{prefix}{path.name}"
