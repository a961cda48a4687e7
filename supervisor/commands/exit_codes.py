"""How `outcry` ends: a contract. This file is loaded before anything else of the commands, and imports nothing."""

from typing import Final

OK, FAILED, BAD_USAGE, NOT_RUNNING, ALREADY_RUNNING = range(5)
INTERRUPTED: Final = 130
"""As shells report a command that ended by SIGINT."""

EXIT_CODES: Final = (
    "Exit codes: 0 done; 1 failed, stopped by force, or a strategy ended quarantined or faulted; "
    "2 bad config or usage; 3 not running; 4 already running; 130 interrupted by Ctrl-C."
)
