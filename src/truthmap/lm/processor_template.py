"""The chat template that a model which sees keeps beside its tokenizer, in a file of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from truthmap.errors import ModelError

_FILE = "chat_template.json"
_LARGEST = 1 << 20  # bytes


def processor_template(source: str, **options: Any) -> str | None:
    """Return the chat template in `chat_template.json`, where processors had theirs; `None` where there is none.

    Args:
        source: What transformers loads: a folder or a hub id.
        options: As for the tokenizer: revision, and whether only files that are here may be read.

    Raises:
        ModelError: the file does not hold a template.
    """
    from transformers.utils.hub import cached_file

    known = {name: options[name] for name in ("revision", "local_files_only") if name in options}
    path = cached_file(
        source,
        _FILE,
        _raise_exceptions_for_gated_repo=False,
        _raise_exceptions_for_missing_entries=False,
        _raise_exceptions_for_connection_errors=False,
        **known,
    )
    if path is None:
        return None
    if Path(path).stat().st_size > _LARGEST:
        raise ModelError(f"{_FILE} of {source} is too large for a chat template; take the model's own file")
    said = json.loads(Path(path).read_text(encoding="utf-8"))
    template = said.get("chat_template") if isinstance(said, dict) else None
    if not isinstance(template, str):
        raise ModelError(f"{_FILE} of {source} holds no chat_template; expected what a processor saves there")
    return template
