"""Real limits of the operating system on this process, for a moment: a full disk, no more descriptors."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager


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
