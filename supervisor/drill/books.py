"""What the journals of a cluster say of its orders and fills: the gateways' and the strategies' side of each."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

from actors.runtime.input_journal import InputChannel, read_steps
from actors.runtime.journal import read_journal
from gateways.intent_log import IntentChannel
from messages.codec import FROM_GATEWAY, TO_GATEWAY
from messages.orders import (
    Fill,
    OrderAccepted,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    SubmitOrder,
    is_forced,
    is_venue_made,
)

GATEWAY_PREFIX, STRATEGY_PREFIX = "gateway-", "strategy-"


class FillKey(NamedTuple):
    """What names one fill of one strategy."""

    strategy: str
    instrument: str
    trade_id: str


class GatewayBooks(NamedTuple):
    """One intent journal.

    :param intents: how often each client order id was about to be sent.
    :param taken: ids that the venue has acknowledged, filled or ended: of which it made an order.
    :param fills: how often each fill was passed on.
    :param positions: what the fills come to, by strategy and instrument, without fees taken in what was bought.
    """

    intents: Counter[str]
    taken: frozenset[str]
    fills: Counter[FillKey]
    positions: Mapping[tuple[str, str], Decimal] = {}


def gateway_books(journal_dir: Path) -> dict[str, GatewayBooks]:
    """The books of every gateway, by its id, from the journals of a cluster that has ended."""
    return {
        folder.name.removeprefix(GATEWAY_PREFIX): _books(folder) for folder in _folders(journal_dir, GATEWAY_PREFIX)
    }


def strategy_fills(journal_dir: Path) -> Counter[FillKey]:
    """How often every strategy was told each fill."""
    return Counter(
        _key(step.message)
        for folder in _folders(journal_dir, STRATEGY_PREFIX)
        for step in read_steps(folder)
        if step.channel is InputChannel.EXECUTION and isinstance(step.message, Fill)
    )


def _books(folder: Path) -> GatewayBooks:
    intents: Counter[str] = Counter()
    taken: set[str] = set()
    fills: Counter[FillKey] = Counter()
    positions: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for channel, payload in read_journal(folder):
        if channel == IntentChannel.INTENT:
            request = TO_GATEWAY.decode(payload)
            if isinstance(request, SubmitOrder):
                intents[request.client_order_id] += 1
        elif channel == IntentChannel.REPORT:
            report = FROM_GATEWAY.decode(payload)
            if isinstance(report, OrderAccepted | OrderClosed) or _is_of_order(report):
                taken.add(report.client_order_id)  # type: ignore[union-attr]  # all of them have one
            if isinstance(report, Fill):
                fills[_key(report)] += 1
                positions[report.strategy, report.instrument] += report.side.sign * report.quantity
    return GatewayBooks(intents, frozenset(taken), fills, positions)


def _is_of_order(report: object) -> bool:
    """Whether it is a fill of an order of ours, and not one that the venue forced on us."""
    return isinstance(report, Fill) and not is_venue_made(report.client_order_id)


def _key(fill: Fill) -> FillKey:
    """A forced fill is shared out among strategies, each with a part of it under the same trade id."""
    trade = f"{fill.client_order_id}:{fill.trade_id}" if is_forced(fill.client_order_id) else fill.trade_id
    return FillKey(fill.strategy, fill.instrument, trade)


def _folders(journal_dir: Path, prefix: str) -> list[Path]:
    return sorted(folder for folder in journal_dir.iterdir() if folder.is_dir() and folder.name.startswith(prefix))


def orders_of(journal_dir: Path, gateway: str) -> Iterator[SubmitOrder]:
    """Every order that a gateway was about to send, oldest first."""
    for channel, payload in read_journal(journal_dir / f"{GATEWAY_PREFIX}{gateway}"):
        if channel == IntentChannel.INTENT:
            request = TO_GATEWAY.decode(payload)
            if isinstance(request, SubmitOrder):
                yield request


def increasing_orders(journal_dir: Path, gateway: str, from_ns: int, to_ns: int) -> list[str]:
    """Ids of the orders decided in this time that could have increased the position of their strategy.

    An oracle of its own: an order increases a position that ends farther from 0 with all of its side filled.
    """
    positions: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    working: dict[str, tuple[SubmitOrder, Decimal]] = {}
    found = []
    for channel, payload in read_journal(journal_dir / f"{GATEWAY_PREFIX}{gateway}"):
        if channel == IntentChannel.INTENT:
            order = TO_GATEWAY.decode(payload)
            if isinstance(order, SubmitOrder):
                held = positions[order.strategy, order.instrument]
                if from_ns <= order.ts_created <= to_ns and _increases(order, held, working.values()):
                    found.append(order.client_order_id)
                working[order.client_order_id] = (order, order.quantity)
        elif channel == IntentChannel.REPORT:
            report = FROM_GATEWAY.decode(payload)
            if isinstance(report, Fill):
                positions[report.strategy, report.instrument] += report.side.sign * report.quantity
                if report.client_order_id in working:
                    order, left = working[report.client_order_id]
                    working[report.client_order_id] = (order, left - report.quantity)
            elif isinstance(report, OrderClosed | OrderRejected | OrderDenied):
                working.pop(report.client_order_id, None)
    return found


def _increases(order: SubmitOrder, held: Decimal, working: Iterable[tuple[SubmitOrder, Decimal]]) -> bool:
    same = sum(
        (
            left
            for other, left in working
            if (other.strategy, other.instrument, other.side) == (order.strategy, order.instrument, order.side)
        ),
        Decimal(0),
    )
    return abs(held + order.side.sign * (same + order.quantity)) > abs(held)
