"""How a gateway is doing, for its supervisor: gathered from its parts."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from gateways.gate.trading_states import TradingStates
from gateways.order_desk import OrderDesk
from messages.health import GatewayStatus
from messages.order_lifecycle import OrderState

NS_PER_MS: Final = 1_000_000
LEASE_LEFT_MS_MAX: Final = 1e9


class Around(NamedTuple):
    """What a desk does not know of itself.

    :ivar balances: by currency, as the venue told them last.
    :ivar published: messages of market data.
    :ivar lease_left_ns: until the leases end.
    :ivar mismatches: where the venue's word and our books differ.
    """

    balances: Mapping[str, Decimal]
    published: int
    lease_left_ns: int
    mismatches: tuple[str, ...]


def gateway_status(venue: str, desk: OrderDesk, states: TradingStates, around: Around) -> GatewayStatus:
    """The status of one gateway as it stands."""
    records, open_orders = desk.records, desk.records.open_orders()
    return GatewayStatus(
        id=venue,
        is_venue_up=desk.is_venue_up,
        is_halted=states.halt_reason is not None,
        open_orders=len(open_orders),
        orders=desk.counts,
        positions=records.positions(),
        balances=dict(around.balances),
        published=around.published,
        tick_to_order={strategy: histogram.summary() for strategy, histogram in desk.latency.items()},
        holdings=records.holdings(),
        trading_state=states.gateway.state,
        strategy_states={name: ruling.state for name, ruling in states.strategies.items()},
        lease_left_ms=min(around.lease_left_ns / NS_PER_MS, LEASE_LEFT_MS_MAX),
        unknown_orders=sum(order.state is OrderState.UNKNOWN for order in open_orders),
        denials=dict(desk.denials),
        mismatches=around.mismatches,
        budgets=desk.budgets,
    )
