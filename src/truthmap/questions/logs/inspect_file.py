"""The file of an inspect_ai log, through inspect_ai's own reader, after seeing that it does not unfold without end."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from truthmap.errors import QuestionsError
from truthmap.questions.logs.inspect_log import EPOCHS

ZIPPED, PLAIN = ".eval", ".json"
MOST_FILE = 2 << 30
"""Bytes of a log that is plain JSON, which is read whole."""
MOST_MEMBER = 512 << 20
"""Bytes of one sample."""
MOST_UNPACKED = 32 << 30
"""Bytes of all of them."""
MOST_MEMBERS = 1_000_000
_PIECE = 1 << 20
_STORED, _DEFLATED, _ZSTD = 0, 8, 93
_TAKEN = {"id", "epoch", "input", "target", "choices", "messages", "scores", "error"}


class InspectReading(NamedTuple):
    """How logs are read: what gives the header, and what gives the samples."""

    header: Callable[[str], Any]
    samples: Callable[[str], Iterator[Any]]


def read_inspect(path: Path, reading: InspectReading | None = None) -> Iterator[Mapping[str, Any]]:
    """Yield the samples of a log as plain data, each with how often samples were asked.

    Args:
        path: The log.
        reading: What reads it; by default inspect_ai.

    Raises:
        QuestionsError: the extra `inspect` is not installed, the file is no log, or it unfolds to more than is read.
    """
    reading = reading or _inspect_reading(path)
    require_bounded(path)
    try:
        header = reading.header(str(path.absolute()))
        epochs = header.eval.config.epochs or 1
        for sample in reading.samples(str(path.absolute())):
            yield {**sample.model_dump(mode="json", include=_TAKEN), EPOCHS: epochs}
    except GeneratorExit:
        raise
    except Exception as error:  # whatever the reader and the models behind it raise
        text = " ".join(str(error).split())[:200]
        raise QuestionsError(
            f"{path} cannot be read as a log of inspect_ai: {type(error).__name__}: {text}; if a newer one wrote it: "
            "pip install --upgrade inspect_ai"
        ) from error


def require_bounded(path: Path, most_member: int = MOST_MEMBER, most_unpacked: int = MOST_UNPACKED) -> None:
    """See that a log does not unfold to more than is read, whatever its directory says of its members.

    Args:
        path: The log.
        most_member: Bytes of one sample.
        most_unpacked: Bytes of all of them.

    Raises:
        QuestionsError: it does, or it is no zip file.
    """
    if path.suffix.lower() == PLAIN:
        if path.stat().st_size > MOST_FILE:
            raise QuestionsError(
                f"{path} has {path.stat().st_size:,} bytes, at most {MOST_FILE:,} are read: write .eval"
            )
        return
    try:
        with zipfile.ZipFile(path) as archive, path.open("rb") as file:
            members = archive.infolist()
            if len(members) > MOST_MEMBERS:
                raise QuestionsError(f"{path} has {len(members):,} members, at most {MOST_MEMBERS:,} are read")
            total = 0
            for member in members:
                total += _unpacked(path, file, member, most_member)
                if total > most_unpacked:
                    raise QuestionsError(f"{path} unfolds to more than {most_unpacked:,} bytes")
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
        raise QuestionsError(f"{path} is no log of inspect_ai: {' '.join(str(error).split())[:200]}") from error


def _unpacked(path: Path, file: BinaryIO, member: zipfile.ZipInfo, most: int) -> int:
    """Return how many bytes a member unfolds to, counted a piece at a time."""
    file.seek(member.header_offset)
    head = file.read(30)
    if len(head) < 30 or head[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"{member.filename[:80]!r} does not begin where the directory says")
    file.seek(int.from_bytes(head[26:28], "little") + int.from_bytes(head[28:30], "little"), 1)
    size = 0
    for piece in _unfolded(file, member):
        size += piece
        if size > most:
            raise QuestionsError(f"{path} holds {member.filename[:80]!r}, which unfolds to more than {most:,} bytes")
    return size


def _unfolded(file: BinaryIO, member: zipfile.ZipInfo) -> Iterator[int]:
    """Yield the sizes of the pieces that a member unfolds to, none of them large."""
    left = member.compress_size
    if member.compress_type == _STORED:
        yield left
        return
    if member.compress_type == _ZSTD:
        import zstandard

        with zstandard.ZstdDecompressor().stream_reader(_Part(file, left), closefd=False) as unfolding:
            while piece := unfolding.read(_PIECE):
                yield len(piece)
        return
    if member.compress_type != _DEFLATED:
        raise zipfile.BadZipFile(f"{member.filename[:80]!r} is packed in a way that is not known")
    inflating = zlib.decompressobj(-zlib.MAX_WBITS)
    while left > 0 and not inflating.eof:
        packed = file.read(min(left, _PIECE))
        if not packed:
            raise EOFError("it ends in the middle of a member")
        left -= len(packed)
        while packed and not inflating.eof:
            yield len(inflating.decompress(packed, _PIECE))
            packed = inflating.unconsumed_tail


class _Part:
    """The next bytes of an open file, so many and no more."""

    def __init__(self, file: BinaryIO, left: int) -> None:
        self._file, self._left = file, left

    def read(self, size: int = -1) -> bytes:
        piece = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(piece)
        return piece


def _inspect_reading(path: Path) -> InspectReading:
    try:
        from inspect_ai.log import read_eval_log, read_eval_log_samples
    except ImportError as error:
        raise QuestionsError(
            f"{path} is a log of inspect_ai, which needs the extra inspect: pip install 'truthmap[inspect]'"
        ) from error
    return InspectReading(
        lambda name: read_eval_log(name, header_only=True),
        lambda name: read_eval_log_samples(name, all_samples_required=False, resolve_attachments=True),
    )
