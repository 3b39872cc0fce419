"""Where the analyses of a run are kept: `analyses/NAME.json` with its table and its figure beside it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from pydantic import BaseModel, ValidationError

from truthmap.errors import DamagedFileError, RunFolderError
from truthmap.files import atomic_write, read_json, write_json
from truthmap.runs.remote import syncing

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FOLDER = "analyses"

Result = TypeVar("Result", bound=BaseModel)


def write_analysis(folder: Path, name: str, result: BaseModel, table: pd.DataFrame, figure: Figure) -> None:
    """Write a result, its table and its figure (PNG and SVG) into `folder`."""
    from truthmap.figures.canvas import save_figure

    with syncing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        write_table(folder / f"{name}.parquet", table)
        for kind in ("png", "svg"):
            save_figure(figure, folder / f"{name}.{kind}")
        # Last: where the result is, all of it is.
        write_json(folder / f"{name}.json", result.model_dump(mode="json"))


def read_analysis(folder: Path, name: str, kind: type[Result]) -> Result:
    """Read a result back.

    Raises:
        RunFolderError: it was not made yet.
        DamagedFileError: the file does not hold such a result.
    """
    path = folder / f"{name}.json"
    if not path.is_file():
        raise RunFolderError(f"{path} is not there yet; make it with `truthmap {name}`")
    try:
        return kind.model_validate(read_json(path))
    except ValidationError as error:
        raise DamagedFileError(f"{path} is damaged: {error.error_count()} faults; make it again") from error


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table, whole or not at all."""
    with syncing(path), atomic_write(path) as beside:
        table.to_parquet(beside, index=False)


def estimates_table(results: Sequence[BaseModel], estimates: Sequence[str]) -> pd.DataFrame:
    """Return results as a table, a row each; an `Estimate` in the field NAME becomes NAME, NAME_low and NAME_high."""
    import pandas as pd

    rows = []
    for result in results:
        row = result.model_dump(mode="json", exclude=set(estimates))
        for name in estimates:
            estimate = getattr(result, name)
            for field, end in (("value", ""), ("low", "_low"), ("high", "_high")):
                row[f"{name}{end}"] = None if estimate is None else getattr(estimate, field)
        rows.append(row)
    frame: pd.DataFrame = pd.DataFrame(rows)
    return frame


def read_table(path: Path) -> pd.DataFrame:
    """Read a table back.

    Raises:
        DamagedFileError: it is no Parquet file.
    """
    import pandas as pd
    import pyarrow as pa

    try:
        return pd.read_parquet(path)
    except (pa.ArrowException, OSError) as error:
        raise DamagedFileError(f"{path} is damaged ({error}); delete it to have it made again") from error
