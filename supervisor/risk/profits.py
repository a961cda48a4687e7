"""What each strategy has earned, as its losses are measured: by the drop copies, by its own word, or the worse. Pure.

Nobody is left out because a process is dead, stopped or still recovering: what is held goes on to lose.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Final

from messages.from_child import ProcessKind
from messages.health import Lifecycle, StrategyStatus
from messages.instruments import Instrument
from supervisor.floor import Floor
from supervisor.risk import losses
from supervisor.risk.booked import booked_profit
from supervisor.risk.cross_check import CrossCheck
from supervisor.risk.records import LossRecord
from supervisor.risk.valuation import Valuation

CLUSTER: Final = ""
"""The subject that stands for all strategies together."""
ZERO: Final = Decimal(0)
_INCOMPLETE: Final = frozenset({Lifecycle.STARTING, Lifecycle.RECOVERING})


class Profits:
    """:param records: what losses are measured from, by strategy; kept up to date here.
    :param on_moved: is told of a strategy that is measured by another yardstick from now on.
    :ivar missing: why a strategy could not be measured when it was looked at last, in words.
    """

    def __init__(
        self,
        floor: Floor,
        positions: CrossCheck,
        valuation: Valuation,
        instruments: Mapping[str, Instrument],
        *,
        records: dict[str, LossRecord],
        on_moved: Callable[[str], None],
    ) -> None:
        self.missing: dict[str, str] = {}
        self._floor = floor
        self._positions = positions
        self._valuation = valuation
        self._instruments = instruments
        self._records = records
        self._on_moved = on_moved

    def subjects(self) -> list[str]:
        """Every strategy of the cluster, and whoever else holds or has lost anything."""
        return list(dict.fromkeys(self._subjects()))

    def word(self, strategy: str) -> StrategyStatus | None:
        """The last word of a strategy whose books were complete."""
        status = self._floor.telemetry.strategy_statuses.get(strategy)
        return None if status is None or status.lifecycle in _INCOMPLETE else status

    def measure(self, strategy: str, day: int) -> Decimal | None:
        """Take what it has earned into its record.

        :param day: days since the epoch (UTC).
        :returns: the profit in the reporting currency; None where nobody can tell it now.
        """
        self.missing.pop(strategy, None)
        told = self._told(strategy)
        profit = self._by_book(strategy, day) if told is None or not self._lives(strategy) else None
        if profit is None and told is not None:
            self._begin(strategy, told, day)
            profit = self._judged(strategy, told)
        if profit is None:
            if strategy in self._records or self._positions.book.of_strategy(strategy):
                self.missing.setdefault(strategy, "neither it nor the drop copies of its gateways can tell")
            return None
        self.missing.pop(strategy, None)
        self._records[strategy] = losses.measured(self._records[strategy], profit, day)
        return profit

    def add_up(self, day: int) -> None:
        """Take what all of them have earned into the record of the portfolio."""
        total = sum((record.last for name, record in self._records.items() if name), ZERO)
        if self._records:
            self._records[CLUSTER] = losses.measured(self._records.get(CLUSTER), total, day)

    # --- helpers ------------------------------------------------------------------------------------------------

    def _subjects(self) -> Iterator[str]:
        yield from (child.plan.strategy for child in self._floor.of_kind(ProcessKind.STRATEGY))
        yield from (key.strategy for key in self._positions.book.held)
        yield from (name for name in self._records if name != CLUSTER)

    def _lives(self, strategy: str) -> bool:
        """Whether its last word is that of its present process."""
        child, status = self._floor.children.get(strategy), self.word(strategy)
        return child is not None and status is not None and child.is_alive and status.epoch == child.epoch

    def _told(self, strategy: str) -> Decimal | None:
        """The profit by its own word, in the reporting currency; None: no word, or a currency of unknown worth."""
        status, total = self.word(strategy), ZERO
        for pnl in status.pnls if status else ():
            rate = self._valuation.rate(pnl.currency) if pnl.total else ZERO
            if rate is None:
                self.missing[strategy] = f"no worth of {pnl.currency} is known"
                return None
            total += pnl.total * rate
        return total if status else None

    def _booked(self, strategy: str) -> Decimal | None:
        return booked_profit(self._positions.book, strategy, self._instruments, self._valuation)

    def _begin(self, strategy: str, profit: Decimal, day: int) -> None:
        """Measure its losses from here, where it is new: what it had before is no gain or loss of the portfolio."""
        if strategy in self._records:
            return
        if CLUSTER in self._records:
            self._records[CLUSTER] = losses.joined(self._records[CLUSTER], profit)
        self._records[strategy] = losses.measured(None, profit, day)

    def _judged(self, strategy: str, told: Decimal) -> Decimal:
        """By the drop copies, where they can tell. :param told: by the strategy."""
        booked, is_sound = self._booked(strategy), self._positions.is_sound(strategy)
        if booked is not None and is_sound:
            record, moved = losses.booked(self._records[strategy], booked, told)
            self._move(strategy, record, moved)
        return losses.profit_by(self._records[strategy], booked, told, is_sound=is_sound)

    def _by_book(self, strategy: str, day: int) -> Decimal | None:
        """By the drop copies alone, while nobody has a word; None where they cannot tell.

        A book that is in doubt makes nothing better than it was.
        """
        is_known = strategy in self._records or bool(self._positions.book.of_strategy(strategy))
        booked = self._booked(strategy) if is_known else None
        if booked is None:
            return None
        if not self._positions.is_sound(strategy):
            record = self._records.get(strategy)
            return min(booked, record.last) if record is not None and record.is_booked else None
        self._begin(strategy, booked, day)
        record, moved = losses.booked_alone(self._records[strategy], booked)
        self._move(strategy, record, moved)
        return booked

    def _move(self, strategy: str, record: LossRecord, moved: Decimal) -> None:
        """It is measured by another yardstick from now on, and so is its part of the portfolio."""
        self._records[strategy] = record
        if moved:
            self._records[CLUSTER] = losses.shifted(self._records.get(CLUSTER, LossRecord()), moved)
            self._on_moved(strategy)
