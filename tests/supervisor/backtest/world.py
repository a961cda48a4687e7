"""An engine on markets that a test writes down, and strategies that do what a test says."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from enum import Enum
from typing import Any

import msgspec

from actors.machine import Outputs, Reaction, on
from actors.strategies.own_orders import Ticket
from actors.strategies.strategy import INPUTS, Strategy
from gateways.exchange.simulated_venue import SimulatedVenue
from gateways.exchange.sources.source import BookChange, BookReset, SourceEvent
from gateways.exchange.spec import SyntheticSourceSpec, VenueSpec
from messages.base import NS_MAX
from messages.instruments import Instrument
from messages.market import MarkPrice, Quote, Trade
from messages.orders import Side, TimeInForce
from messages.strategy_host import DrainStrategy, SetTimer
from messages.topics import Channel
from supervisor.backtest.engine import Engine
from supervisor.backtest.strategy_desk import StrategyDesk
from supervisor.backtest.venue_floor import VenueFloor
from tests.gateways.exchange.trading_floor import BALANCES, LINEAR, MS, SPOT, START_NS, VENUE
from tests.support.orders import OPEN_LIMITS

D = Decimal
LATENCY_MS = 5

Script = Callable[["Scripted", Any], Sequence[Any]]
"""What a strategy answers to a message."""


class ScriptedParameters(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    instruments: tuple[str, ...] = (SPOT.id,)
    channels: tuple[Channel, ...] = (Channel.QUOTE,)


class State(Enum):
    LISTENING = "does what the script says"
    DRAINED = "heard that the run ends"


class Scripted(Strategy[State]):
    """:ivar heard: every message in the order of hearing."""

    kind = "scripted"
    parameters_type = ScriptedParameters
    parameters: ScriptedParameters
    initial = State.LISTENING
    terminal = frozenset({State.DRAINED})
    script: Script = staticmethod(lambda _strategy, _message: ())

    def __init__(self, strategy_id: str, instruments: Mapping[str, Instrument], parameters: ScriptedParameters) -> None:
        super().__init__(strategy_id, instruments, parameters)
        self.parameters = parameters
        self.heard: list[Any] = []

    @classmethod
    def instrument_ids(cls, parameters: ScriptedParameters) -> tuple[str, ...]:
        return parameters.instruments

    @classmethod
    def check(cls, parameters: ScriptedParameters, instruments: Mapping[str, Instrument]) -> list[str]:
        return []

    def subscriptions(self) -> tuple[tuple[Channel, str], ...]:
        return tuple((channel, id) for id in self.parameters.instruments for channel in self.parameters.channels)

    @property
    def is_settled(self) -> bool:
        return self.state is State.DRAINED and not self.open_orders

    @property
    def reporting_currency(self) -> str:
        return "USDT"

    def listen(self, message: Any) -> Reaction[State]:
        self.heard.append(message)
        outputs: Outputs = self.script(self, message)
        return State.DRAINED if isinstance(message, DrainStrategy) else self.state, outputs

    transitions = {
        State.LISTENING: dict.fromkeys(INPUTS, on(listen, State.DRAINED)),
        State.DRAINED: dict.fromkeys(INPUTS, on(listen)),
    }

    # --- for scripts --------------------------------------------------------------------------------------------

    def order(self, side: Side, quantity: str, price: str, instrument: str = SPOT.id, **fields: Any) -> Any:
        fields.setdefault("time_in_force", TimeInForce.GTC)
        ticket = Ticket(instrument=instrument, side=side, quantity=D(quantity), price=D(price), **fields)
        return self.own_orders.submit(ticket).request

    def timer(self, name: str, ms: int) -> SetTimer:
        self.own_orders.timers[name] = at(ms)
        return SetTimer(name, at(ms))

    def heard_of(self, *kinds: type) -> list[Any]:
        return [message for message in self.heard if isinstance(message, kinds)]


class World:
    """One venue, any number of strategies, and the time since START_NS in milliseconds.

    :param scripts: what each strategy does, by id.
    """

    def __init__(
        self,
        scripts: Mapping[str, Script],
        *,
        instruments: tuple[Instrument, ...] = (SPOT,),
        channels: tuple[Channel, ...] = (Channel.QUOTE,),
        **fields: Any,
    ) -> None:
        fields = {"latency_ms": float(LATENCY_MS)} | fields
        spec = VenueSpec(VENUE, instruments, BALANCES, SyntheticSourceSpec(), **fields)
        self.floor = VenueFloor(spec, SimulatedVenue(spec), OPEN_LIMITS)
        known = {instrument.id: instrument for instrument in instruments}
        self.strategies: dict[str, Scripted] = {}
        for id, script in scripts.items():
            strategy = Scripted(id, known, ScriptedParameters(tuple(known), channels))
            strategy.script = script  # type: ignore[method-assign]
            self.strategies[id] = strategy
        self.desks = {id: StrategyDesk(strategy, f"test-{id}") for id, strategy in self.strategies.items()}
        self.engine = Engine({VENUE: self.floor}, list(self.desks.values()))

    def run(self, *events: SourceEvent, end_ms: int | None = None, drain_ms: int = 1_000) -> None:
        """From START_NS through these events to the end."""
        self.engine.start(START_NS, NS_MAX if end_ms is None else at(end_ms))
        self.play(events)
        self.engine.drain(self.engine.now_ns + drain_ms * MS)

    def play(self, events: Iterable[SourceEvent]) -> None:
        self.engine.play(((VENUE, event) for event in events), lambda: True)

    def position(self, instrument: str = SPOT.id) -> Decimal:
        """What the venue says."""
        return self.floor.venue.ledger.position(instrument)


def at(ms: int) -> int:
    return START_NS + ms * MS


def since_start(ts_ns: int) -> float:
    """Milliseconds since START_NS."""
    return (ts_ns - START_NS) / MS


def quote(ms: int, bid: float = 99.9, ask: float = 100.1, size: float = 10.0, instrument: str = SPOT.id) -> Quote:
    return Quote(instrument, bid, size, ask, size, at(ms), at(ms))


def trade(ms: int, price: float, size: float, aggressor: Side, instrument: str = SPOT.id) -> Trade:
    return Trade(instrument, price, size, aggressor, str(ms), at(ms), at(ms))


def book(ms: int, bids: Any, asks: Any, instrument: str = SPOT.id) -> BookReset:
    return BookReset(instrument, list(bids), list(asks), ms, at(ms), at(ms))


def change(ms: int, bids: Any = (), asks: Any = (), instrument: str = SPOT.id) -> BookChange:
    return BookChange(instrument, list(bids), list(asks), ms, at(ms), at(ms))


def mark(ms: int, price: float, rate: float, funding_ms: int, instrument: str = LINEAR.id) -> MarkPrice:
    return MarkPrice(instrument, price, price, rate, at(funding_ms), at(ms), at(ms))


def on_quote_number(number: int, answer: Callable[[Scripted], Sequence[Any]]) -> Script:
    """Answer so to one quote, counted from 1, and nothing to all else."""

    def script(strategy: Scripted, message: Any) -> Sequence[Any]:
        if isinstance(message, Quote) and len(strategy.heard_of(Quote)) == number:
            return answer(strategy)
        return ()

    return script


def silent(_strategy: Scripted, _message: Any) -> Sequence[Any]:
    return ()
