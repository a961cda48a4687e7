"""Whether the ledger holds what happened: orders, fills and positions as the venues' own books, commands, audit."""

from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, select

from messages.operator import HaltRequest, SetPriorityRequest
from messages.order_lifecycle import OPEN_STATES, OrderState
from messages.orders import is_forced
from supervisor.ledger import engine
from supervisor.ledger.queries import verify_audit
from supervisor.ledger.schema import audit, commands, fills, orders, positions
from tests.simulation.cluster import Cluster
from tests.simulation.ledger import CLUSTER_NAME

ZERO: Final = Decimal(0)
AUDITED: Final = {"halt": HaltRequest, "priority": SetPriorityRequest}
"""What is audited once for each request that was carried out."""


def ledger_differences(cluster: Cluster) -> list[str]:
    """Where the ledger differs from what happened; nothing where none is kept."""
    if not cluster.is_booked:
        return []
    state_dir = cluster.paths.state_dir
    reader = engine.make_engine(engine.parse_url(engine.default_url(state_dir), state_dir), is_writer=False)
    try:
        with reader.connect() as connection:
            return [f"ledger: {text}" for text in _differences(cluster, connection)]
    finally:
        reader.dispose()


def _differences(cluster: Cluster, connection: Connection) -> Iterator[str]:
    for name in cluster.gateways:
        venue = cluster.venues.get(name)
        if venue is not None:
            yield from _orders(connection, name, venue)
            yield from _fills(connection, name, venue)
            yield from _positions(connection, name, venue, cluster.actor(name))
    if not cluster.is_spool_broken:
        yield from _commands(cluster, connection)
        yield from _audit(cluster, connection)


def _rows(connection: Connection, table: Any, gateway: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(select(table).where(table.c.gateway == gateway)).mappings()]


def _orders(connection: Connection, gateway: str, venue: Any) -> Iterator[str]:
    entered = {row["client_order_id"]: row for row in _rows(connection, orders, gateway)}
    for id in venue.seen:
        if id not in entered:
            yield f"order {id} reached {gateway} and is not entered"
    for id, order in venue._orders._orders.items():
        row = entered.get(id)
        if row is None:
            continue
        if row["filled"] != order.filled:
            yield f"order {id} at {gateway}: filled {order.filled}, entered {row['filled']}"
        is_open, is_entered_open = id in venue._orders.open_orders, OrderState[row["state"].upper()] in OPEN_STATES
        if is_open != is_entered_open:
            yield f"order {id} at {gateway} is {'' if is_open else 'not '}open, entered as {row['state']}"


def _fills(connection: Connection, gateway: str, venue: Any) -> Iterator[str]:
    theirs = Counter(
        (fill.trade_id, fill.client_order_id, fill.price, fill.quantity, fill.fee)
        for order in venue._orders._orders.values()
        for fill in order.fills
    )
    ours = Counter(
        (row["trade_id"], row["client_order_id"], row["price"], row["quantity"], row["fee"])
        for row in _rows(connection, fills, gateway)
        if row["client_order_id"] in venue.seen or is_forced(row["client_order_id"])
    )
    for fill, times in (theirs - ours).items():
        yield f"fill {fill[0]} of {gateway} is missing {times} times"
    for fill, times in (ours - theirs).items():
        yield f"fill {fill[0]} of {gateway} is entered {times} times too often"


def _positions(connection: Connection, gateway: str, venue: Any, actor: Any) -> Iterator[str]:
    sums: dict[str, Decimal] = {}
    own: dict[tuple[str, str], Decimal] = {}
    for row in _rows(connection, positions, gateway):
        sums[row["instrument"]] = sums.get(row["instrument"], ZERO) + row["quantity"]
        own[row["strategy"], row["instrument"]] = row["quantity"]
    for instrument in venue.instrument_ids:
        if sums.get(instrument, ZERO) != venue.ledger.position(instrument):
            yield f"position {instrument}: venue {venue.ledger.position(instrument)}, entered {sums.get(instrument, 0)}"
    if actor is not None and hasattr(actor, "_desk"):
        for strategy, held in actor._desk.records.holdings().items():
            for instrument, size in held.items():
                if own.get((strategy, instrument), ZERO) != size:
                    yield f"position {instrument} of {strategy}: {size}, entered {own.get((strategy, instrument), 0)}"


def _commands(cluster: Cluster, connection: Connection) -> Iterator[str]:
    entered = {row.command_id: row.outcome for row in connection.execute(select(commands))}
    for name, errand in cluster.operator.errands.items():
        if errand.is_over and entered.get(name) != type(errand.answer).__name__:
            yield f"command {name} was answered {type(errand.answer).__name__}, entered {entered.get(name)}"


def _audit(cluster: Cluster, connection: Connection) -> Iterator[str]:
    kinds = Counter(row.kind for row in connection.execute(select(audit)))
    operator = cluster.operator
    for kind, request in AUDITED.items():
        times = sum(
            isinstance(errand.request, request) and name in operator.done for name, errand in operator.errands.items()
        )
        if kinds[kind] != times:
            yield f"audit: {kind} {kinds[kind]} times, done {times} times"
    _, _, broken = verify_audit(connection, CLUSTER_NAME)
    if broken is not None:
        yield f"audit: the chain is broken: {broken}"
