"""A strategy between its venues, on event time, where links can be cut: the smallest loop that plays a fault.

Unlike a backtest it lets market data, reports and the word of a link each be lost or late. What a strategy answers is
done before the next thing, and a venue's effects come before timers of the same instant.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any, Final

from actors.runtime.timers import Timers
from actors.strategies.strategy import Strategy
from messages.base import NS_MAX
from messages.gateway_link import VenueDown, VenueUp
from messages.market import Quote
from messages.orders import CancelOrder, SubmitOrder
from messages.strategy_host import Alert, CancelTimer, RecoveryCompleted, SetTimer, StrategyStarted
from supervisor.faults.faulty_floor import FaultyFloor

STEPS_MAX: Final = 100_000
"""Effects and timers between two quotes; more is a strategy that answers itself without end."""


class Stage:
    """:param floors: by venue id.

    :ivar alerts: what the strategy wanted a person to know.
    """

    def __init__(self, strategy: Strategy[Any], floors: Mapping[str, FaultyFloor], now_ns: int) -> None:
        self.strategy = strategy
        self.floors = floors
        self.alerts: list[str] = []
        self._now_ns = now_ns
        self._timers = Timers()
        self._untold: deque[Any] = deque()
        self._links = dict.fromkeys(floors, True)

    def start(self) -> None:
        id = self.strategy.strategy_id
        self.tell([StrategyStarted(id, 1, f"f-{id}", self._now_ns), RecoveryCompleted({}, (), self._now_ns)])

    def tell(self, messages: Iterable[Any]) -> None:
        """Tell the strategy, do what it answers, and tell it what came of that at once."""
        self._untold.extend(messages)
        while self._untold:
            for output in self.strategy.on_message(self._untold.popleft()):
                self._do(output)

    def publish(self, quote: Quote) -> None:
        """Let time pass to a quote, and show it; at the venue alone while the link is lost."""
        self.pass_time(quote.ts_received)
        floor = self._floor(quote.instrument)
        reports = [output for output in floor.venue.on_market(quote) if output is not quote]
        told = floor.take(reports, quote.ts_received)  # type: ignore[arg-type]  # a quote alone is market data here
        self.tell([*told, quote] if floor.is_up else told)

    def pass_time(self, until_ns: int) -> None:
        for _ in range(STEPS_MAX):
            due_ns = min(self._floor_due_ns(), NS_MAX if self._timers.next_ns is None else self._timers.next_ns)
            if due_ns > until_ns:
                self._now_ns = until_ns
                return
            self._now_ns = max(self._now_ns, due_ns)
            self._step()
        raise RuntimeError(f"{self.strategy.strategy_id} answers itself without end at {self._now_ns} ns")

    def _step(self) -> None:
        for venue, floor in self.floors.items():
            if floor.due_ns is not None and floor.due_ns <= self._now_ns:
                self.tell(floor.advance(self._now_ns))
            self.tell_link(venue)
        fired = self._timers.pop_due(self._now_ns)
        if fired is not None:
            self.tell([fired])

    def tell_link(self, venue: str) -> None:
        """Tell of a link that was lost or is back."""
        is_up = self.floors[venue].is_up
        if is_up is not self._links[venue]:
            self._links[venue] = is_up
            self.tell([VenueUp(venue, self._now_ns) if is_up else VenueDown(venue, "link lost", self._now_ns)])

    def _floor_due_ns(self) -> int:
        return min(NS_MAX if floor.due_ns is None else floor.due_ns for floor in self.floors.values())

    def _do(self, output: Any) -> None:
        if isinstance(output, SubmitOrder):
            self._untold.extend(self._floor(output.instrument).submit(output, self._now_ns))
        elif isinstance(output, CancelOrder):
            self._untold.extend(self._floor(output.instrument).cancel(output, self._now_ns))
        elif isinstance(output, SetTimer):
            self._timers.set(output.name, output.at_ns)
        elif isinstance(output, CancelTimer):
            self._timers.cancel(output.name)
        else:
            assert isinstance(output, Alert), f"{type(output).__name__} is not for a host"
            self.alerts.append(output.text)

    def _floor(self, instrument: str) -> FaultyFloor:
        return self.floors[self.strategy.instruments[instrument].venue]
