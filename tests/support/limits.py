"""Real limits of the operating system on this process, for a moment: a full disk, no more descriptors."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from actors.runtime.journal import segment_files


@contextmanager
def _limited(kind: int, soft: int) -> Iterator[None]:
    before = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(kind, before)


@contextmanager
def files_no_longer_than(size_bytes: int) -> Iterator[None]:
    """A write beyond this size is cut short and the next one refused (EFBIG), as on a disk that is full (ENOSPC)."""
    with _limited(resource.RLIMIT_FSIZE, size_bytes):
        yield


@contextmanager
def no_new_files() -> Iterator[None]:
    """No file can be opened (EMFILE); those that are open still work."""
    with _limited(resource.RLIMIT_NOFILE, 0):
        yield


@contextmanager
def disk_full_behind(journal_dir: Path) -> Iterator[list[Any]]:
    """No room for one more byte of this journal. Yields what is logged, since the tests' own output is a file, too."""
    size = segment_files(journal_dir)[-1].stat().st_size
    with capture_logs() as logs, files_no_longer_than(size):
        yield logs
