"""The lines of recorded CSV files, gzip or plain, and errors that say where and what to do."""

import gzip
import zlib
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TypeVar

from gateways.exchange.sources.source import SourceError
from messages.base import NS_MAX

LINE_BYTES_MAX = 65_536
"""A snapshot of 50 levels a side with all its flows has about 10 kB."""

GZIP_MAGIC = b"\x1f\x8b"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

RowT = TypeVar("RowT")


def parsed_rows(file: Path, owner: str, parse: Callable[[str], RowT | None]) -> Iterator[RowT]:
    """Parse a file line by line; blank lines and those that `parse` gives None for are left out.

    :param owner: whose recording it is, in words; for errors.
    :param parse: raises ValueError for a line that is wrong.
    :raises SourceError: the file cannot be read, a line is wrong, or there is no row at all.
    """
    number, rows = 0, 0
    try:
        for number, line in enumerate(_lines(file), 1):
            if not line.strip():
                continue
            row = _parsed(line, f"recording {file} of {owner}, line {number}", parse)
            if row is not None:
                rows += 1
                yield row
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(
            f"recording {file} of {owner} cannot be read after line {number}: {error}; fetch the file again"
        ) from error
    if not rows:
        raise SourceError(f"recording {file} of {owner} has no rows; fetch the file again or leave it out")


def check_files(files: Iterable[str], owner: str) -> tuple[Path, ...]:
    """The paths of a feed's files.

    :raises SourceError: there are none, or one is not there.
    """
    paths = tuple(Path(name) for name in files)
    if not paths:
        raise SourceError(f"a recorded feed of {owner} names no files; expected at least one")
    missing = [str(path) for path in paths if not path.is_file()]
    if missing:
        raise SourceError(
            f"recorded file {', '.join(missing)} of {owner} does not exist; correct the path or fetch the data"
        )
    return paths


def in_order(ts_ns: int, last_ns: int) -> int:
    """Check that a time comes after the one before.

    :raises ValueError: it does not, or is outside the range of times.
    """
    if not max(last_ns, 0) < ts_ns <= NS_MAX:
        raise ValueError(f"time {ts_ns} is not after {last_ns}, the one before")
    return ts_ns


def epoch_ns(time: datetime) -> int:
    """Nanoseconds since the epoch of a time that knows its offset from UTC; exact."""
    since_epoch = time - _EPOCH
    return (since_epoch.days * 86_400 + since_epoch.seconds) * 1_000_000_000 + since_epoch.microseconds * 1_000


def _lines(file: Path) -> Iterator[bytes]:
    with file.open("rb") as raw:
        is_packed = raw.read(len(GZIP_MAGIC)) == GZIP_MAGIC
    with gzip.open(file, "rb") if is_packed else file.open("rb") as opened:
        yield from iter(partial(opened.readline, LINE_BYTES_MAX), b"")


def _parsed(line: bytes, place: str, parse: Callable[[str], RowT | None]) -> RowT | None:
    try:
        return parse(line.decode("utf-8-sig").rstrip("\r\n"))
    except ValueError as error:
        raise SourceError(
            f"{place} is malformed: {error}; leave the line out, or give the files in the order of their recording"
        ) from error
