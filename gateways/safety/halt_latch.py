"""The file that keeps a cluster halted: written by whoever halts it, looked at by every gateway.

One JSON file, `{"reason", "at_ns", "by", "is_flattening"}`, of mode 0600. That it is there is what counts: one that
cannot be read halts as well, since whoever damaged it may have meant to. Only the supervisor, at the operator's word,
takes it away; and a gateway that sees it go does not trade on before it is told so.
"""

import contextlib
import os
from pathlib import Path
from time import time_ns
from typing import NamedTuple

import msgspec

from gateways.safety.halt_reason import as_reason
from messages.base import ID_LENGTH_MAX, NS_MAX

LATCH_BYTES_MAX = 65_536
"""A longer file is halted by, and not read to its end."""


class HaltNote(msgspec.Struct, frozen=True, kw_only=True):
    """Why a cluster is halted.

    :param reason: at most `halt_reason.REASON_LENGTH_MAX` characters, once it was written or read.
    :param at_ns: since the epoch, by the wall clock of whoever wrote it; 0 where that is not known.
    :param by: the process or person that halted.
    :param is_flattening: gateways close every position, too.
    """

    reason: str
    at_ns: int
    by: str
    is_flattening: bool = False


class LatchStamp(NamedTuple):
    """Tells one writing of the file from another, by one look at it."""

    inode: int
    mtime_ns: int
    size: int


def encode_note(note: HaltNote) -> bytes:
    return msgspec.json.format(msgspec.json.encode(_bounded(note)))


def decode_note(data: bytes) -> HaltNote:
    """The note in the file; what is no such note is a halt for a reason that cannot be read."""
    try:
        return _bounded(msgspec.json.decode(data, type=HaltNote))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:  # no JSON, no UTF-8, or brackets without end
        return HaltNote(reason=as_reason(f"the halt file cannot be read: {error}"), at_ns=0, by="unknown")


def _bounded(note: HaltNote) -> HaltNote:
    """The note as it can be told on; a person may have written anything into the file."""
    at_ns = note.at_ns if 0 <= note.at_ns <= NS_MAX else 0
    by = as_reason(note.by, ID_LENGTH_MAX)
    return msgspec.structs.replace(note, reason=as_reason(note.reason), at_ns=at_ns, by=by)


def stamp(path: Path) -> LatchStamp | None:
    """One look, without reading: None where there is no file."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    except OSError:  # its directory cannot be looked into: nothing that we know of has halted us
        return None
    return LatchStamp(found.st_ino, found.st_mtime_ns, found.st_size)


def read(path: Path) -> HaltNote | None:
    """The note of a set latch; None where it is not set."""
    try:
        with path.open("rb") as file:
            return decode_note(file.read(LATCH_BYTES_MAX))
    except FileNotFoundError:
        return None
    except OSError as error:
        return HaltNote(reason=f"the halt file cannot be read: {error}", at_ns=0, by="unknown")


def set_halt(path: Path, note: HaltNote, *, is_synced: bool = True) -> None:
    """Set the latch; a set one stays as it is, unless this one flattens and that one did not.

    It has another stamp afterwards all the same: who ends an earlier halt does not end this one.

    :param is_synced: False: it outlives the process, but the loss of power only once `sync` was called, too.
    :raises OSError: it could not be written; the processes that were told are halted all the same.
    """
    found = read(path)
    if found is not None and (found.is_flattening or not note.is_flattening) and _touch(path):
        return
    new = path.with_name(f"{path.name}.{os.getpid()}")
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(fd, encode_note(note))
    except OSError:
        new.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)
    new.replace(path)
    if is_synced:
        sync(path)


def _touch(path: Path) -> bool:
    """Give a set latch another stamp. False where it is gone meanwhile."""
    now_ns = time_ns()  # the kernel's own idea of now is coarser
    try:
        os.utime(path, ns=(now_ns, now_ns))
    except FileNotFoundError:
        return False
    except OSError:  # it is there, and that is what counts
        return True
    return True


def sync(path: Path) -> None:
    """Make a set latch outlive the loss of power: a matter of milliseconds, on a slow disk of many."""
    with contextlib.suppress(OSError):  # gone again, or a file system that does not do this
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
    _sync_directory(path.parent)


def clear_halt(path: Path) -> None:
    """Take the latch away; harmless where there is none.

    :raises OSError: it is still there.
    """
    path.unlink(missing_ok=True)
    _sync_directory(path.parent)


def _sync_directory(directory: Path) -> None:
    """Make the name of the file as durable as its bytes."""
    with contextlib.suppress(OSError):  # some file systems do not do this; the file itself is there
        fd = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
