"""Which run the ledger's rows belong to.

Positions are sums over the fills of one run. Simulated venues that are started anew hold nothing of what was traded
before, so a new run begins with them; real venues go on, and so does their run.
"""

import os
import time
from pathlib import Path
from typing import Final

FILE_NAME: Final = "ledger-run"
FILE_MODE: Final = 0o600


def end_run(state_dir: Path) -> None:
    """The run in hand is over; the next one has an id of its own."""
    (state_dir / FILE_NAME).unlink(missing_ok=True)


def known_run(state_dir: Path) -> str:
    """The id of the run in hand; empty where there is none."""
    file = state_dir / FILE_NAME
    return file.read_text().strip() if file.is_file() else ""


def current_run(state_dir: Path, cluster: str) -> str:
    """The id of the run in hand; it is made where there is none yet.

    :raises OSError: it cannot be read or kept.
    """
    if found := known_run(state_dir):
        return found
    file = state_dir / FILE_NAME
    stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime())
    made = f"{cluster}-{stamp}-{os.urandom(2).hex()}"
    beside = file.with_name(f".{FILE_NAME}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(f"{made}\n")
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(file)
    return made
