"""A study as a YAML file: written to be edited, read with clear errors."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel

from truthmap.errors import DamagedFileError, UsageError
from truthmap.files import read_regular, write_text
from truthmap.plain_yaml import read_yaml
from truthmap.settings_base import is_unset_object
from truthmap.study.study import Study

_LARGEST = 1 << 20
"""Bytes of the largest file that is read: settings take a few hundred."""


def read_study(path: Path) -> Study:
    """Read a study from a file with its sections, or from the study.yaml of a run folder.

    Raises:
        UsageError: the file cannot be read, is no YAML mapping, or a setting in it is outside what is allowed.
    """
    with suppress(OSError):
        if path.stat().st_size > _LARGEST:
            raise UsageError(f"{path} is larger than any study's settings: expected a study.yaml of a few lines")
    try:
        content = read_yaml(read_regular(path, _LARGEST).decode("utf-8"))
    except (OSError, ValueError, yaml.YAMLError, RecursionError, DamagedFileError) as error:
        raise UsageError(f"{path} cannot be read as settings ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise UsageError(f"{path} holds no settings: expected sections such as `questions:`, each with its settings")
    settings = content["settings"] if isinstance(content.get("settings"), dict) else content
    try:
        return Study(**{str(name): value for name, value in settings.items()})
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error


def write_study(study: Study, path: Path) -> None:
    """Write a study to a file, every setting with its description, for people to edit.

    Raises:
        StorageError: the file cannot be written.
    """
    write_text(path, "\n".join(_lines(study, "")) + "\n")


def _lines(section: BaseModel, indent: str) -> Iterator[str]:
    plain = section.model_dump(mode="json")
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        if is_unset_object(field, value):
            continue
        if isinstance(value, BaseModel):
            yield f"{indent}{name}:"
            yield from _lines(value, indent + "  ")
        else:
            about = f"  # {field.description}" if field.description else ""
            yield f"{indent}{name}: {_scalar(plain[name])}{about}"


def _scalar(value: Any) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10_000)
    return text.removesuffix("\n...\n").strip()
