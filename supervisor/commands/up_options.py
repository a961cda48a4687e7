"""What the operator asks of one run of a cluster, beside its config."""

from pathlib import Path

import msgspec


class UpOptions(msgspec.Struct, frozen=True):
    """Options of `outcry up`.

    :param for_seconds: stop in good order after so many seconds of trading; None = never.
    :param report: write the report here when the cluster has stopped.
    :param stay: go on when every recorded source is exhausted.
    :param show_status: draw the live status in the terminal.
    """

    for_seconds: float | None = None
    report: Path | None = None
    stay: bool = False
    show_status: bool = True
