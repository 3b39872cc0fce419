"""The file study.yaml of a run: its settings and whatever else it was made from, sealed by a digest."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from truthmap.errors import DamagedFileError
from truthmap.files import AnyPath, digest_of, read_regular, write_text
from truthmap.plain_yaml import read_yaml, write_yaml

_SEAL = "seal"
"""Under this name stands the digest of the rest of the file."""
_MOST = 1 << 18
_ANEW = "the same `truthmap run` with --update writes it anew and keeps what was made with its settings"


def read_settings(path: AnyPath, sealed_format: int) -> dict[str, Any]:
    """Return what study.yaml says; a file of another format than this one need have no seal.

    Raises:
        FileNotFoundError: there is none.
        DamagedFileError: it is not the YAML that a run writes, or not as it was written.
    """
    try:
        content = read_yaml(read_regular(path, _MOST).decode("utf-8"))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DamagedFileError(f"{path} is damaged: it is not YAML ({reason}); {_ANEW}") from error
    if not isinstance(content, dict) or not isinstance(content.get("settings"), dict):
        raise DamagedFileError(f"{path} is damaged: expected a mapping with `settings`; {_ANEW}")
    seal = content.pop(_SEAL, None)
    if content.get("format") == sealed_format and seal != _seal_of(content):
        raise DamagedFileError(f"{path} is damaged or was edited: it is not as it was written; {_ANEW}")
    return content


def write_settings(path: AnyPath, content: Mapping[str, Any]) -> None:
    """Write study.yaml with its seal."""
    plain = read_yaml(write_yaml(dict(content)))
    write_text(path, write_yaml({**plain, _SEAL: _seal_of(plain)}))


def _seal_of(content: Mapping[str, Any]) -> str:
    try:
        return digest_of(content)
    except (TypeError, ValueError, RecursionError):  # what YAML can say and a run never writes, a date for one
        return ""
