"""When a process began, as the kernel counts it: by the ticks since the boot, which no setting of the clock moves.

A start time in seconds since the epoch is no name of a process: it is reckoned from the wall clock as it is now, so
that a step of that clock would make every process another one.
"""

from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")

_START_TICKS: Final = 19
"""Field 22 of `/proc/PID/stat`, counted from the third, which follows the name: that may hold blanks and brackets."""


def birth_of(pid: int, proc: Path = PROC) -> str:
    """What, with its pid, names a process over every boot and clock: `BOOT_ID:TICKS`.

    :returns: empty where the system does not tell, or there is no such process.
    """
    try:
        boot_id = (proc / "sys" / "kernel" / "random" / "boot_id").read_text().strip()
        stat = (proc / str(pid) / "stat").read_bytes()
        ticks = int(stat.rpartition(b")")[2].split()[_START_TICKS])
    except (OSError, ValueError, IndexError):
        return ""
    return f"{boot_id}:{ticks}" if boot_id else ""
