"""The stretch of market time that a backtest covers, as the operator states it."""

import datetime
from typing import Final

import msgspec

from messages.base import NS_MAX

NS_PER_S: Final = 1_000_000_000
SYNTHETIC_START_NS: Final = 1_767_225_600 * NS_PER_S
"""2026-01-01T00:00:00Z: when a synthetic market begins unless it is told."""

_EPOCH: Final = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)


class PeriodError(Exception):
    """A period cannot be used: what is wrong with it, and what to give instead."""


class Period(msgspec.Struct, frozen=True):
    """From one moment (included) to another (not included), nanoseconds since the epoch.

    :param from_ns: None: from the first event; a synthetic market begins at SYNTHETIC_START_NS.
    :param to_ns: None: to the end of the data, or `for_ns` after the beginning.
    """

    from_ns: int | None = None
    to_ns: int | None = None
    for_ns: int | None = None

    @property
    def is_open(self) -> bool:
        """Whether only the data themselves can end it."""
        return self.to_ns is None and self.for_ns is None

    def end_ns(self, start_ns: int) -> int:
        """The end of a run that starts at this time; NS_MAX where the data end it."""
        if self.to_ns is not None:
            return self.to_ns
        return NS_MAX if self.for_ns is None else start_ns + self.for_ns


def parse_period(start: str | None, end: str | None, seconds: float | None) -> Period:
    """Read a period from the words of the operator.

    :raises PeriodError: a moment cannot be read, the end is stated twice, or it is not after the beginning.
    """
    if end is not None and seconds is not None:
        raise PeriodError("the end is stated twice, by --to and by --for; leave one of them out")
    from_ns, to_ns = _parse(start, "--from"), _parse(end, "--to")
    if from_ns is not None and to_ns is not None and to_ns <= from_ns:
        raise PeriodError(f"--to {end} is not after --from {start}")
    return Period(from_ns, to_ns, None if seconds is None else round(seconds * NS_PER_S))


def iso(ns: int) -> str:
    """A moment in ISO 8601, UTC, to the nanosecond."""
    seconds, rest = divmod(ns, NS_PER_S)
    moment = _EPOCH + datetime.timedelta(seconds=seconds)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{rest:09d}Z"


def _parse(text: str | None, option: str) -> int | None:
    """A date or a date and time; UTC where it states no offset."""
    if text is None:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise PeriodError(f"{option} {text!r} is not a time; expected 2024-08-08 or 2024-08-08T23:55:00Z") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    since_epoch = moment - _EPOCH
    ns = (since_epoch.days * 86_400 + since_epoch.seconds) * NS_PER_S + since_epoch.microseconds * 1_000
    if not 0 <= ns <= NS_MAX:
        raise PeriodError(f"{option} {text!r} is out of range; expected a time from 1970 to 2262")
    return ns
