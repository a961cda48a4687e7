"""The log of a process: JSON lines, which never keep anybody from trading."""

import contextlib
import logging
from io import TextIOBase
from os import write
from typing import Final, TextIO, cast

import structlog

STANDARD_ERROR_FD: Final = 2


class LossyStream(TextIOBase):
    """A stream to a file descriptor: what cannot be written is lost.

    The log is mostly on the disk that the journals are on. When that is full, orders are denied and cancels still go,
    and neither may fail because it could not be logged.
    """

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def writable(self) -> bool:
        return True

    def write(self, text: str, /) -> int:
        with contextlib.suppress(OSError):
            write(self._fd, text.encode(errors="backslashreplace"))
        return len(text)


def configure_logging(fd: int = STANDARD_ERROR_FD) -> None:
    """Log JSON lines to a descriptor; standard error, by default, which the supervisor has led to the process's log.

    pykka reports what went wrong outside of a handler (in `on_start`, say) through the standard library.
    """
    stream = LossyStream(fd)
    logging.basicConfig(stream=stream, level=logging.WARNING, force=True)
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.JSONRenderer(default=str),
        ],
        logger_factory=structlog.WriteLoggerFactory(cast(TextIO, stream)),
    )
