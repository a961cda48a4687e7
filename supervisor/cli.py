"""The entry point of `outcry`. The commands are loaded inside of it, so that Ctrl-C while they load is no traceback."""

import sys
from typing import Final

INTERRUPTED: Final = 130
"""As shells report a command that ended by SIGINT."""


def main() -> None:
    """The `outcry` command."""
    try:
        from supervisor.commands import app  # noqa: PLC0415  # it takes a moment, in which Ctrl-C may come

        app()
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
