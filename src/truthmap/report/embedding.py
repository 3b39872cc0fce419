"""Putting scripts, data and pictures into one page that loads nothing and runs nothing else."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from markupsafe import Markup

from truthmap.text import guard_formula

LARGEST_FILE = 600_000
"""Bytes beyond which a file stays out of the page, however much room there is."""


@dataclass
class Room:
    """The bytes that the page may still take in: so that it stays small whatever the analyses wrote."""

    left: int

    def take(self, size: int) -> bool:
        """Take room for a file of `size` bytes, as base64, if there is enough and the file is not too large."""
        needed = size * 4 // 3
        if size > LARGEST_FILE or needed > self.left:
            return False
        self.left -= needed
        return True


def asset(name: str) -> str:
    """Read a file of the page that comes with the package."""
    return (resources.files("truthmap.report") / "assets" / name).read_text(encoding="utf-8")


def plotly_source() -> str:
    """Return plotly's script as it comes with the plotly package."""
    from plotly.offline import get_plotlyjs

    source: str = get_plotlyjs()
    # A browser reads line ends as \n before it compares the script with its digest.
    return source.replace("\r\n", "\n").replace("\r", "\n")


def bundled_style_ids(source: str) -> list[str]:
    """Name the style sheets that a script adds unless an element of that name stands in the page already.

    Plotly brings one for street maps, which this page has none of.
    """
    return re.findall(r'getElementById\("([0-9a-f]{64})"\)', source)


def inline(source: str) -> Markup:
    """Mark a script or style sheet of our own making as fit to stand within its element."""
    lowered = source.lower()
    assert "</script" not in lowered, "a script must not close its own element"
    assert "<!--" not in lowered, "a script must not open a comment"
    assert "</style" not in lowered, "a style sheet must not close its own element"
    return Markup(source)  # noqa: S704 - our own files and plotly's, never a run's


def content_policy(scripts: Iterable[str], styles: Iterable[str]) -> str:
    """Return the Content-Security-Policy that lets exactly these scripts and styles run and nothing be loaded."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src {' '.join(map(_source_digest, scripts))}",
            f"style-src {' '.join(map(_source_digest, styles))}",
            # Plotly sets the style of its own elements; a style attribute can neither run nor load anything here.
            "style-src-attr 'unsafe-inline'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def script_json(content: Any) -> Markup:
    """Return JSON that can stand in a script element: no character in it can close the element or open another."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return Markup(text)  # noqa: S704 - every character that HTML knows is escaped above


def data_uri(content: bytes, media_type: str) -> str:
    """Return content as a `data:` address."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode('ascii')}"


def table_csv(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> bytes:
    """Return a table as CSV in UTF-8; a text that a spreadsheet would take for a formula gets a `'` in front."""
    file = io.StringIO(newline="")
    writer = csv.writer(file)
    writer.writerow(columns)
    writer.writerows([_guarded(value) for value in row] for row in rows)
    return file.getvalue().encode("utf-8", "replace")


def _guarded(value: Any) -> Any:
    return guard_formula(value) if isinstance(value, str) and not _is_number(value) else value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _source_digest(source: str) -> str:
    digest = hashlib.sha256(source.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
