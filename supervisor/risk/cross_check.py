"""The gateways' word on what is held, against the book of their drop copies; the worse of the two counts. Pure.

A gateway says with each lease request how many records its journal has. When the book has as many, both speak of the
same moment and must agree to the last digit; while records are on their way, nothing is compared.
"""

from collections.abc import Iterable
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from messages.base import DECIMAL_MAX
from messages.from_child import DropCopy
from messages.risk import LeaseRequest, LeaseUse
from supervisor.ledger.entries import LedgerOpened, RecordsApplied
from supervisor.ledger.holding import PositionKey
from supervisor.risk.copy_book import CopyBook
from supervisor.risk.loads import Sides

NS_PER_S: Final = 1_000_000_000
MISMATCH_NS: Final = 2 * NS_PER_S
"""Book and gateway must have differed for so long, with no copy on its way, before anything is said of it."""
BEHIND_NS: Final = 30 * NS_PER_S
"""A drop copy that lacks records for so long is told of once."""
ZERO: Final = Decimal(0)


class Difference(NamedTuple):
    """:param since_ns: monotonic clock of the first comparison that found it."""

    booked: Decimal
    reported: Decimal
    since_ns: int

    @property
    def excess(self) -> Decimal:
        """Signed: what the book has more."""
        return self.booked - self.reported


class _Reports:
    """What one gateway tells.

    :ivar last: its last word; :ivar awaited: the one that is compared when the book has as many records.
    :ivar behind_ns: since when the book has lacked records of it; None where it lacks none.
    """

    def __init__(self) -> None:
        self.last: LeaseRequest | None = None
        self.awaited: LeaseRequest | None = None
        self.behind_ns: int | None = None
        self.is_told = False
        self.is_new = True  # the next word is that of another process, with another clock

    @property
    def uses(self) -> dict[tuple[str, str], LeaseUse]:
        return {} if self.last is None else _uses(self.last)


class CrossCheck:
    """:ivar differences: of positions that book and gateway disagreed on when they were compared last."""

    def __init__(self, book: CopyBook, gateways: Iterable[str]) -> None:
        self.book = book
        self.differences: dict[PositionKey, Difference] = {}
        self._reports = {name: _Reports() for name in gateways}

    def began(self, gateway: str) -> None:
        """Another process of this gateway speaks: what it has journaled may be less, and its clock another one."""
        reports = self._reports[gateway]
        reports.is_new, reports.awaited = True, None

    def reported(self, request: LeaseRequest, now_ns: int) -> None:
        """A gateway tells what is held of its leases."""
        reports = self._reports.get(request.process)
        if reports is None or _is_older(request, reports):
            return
        reports.last, reports.is_new = request, False
        if reports.awaited is None or reports.awaited.recorded > request.recorded:
            reports.awaited = request
        self._compare_due(reports, now_ns, is_fresh=True)

    def copied(self, copy: DropCopy, now_ns: int) -> None:
        """Records arrive: where they reach the moment that a report speaks of, the two are compared there."""
        reports = self._reports.get(copy.process)
        if reports is None:
            return
        if reports.awaited is not None:
            self.book.copied(copy, up_to=reports.awaited.recorded)
            self._compare_due(reports, now_ns)
        self.book.copied(copy)
        self._note_behind(reports, now_ns)

    def opened(self, news: LedgerOpened, now_ns: int) -> None:
        """The ledger tells what it holds."""
        self.book.opened(news)
        self._catch_up(now_ns)

    def applied(self, news: RecordsApplied, now_ns: int) -> None:
        """The ledger has committed records."""
        self.book.applied(news)
        self._catch_up(now_ns)

    def counted(self, gateway: str) -> tuple[LeaseUse, ...]:
        """What is held at a gateway: by the last report, or by the book where that is worse; for each side."""
        if gateway not in self._reports:
            return ()
        uses, held = self._reports[gateway].uses, self.book.of_gateway(gateway)
        keys = dict.fromkeys([*uses, *((key.strategy, key.instrument) for key in held)])
        counted = (self._worse(PositionKey(gateway, *key), uses.get(key)) for key in keys)
        return tuple(use for use in counted if use is not None)

    def is_sound(self, strategy: str) -> bool:
        """Whether the book has all that was told of a strategy's positions, and nothing contradicts it."""
        if not self.book.is_open or any(key.strategy == strategy for key in self.differences):
            return False
        gateways = {key.gateway for key in self.book.of_strategy(strategy)}
        return all(self._reports[name].behind_ns is None for name in gateways if name in self._reports)

    def lasting(self, now_ns: int) -> dict[PositionKey, Difference]:
        """Differences that have lasted longer than it takes to say so."""
        return {key: found for key, found in self.differences.items() if now_ns - found.since_ns >= MISMATCH_NS}

    def far_behind(self, now_ns: int) -> dict[str, tuple[int, int]]:
        """Gateways whose drop copy has lacked records for long: how many the book has, and of how many. Told once."""
        found = {}
        for name, reports in self._reports.items():
            late = reports.behind_ns is not None and now_ns - reports.behind_ns >= BEHIND_NS
            if late and self.book.is_open and not reports.is_told and reports.last is not None:
                reports.is_told = True
                found[name] = (self.book.number(name), reports.last.recorded)
        return found

    # --- comparing ----------------------------------------------------------------------------------------------

    def _catch_up(self, now_ns: int) -> None:
        for reports in self._reports.values():
            self._compare_due(reports, now_ns)

    def _compare_due(self, reports: _Reports, now_ns: int, *, is_fresh: bool = False) -> None:
        """Compare with the report that is waited for, if the book has as many records as it speaks of.

        :param is_fresh: it comes now. If the book has more than it speaks of, the journal has lost its end; a book that
            has gone past it meanwhile waits for the next one.
        """
        awaited = reports.awaited
        if not self.book.is_open or awaited is None:
            return
        number = self.book.number(awaited.process)
        if number >= awaited.recorded:
            reports.awaited = None
            if number == awaited.recorded or is_fresh:
                self._compare(awaited, now_ns)
        self._note_behind(reports, now_ns)

    def _compare(self, report: LeaseRequest, now_ns: int) -> None:
        uses, held = _uses(report), self.book.of_gateway(report.process)
        keys = {PositionKey(report.process, *key) for key in uses} | held.keys()
        for key in keys:
            use = uses.get((key.strategy, key.instrument))
            booked = held[key].quantity if key in held else ZERO
            told = ZERO if use is None else use.position
            before = self.differences.pop(key, None)
            if booked != told:
                self.differences[key] = Difference(booked, told, before.since_ns if before else now_ns)

    def _note_behind(self, reports: _Reports, now_ns: int) -> None:
        is_behind = reports.last is not None and self.book.number(reports.last.process) < reports.last.recorded
        if not is_behind:
            reports.behind_ns, reports.is_told = None, False
        elif reports.behind_ns is None:
            reports.behind_ns = now_ns

    def _worse(self, key: PositionKey, use: LeaseUse | None) -> LeaseUse | None:
        held, found = self.book.held.get(key), self.differences.get(key)
        booked = max(-DECIMAL_MAX, min(held.quantity, DECIMAL_MAX)) if held else ZERO
        excess = found.excess if found else ZERO
        if use is None:
            if not booked:
                return None
            use = LeaseUse(key.strategy, key.instrument, ZERO, ZERO, ZERO, ZERO, ZERO)
        if booked == use.position and not excess:
            return use
        book = Sides(max(booked, ZERO), max(-booked, ZERO))
        more = Sides(max(excess, ZERO), max(-excess, ZERO))
        # Open orders come on top of what the book has; sells that close what is reported may open a short by the book.
        long_held, short_held = _with(Sides(use.long_held, use.short_held), more).or_more(book)
        long_used, short_used = _with(Sides(use.long_used, use.short_used), more).or_more(book)
        return msgspec.structs.replace(
            use,
            position=booked if abs(booked) > abs(use.position) else use.position,
            long_held=long_held, short_held=short_held, long_used=long_used, short_used=short_used,
        )  # fmt: skip


def _with(sides: Sides, more: Sides) -> Sides:
    return Sides(min(sides.long + more.long, DECIMAL_MAX), min(sides.short + more.short, DECIMAL_MAX))


def _is_older(request: LeaseRequest, reports: _Reports) -> bool:
    last = reports.last
    return last is not None and not reports.is_new and request.asked_mono_ns < last.asked_mono_ns


def _uses(request: LeaseRequest) -> dict[tuple[str, str], LeaseUse]:
    return {(use.strategy, use.instrument): use for use in request.uses}
