"""The entry point of `outcry`. The commands are loaded inside of it, so that Ctrl-C while they load is no traceback."""

import sys
from typing import NoReturn

from supervisor.commands.exit_codes import INTERRUPTED


def main() -> None:
    """The `outcry` command."""
    try:
        from supervisor.commands.app import app  # noqa: PLC0415  # it takes a moment, in which Ctrl-C may come

        app()
    except KeyboardInterrupt:
        _end_interrupted()
    except SystemExit as ended:
        if ended.code == INTERRUPTED:
            _end_interrupted()
        raise


def _end_interrupted() -> NoReturn:
    print("interrupted", file=sys.stderr)
    sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
