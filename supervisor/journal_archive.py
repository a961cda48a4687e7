"""Where the journals of earlier runs go, when the venues that they are about are no more.

Simulated venues live in the exchange process. When that is started anew, nobody holds the positions and orders of which
the old journals tell; they are kept for replay, and every process begins a journal of its own.
"""

import shutil
from pathlib import Path
from typing import Final

RUNS_KEPT_MAX: Final = 10
PREFIX: Final = "run-"


def archive_journals(journal_dir: Path, stamp: str) -> Path | None:
    """Move the journals of the last run to `run-STAMP`, and remove the oldest runs beyond RUNS_KEPT_MAX.

    :param stamp: names the run, in the order of time.
    :returns: where they are now; None where there was none.
    """
    journals = [entry for entry in sorted(journal_dir.iterdir()) if not entry.name.startswith(PREFIX)]
    if not journals:
        return None
    archive = journal_dir / f"{PREFIX}{stamp}"
    archive.mkdir(mode=0o700, exist_ok=True)
    for journal in journals:
        journal.rename(archive / journal.name)
    runs = sorted(entry for entry in journal_dir.iterdir() if entry.name.startswith(PREFIX))
    for run in runs[:-RUNS_KEPT_MAX]:
        shutil.rmtree(run)
    return archive
