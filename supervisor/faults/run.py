"""One strategy, one fault, two simulated venues, on event time; and what became of it."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

import msgspec

from actors.strategies.registry import KINDS
from actors.strategies.strategy import Strategy
from gateways.exchange.simulated_venue import SimulatedVenue
from gateways.exchange.spec import SyntheticSourceSpec, VenueSpec
from messages.instruments import Instrument, Rounding
from messages.market import Quote
from supervisor.faults.faulty_floor import MS, FaultyFloor
from supervisor.faults.rigs import Rig
from supervisor.faults.scenario import WHILE_HOLDING, Fault, Scenario
from supervisor.faults.stage import Stage

START_NS: Final = 1_700_000_000_000_000_000
LATENCY_MS: Final = 20.0
"""Of both venues; longer than the time between two quotes, so that the market can move while an order is on its way."""
DENSE_MS, DENSE_UNTIL_MS = 10, 4_000
SPARSE_MS, SPARSE_UNTIL_MS = 200, 120_000
HOLDING_MS: Final = 5_000
"""When what is held is struck: long after the entry."""
AWAY_MS: Final = 150
"""How long a market that comes back is away, or thin."""
STEP_ASIDE_RATIO: Final = 0.003
"""By how much a market that comes back moves against an order: 30 basis points."""
MOVE_RATIO: Final = 0.008
"""By how much a market moves that does not come back: more than the edge of the pair."""
SIZE: Final = 1_000.0
STRATEGY: Final = "pair"
_BALANCES: Final = {Fault.REFUSED: {}, Fault.LIQUIDATED: {"USDT": Decimal(600)}}
"""Nothing; and hardly more than the initial margin of 10,000 at 20 times leverage."""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """:param result: of the cycle; `open` where the pair is still held.

    :param residual: base currency that is not hedged, by the venues' own ledgers.
    :param cost: what the whole cycle has lost, all fees included, in quote currency; 0 where it has gained.
    :param failure: why this is not good enough; empty where it is.
    """

    kind: str
    scenario: str
    state: str
    result: str
    residual: Decimal
    cost: Decimal
    loss_budget: Decimal
    orders: int
    repairs: int
    reason: str
    failure: str


class FaultRun:
    """Plays one scenario to its end."""

    def __init__(self, rig: Rig, scenario: Scenario) -> None:
        self.rig = rig
        self.scenario = scenario
        self.target = rig.legs[scenario.leg - 1]
        kind = KINDS[rig.kind]
        parameters = msgspec.convert(rig.parameters, kind.parameters_type)
        self.strategy: Strategy[Any] = kind(STRATEGY, rig.instruments, parameters)
        self.floors = {leg.venue: self._floor(leg) for leg in rig.legs}
        self.stage = Stage(self.strategy, self.floors, START_NS)

    def _floor(self, leg: Instrument) -> FaultyFloor:
        fault = self.scenario.fault if leg is self.target else Fault.NONE
        spec = VenueSpec(
            id=leg.venue,
            instruments=(leg,),
            balances=_BALANCES.get(fault, self.rig.balances[leg.venue]),
            source=SyntheticSourceSpec(),
            latency_ms=LATENCY_MS,
        )
        return FaultyFloor(spec, SimulatedVenue(spec), fault)

    def play(self) -> Outcome:
        self.stage.start()
        strikes = self.scenario.fault in WHILE_HOLDING
        for now_ns in _moments():
            if strikes and now_ns >= START_NS + HOLDING_MS * MS:
                strikes = False
                self.stage.pass_time(now_ns)
                self.stage.tell(self.floors[self.target.venue].strike_holding(now_ns))
            for leg in self.rig.legs:
                self.stage.tell_link(leg.venue)
                self.stage.publish(self._quote(leg, now_ns))
        return self._outcome()

    # --- the market ---------------------------------------------------------------------------------------------

    def _quote(self, leg: Instrument, now_ns: int) -> Quote:
        bid, ask = self.rig.prices[leg.id]
        size = SIZE
        floor, fault = self.floors[leg.venue], self.scenario.fault
        if leg is self.target and floor.struck is not None:
            is_away = now_ns < floor.struck_ns + AWAY_MS * MS
            if fault is Fault.MOVED or (fault is Fault.EXPIRED and is_away):
                move = MOVE_RATIO if fault is Fault.MOVED else STEP_ASIDE_RATIO
                bid, ask = (_moved(leg, price, 1.0 + move * floor.struck.side.sign) for price in (bid, ask))
            elif fault in (Fault.PARTLY, Fault.NEARLY) and is_away:
                size = self._thin(leg, floor.struck.quantity)
        return Quote(leg.id, bid, size, ask, size, now_ns, now_ns)

    def _thin(self, leg: Instrument, ordered: Decimal) -> float:
        """A size that fills less than the other venue's minimum, or leaves less than it."""
        other = next(each for each in self.rig.legs if each is not leg)
        price = self._price(leg)
        base = max(other.base_quantity(other.lot_size, price), other.min_notional / price, leg.min_notional / price)
        small = leg.round_quantity(leg.quantity_of_base(base, price) / 2) or leg.lot_size
        return float(small if self.scenario.fault is Fault.PARTLY else ordered - small)

    def _price(self, leg: Instrument) -> Decimal:
        return Decimal(repr(self.rig.prices[leg.id][0]))

    # --- the end ------------------------------------------------------------------------------------------------

    def _outcome(self) -> Outcome:
        strategy, cycles = self.strategy, self.strategy.cycles
        cost = max(Decimal(0), -strategy.pnl().total)
        residual = self._residual()
        return Outcome(
            kind=self.rig.kind,
            scenario=self.scenario.title,
            state=strategy.state.name,
            result=cycles[0].result.value if cycles else "open",
            residual=residual,
            cost=cost,
            loss_budget=self.rig.loss_budget,
            orders=strategy.own_orders.orders_sent,
            repairs=self.rig.repairs(strategy),
            reason=cycles[0].reason if cycles else "",
            failure="; ".join(self._failures(residual, cost)),
        )

    def _residual(self) -> Decimal:
        total = Decimal(0)
        for leg in self.rig.legs:
            position = self.floors[leg.venue].venue.ledger.position(leg.id)
            total += leg.base_quantity(position, self._price(leg))
        return total

    def _failures(self, residual: Decimal, cost: Decimal) -> Iterator[str]:
        strategy = self.strategy
        if not strategy.own_orders.orders_sent:
            yield "it did not trade"
        if not strategy.is_settled or strategy.state.name == "HALTED":
            yield f"it has not come to rest: {strategy.state.name}"
        for leg in self.rig.legs:
            ours, theirs = strategy.ledger.position(leg.id), self.floors[leg.venue].venue.ledger.position(leg.id)
            if ours != theirs:
                yield f"its books have {ours} {leg.id}, the venue's {theirs}"
        if abs(residual) > self._residual_max():
            yield f"{residual} is not hedged"
        if cost > self.rig.loss_budget:
            yield f"it cost {cost}"

    def _residual_max(self) -> Decimal:
        """The larger minimum of the two venues, and a step of each: less than that cannot be traded away."""
        least = Decimal(0)
        steps = Decimal(0)
        for leg in self.rig.legs:
            least = max(least, leg.min_notional / self._price(leg))
            steps += leg.base_quantity(leg.lot_size, self._price(leg))
        return least + steps


def _moved(leg: Instrument, price: float, ratio: float) -> float:
    return float(leg.round_price(price * ratio, Rounding.NEAREST))


def _moments() -> Iterator[int]:
    """When the venues quote: densely at first, then now and then."""
    for ms in range(DENSE_MS, DENSE_UNTIL_MS, DENSE_MS):
        yield START_NS + ms * MS
    for ms in range(DENSE_UNTIL_MS, SPARSE_UNTIL_MS, SPARSE_MS):
        yield START_NS + ms * MS
