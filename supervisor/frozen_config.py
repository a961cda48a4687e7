"""The config of a running cluster, as it was when the cluster was started: a file in the state directory.

Every supervisor of the cluster reads that, and not the operator's file, which may have been edited or broken since.
Variables stay in the text as they were written: what they stand for, such as a password, is in nobody's file.
"""

import os
from pathlib import Path
from typing import Final

from supervisor.config import ConfigText
from supervisor.paths import ClusterPaths

FILE_NAME: Final = "config.toml"
"""In the directory of the specs, all others of which are JSON."""
_MODE: Final = 0o600


def freeze(paths: ClusterPaths, config: ConfigText) -> Path:
    """Keep a config that was checked; returns the file, which is replaced as a whole.

    :raises OSError: it cannot be written.
    """
    file = paths.specs_dir / FILE_NAME
    beside = file.with_name(f".{FILE_NAME}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, _MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as opened:
        os.fchmod(descriptor, _MODE)
        opened.write(config.text)
        opened.flush()
        os.fsync(descriptor)
    beside.replace(file)
    return file
