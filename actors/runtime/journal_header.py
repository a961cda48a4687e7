"""Whose input journal it is: what a replay needs beside the records to make the strategy again."""

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from actors.runtime.journal import JournalError, JournalFailed
from messages.instruments import Instrument

FILE_NAME: Final = "strategy.json"
HEADER_BYTES_MAX: Final = 4_194_304
"""256 instruments, the most of one gateway, have about 0.1 MB."""


class JournalHeader(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The strategy of one journal.

    :param parameters: as the config gave them; decoded into the kind's own struct.
    """

    strategy: str
    kind: str
    parameters: dict[str, Any]  # Any: each kind has a struct of its own
    instruments: tuple[Instrument, ...]


class HeaderUnreadable(JournalError):
    """A folder is no journal of a strategy: its header is missing or is not one."""


_decode: Final = msgspec.json.Decoder(JournalHeader).decode


def write_header(directory: Path, header: JournalHeader) -> None:
    """Write the header beside the segments of a journal, in place of an older one.

    :raises JournalFailed: the disk did not take it.
    """
    beside = directory / f".{FILE_NAME}.{os.getpid()}"
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside.touch(mode=0o600)
        beside.write_bytes(msgspec.json.format(msgspec.json.encode(header)))
        beside.replace(directory / FILE_NAME)
    except OSError as error:
        with suppress(OSError):
            beside.unlink()
        raise JournalFailed(f"journal {directory} cannot be written: {error}; free the disk") from error


def read_header(directory: Path) -> JournalHeader:
    """Whose journal this folder holds.

    :raises HeaderUnreadable: the header is missing, damaged, or of another version.
    """
    file = directory / FILE_NAME
    try:
        with file.open("rb") as opened:
            return _decode(opened.read(HEADER_BYTES_MAX))
    except OSError as error:
        raise HeaderUnreadable(
            f"{directory} is no journal of a strategy: {FILE_NAME} cannot be read: {error.strerror}"
        ) from error
    except (msgspec.MsgspecError, ValueError, ArithmeticError) as error:
        raise HeaderUnreadable(f"{file} is no header of a journal: {error}; restore it from a backup") from error
