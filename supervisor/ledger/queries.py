"""What people ask of the ledger. Amounts are Decimals: no database sums them, SQLite would round them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, Table, and_, func, or_, select

from supervisor.ledger.audit_chain import AuditRow, Broken, first_broken
from supervisor.ledger.books import average_price
from supervisor.ledger.ledger import audit_head_key
from supervisor.ledger.schema import audit, fills, meta, orders, pnl, positions, runs

Row = dict[str, Any]  # Any: as the columns are

READ_ROWS: int = 1_000
"""Rows of the audit in memory while its chain is checked."""


@dataclass(frozen=True)
class Wanted:
    """Which rows; empty or None leaves a bound out.

    :param instrument: an instrument id, or a symbol at any gateway.
    :param since_ns: from this moment on; `until_ns` before that one. Nanoseconds since the epoch.
    :param last: the newest so many.
    """

    run: str = ""
    strategy: str = ""
    gateway: str = ""
    instrument: str = ""
    since_ns: int | None = None
    until_ns: int | None = None
    last: int | None = None


def newest_run(connection: Connection, cluster: str) -> tuple[str, str]:
    """Id and cluster of the run that began last: of this cluster, or of any where the name is empty. Empty: none."""
    query = select(runs.c.run, runs.c.cluster).order_by(runs.c.started_ns.desc(), runs.c.run.desc()).limit(1)
    if cluster:
        query = query.where(runs.c.cluster == cluster)
    found = connection.execute(query).one_or_none()
    return ("", cluster) if found is None else (found.run, found.cluster)


def order_rows(connection: Connection, wanted: Wanted) -> list[Row]:
    """Orders by the time of their creation, with the average price of their fills."""
    rows = _rows(connection, orders, orders.c.created_ns, wanted)
    for row in rows:
        row["average_price"] = average_price(row["filled"], row.pop("filled_value"))
    return rows


def fill_rows(connection: Connection, wanted: Wanted) -> list[Row]:
    return _rows(connection, fills, fills.c.ts_ns, wanted)


def position_rows(connection: Connection, wanted: Wanted) -> list[Row]:
    """What is held now; flat positions are left out."""
    shown = [column for column in positions.c if column is not positions.c.account]  # older ledgers lack that one
    query = select(*shown).where(_condition(positions, wanted))
    query = query.order_by(positions.c.strategy, positions.c.instrument)
    return [dict(row) for row in connection.execute(query).mappings() if row["quantity"]]


def pnl_rows(connection: Connection, wanted: Wanted) -> list[Row]:
    """The newest sample of each strategy and currency; all samples where a time or a number of them is wanted."""
    if (wanted.since_ns, wanted.until_ns, wanted.last) == (None, None, None):
        keys = (pnl.c.run, pnl.c.strategy, pnl.c.currency)
        newest = select(*keys, func.max(pnl.c.ts_ns).label("ts_ns")).group_by(*keys).subquery()
        is_newest = and_(*(pnl.c[name] == newest.c[name] for name in ("run", "strategy", "currency", "ts_ns")))
        query = select(pnl).join(newest, is_newest).where(_condition(pnl, wanted))
        found = connection.execute(query.order_by(pnl.c.strategy, pnl.c.currency)).mappings()
        rows = [dict(row) for row in found]
    else:
        rows = _rows(connection, pnl, pnl.c.ts_ns, wanted)
    for row in rows:
        row["total"] = row["realised"] + row["unrealised"] - row["fees"] + row["funding"]
    return rows


def audit_rows(connection: Connection, cluster: str, wanted: Wanted) -> list[Row]:
    """The audit by its numbers; of all runs, unless one is wanted."""
    conditions = [audit.c.cluster == cluster, *_times(audit.c.ts_ns, wanted)]
    if wanted.run:
        conditions.append(audit.c.run == wanted.run)
    if wanted.strategy:
        conditions.append(audit.c.subject == wanted.strategy)
    return _newest(connection, select(audit).where(*conditions), audit.c.number, wanted.last)


def verify_audit(connection: Connection, cluster: str) -> tuple[int, str, Broken | None]:
    """Check the whole chain. :returns: number and hash of its newest row, and the first row that is broken."""
    head = connection.execute(select(meta.c.value).where(meta.c.key == audit_head_key(cluster))).scalar_one_or_none()
    number, _, digest = (head or "0 ").partition(" ")
    rows = starmap(AuditRow, _audit(connection, cluster))
    return int(number), digest, first_broken(rows, None if head is None else (int(number), digest))


def _audit(connection: Connection, cluster: str) -> Iterator[Sequence[Any]]:  # Any: as the columns are
    query = select(audit).where(audit.c.cluster == cluster).order_by(audit.c.number)
    yield from connection.execution_options(yield_per=READ_ROWS).execute(query)


def _rows(connection: Connection, table: Table, time: ColumnElement[int], wanted: Wanted) -> list[Row]:
    query = select(table).where(_condition(table, wanted), *_times(time, wanted))
    return _newest(connection, query, time, wanted.last)


def _newest(connection: Connection, query: Select[Any], order: ColumnElement[int], last: int | None) -> list[Row]:
    query = query.order_by(order.desc())
    found = connection.execute(query if last is None else query.limit(last)).mappings()
    return [dict(row) for row in found][::-1]


def _condition(table: Table, wanted: Wanted) -> ColumnElement[bool]:
    columns = table.c
    conditions: list[ColumnElement[bool]] = [columns.run == wanted.run]
    if wanted.strategy:
        conditions.append(columns.strategy == wanted.strategy)
    if wanted.gateway and "gateway" in columns:
        conditions.append(columns.gateway == wanted.gateway)
    if wanted.instrument and "instrument" in columns:
        symbol = columns.instrument.startswith(f"{wanted.instrument}.", autoescape=True)
        conditions.append(or_(columns.instrument == wanted.instrument, symbol))
    return and_(*conditions)


def _times(time: ColumnElement[int], wanted: Wanted) -> list[ColumnElement[bool]]:
    bounds = []
    if wanted.since_ns is not None:
        bounds.append(time >= wanted.since_ns)
    if wanted.until_ns is not None:
        bounds.append(time < wanted.until_ns)
    return bounds
