"""The repairs of one cycle: how many were tried, what they cost, and what the next one would be."""

from enum import Enum

import msgspec

from actors.strategies.own_orders import Ticket
from actors.strategies.pair.commands import PairParameters
from actors.strategies.pair.orders import PairOrders
from actors.strategies.pair.position import PairPosition
from actors.strategies.pair.repair import Repair, RepairKind, repairs
from actors.strategies.pair.sizing import BPS
from messages.order_lifecycle import Order


class NoRepair(Enum):
    TOO_MANY = "the attempts are used up"
    TOO_DEAR = "even the cheaper repair is beyond the loss budget"
    NO_MARKET = "no fresh market to repair in"


class NextRepair(msgspec.Struct, frozen=True):
    repair: Repair
    ticket: Ticket


class RepairAttempts:
    """:ivar kinds: of the repairs that have filled anything. :ivar spent: in quote currency, as estimated.

    :ivar exit_basis_bps: as the last `Turn` told it; none: by the parameters.
    """

    def __init__(self, position: PairPosition, orders: PairOrders, parameters: PairParameters) -> None:
        self.position = position
        self.orders = orders
        self.parameters = parameters
        self.exit_basis_bps: float | None = None
        self.begin()

    def begin(self) -> None:
        self.count = 0
        self.spent = 0.0
        self.kinds: set[RepairKind] = set()
        self._pending: tuple[Order, Repair] | None = None

    def available(self) -> list[Repair]:
        """What could be sent now, the cheapest first."""
        usable = (self.orders.is_usable(0), self.orders.is_usable(1))
        found = repairs(self.position.legs, self.position.holdings(), usable, self._exit_basis_bps())
        return [repair for repair in found if repair.kind is RepairKind.UNWIND] if self.position.must_unwind else found

    def _exit_basis_bps(self) -> float:
        if self.exit_basis_bps is not None:
            return self.exit_basis_bps
        expected_bps = self.parameters.exit_basis_bps
        return -expected_bps if self.position.is_turned else expected_bps

    def next(self) -> NextRepair | NoRepair:
        """The next attempt: at the touch, given away by a slippage that grows with the attempts but not past what
        is left of the loss budget.
        """
        if self.count >= self.parameters.repair_attempts_max:
            return NoRepair.TOO_MANY
        found = self.available()
        if not found:
            return NoRepair.NO_MARKET
        best, budget = found[0], self.parameters.loss_budget - self.spent
        if best.cost > budget:
            return NoRepair.TOO_DEAR
        leg = self.position.legs[best.leg]
        base = leg.instrument.base_quantity(best.quantity, self.position.holdings().reference)
        value = float(base) * leg.view.touch(best.side) * leg.rate
        room_bps = (budget - max(best.cost, 0.0)) / value * BPS
        slippage_bps = min(self.parameters.slippage_bps_max * (self.count + 1), room_bps)
        return NextRepair(best, self.orders.capped((best.leg, best.side, best.quantity), slippage_bps))

    def last_resort(self) -> NextRepair:
        """What can be sent now, whatever it costs, at the wide limit of an emergency; rather closing than opening."""
        best = min(self.available(), key=lambda repair: repair.kind is RepairKind.COMPLETE)
        wanted = (best.leg, best.side, best.quantity)
        return NextRepair(best, self.orders.capped(wanted, self.parameters.flatten_slippage_bps))

    def sent(self, repair: Repair, order: Order) -> None:
        self.count += 1
        self._pending = (order, repair)

    def account(self) -> None:
        """The attempt has ended: what it filled is what it cost."""
        if self._pending is None:
            return
        order, repair = self._pending
        self._pending = None
        if order.filled_quantity:
            self.kinds.add(repair.kind)
            self.spent += max(0.0, repair.cost) * float(order.filled_quantity / order.request.quantity)
