"""The environment and the switch of faults that come from within a process (`at_points/sitecustomize.py`)."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PATCH_DIR = Path(__file__).parent / "at_points"


@contextmanager
def patched(**variables: str) -> Iterator[tuple[dict[str, str], Path]]:
    """Yields the environment for the cluster, and the file that switches the fault on while it exists."""
    with tempfile.TemporaryDirectory(prefix="oc-switch-") as name:
        switch = Path(name) / "on"
        path = os.pathsep.join(filter(None, [str(PATCH_DIR), os.environ.get("PYTHONPATH", "")]))
        yield {"PYTHONPATH": path, "OUTCRY_KILL_WHILE": str(switch), **variables}, switch
