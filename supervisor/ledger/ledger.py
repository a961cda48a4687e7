"""The ledger's database, open for writing: entries in, one transaction a batch.

Each record of a drop copy is entered once: its number is kept in the transaction that enters it. Whatever may have been
interrupted is simply sent again.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Column, Connection, Table, select
from sqlalchemy.engine import URL
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from messages.from_child import DropCopy
from messages.instruments import Instrument
from messages.orders import FundingPaid
from supervisor.ledger.audit_chain import AuditRow, canonical_json, chained
from supervisor.ledger.books import Books, FillKey, FundingKey, OrderKey, Row
from supervisor.ledger.engine import failed, make_engine, prepare
from supervisor.ledger.entries import (
    Audited,
    CashSampled,
    CommandAnswered,
    Entry,
    Extract,
    IncidentNoted,
    PnlSampled,
    Spooled,
    Stamped,
)
from supervisor.ledger.errors import EntryRefused, LedgerDown
from supervisor.ledger.holding import Holding, PositionKey, holding_of
from supervisor.ledger.schema import (
    audit,
    cash,
    commands,
    cursors,
    fills,
    fundings,
    incidents,
    insert_new,
    meta,
    orders,
    pnl,
    positions,
    runs,
    upsert,
)

KEYS_MAX: Final = 500
"""Of one query; a database takes a bounded number of parameters."""

KNOWN_TOLD_MAX: Final = 4_096
"""Of the newest fills and fundings each, by which a repetition of one is known without asking the database."""

CONTENT_CHARACTERS_MAX: Final = 4_000
"""Of a record that could not be entered, in the incident that tells so."""


class Ledger:
    """:param run: what is entered belongs to it; made by `begin`.
    :param instruments: of all gateways, by instrument id.
    :ivar entered: what is held now of all that the last batch has moved, and what has moved it.
    """

    def __init__(self, url: URL, cluster: str, run: str, instruments: Mapping[str, Instrument]) -> None:
        self._engine = make_engine(url, is_writer=True)
        self._dialect = self._engine.dialect.name
        self._cluster = cluster
        self._run = run
        self._instruments = instruments
        self.entered = Extract()

    def begin(self, now_ns: int) -> dict[str, int]:
        """Make the tables and the run, where they are not there yet.

        :returns: by gateway, the number of the last record of this run.
        :raises LedgerTooNew: a newer version of the project has written it. :raises LedgerDown: it does not answer.
        """
        try:
            prepare(self._engine)
            with self._engine.begin() as connection:
                row = {"run": self._run, "cluster": self._cluster, "started_ns": now_ns}
                connection.execute(insert_new(runs, self._dialect), [row])
                return self._cursors(connection)
        except SQLAlchemyError as error:
            raise LedgerDown(str(failed(self._engine, error))) from error

    def extract(self) -> Extract:
        """What is held in this run, and its newest fills and fundings.

        :raises LedgerDown: try again.
        """
        try:
            with self._engine.connect() as connection:
                mine = select(positions).where(positions.c.run == self._run)
                held = [dict(row) for row in connection.execute(mine).mappings()]
                paid = self._newest(connection, fundings)
                done = self._newest(connection, fills)
        except SQLAlchemyError as error:
            raise LedgerDown(str(failed(self._engine, error))) from error
        known: list[FillKey | FundingKey] = [*map(_funding_key, paid), *map(_fill_key, done)]
        return Extract({_key(row): _holding(row) for row in held}, tuple(known))

    def _newest(self, connection: Connection, table: Table) -> list[Row]:
        query = select(table).where(table.c.run == self._run).order_by(table.c.ts_ns.desc()).limit(KNOWN_TOLD_MAX)
        return [dict(row) for row in connection.execute(query).mappings()][::-1]

    def write(self, batch: Sequence[Stamped]) -> dict[str, int]:
        """Enter a batch, all of it or nothing.

        A drop copy that does not follow the last record of its gateway is left out; it comes again.

        :returns: for the gateways of the batch, the number of the last record.
        :raises LedgerDown: try again. :raises EntryRefused: something in the batch cannot be entered.
        """
        self.entered = Extract()
        try:
            with self._engine.begin() as connection:
                # Another supervisor of this run, which should be dead, waits here.
                connection.execute(select(runs.c.run).where(runs.c.run == self._run).with_for_update()).one()
                copies = [entry for _, entry in batch if isinstance(entry, DropCopy)]
                applied = self._enter_copies(connection, copies) if copies else {}
                self._enter_others(connection, batch)
                return applied
        except (IntegrityError, DataError) as error:
            raise EntryRefused(str(failed(self._engine, error))) from error
        except DBAPIError as error:
            self._engine.dispose()
            raise LedgerDown(str(failed(self._engine, error))) from error
        except StatementError as error:  # a value that does not fit its column
            raise EntryRefused(str(failed(self._engine, error))) from error
        except SQLAlchemyError as error:
            raise LedgerDown(str(failed(self._engine, error))) from error

    def pass_over(self, copy: DropCopy, reason: str, ts_ns: int) -> dict[str, int]:
        """Note a drop copy that cannot be entered as an incident, and go on behind it.

        :raises LedgerDown: try again.
        """
        last = copy.first + len(copy.records) - 1
        text = f"records {copy.first} to {last} of {copy.process} cannot be entered: {reason}"
        content = canonical_json({"records": copy.records})[:CONTENT_CHARACTERS_MAX]
        try:
            with self._engine.begin() as connection:
                self.entered = Extract()
                self._enter_incidents(connection, ts_ns, [IncidentNoted(copy.process, text, {"content": content})])
                row = {"run": self._run, "gateway": copy.process, "number": last}
                connection.execute(upsert(cursors, self._dialect), [row])
        except SQLAlchemyError as error:
            raise LedgerDown(str(failed(self._engine, error))) from error
        return {copy.process: last}

    def spooled(self, spool: str) -> int:
        """The number of the last entry of a spool that is in the database.

        :raises LedgerDown: try again.
        """
        try:
            with self._engine.connect() as connection:
                return self._spooled(connection, spool)
        except SQLAlchemyError as error:
            raise LedgerDown(str(failed(self._engine, error))) from error

    def close(self) -> None:
        self._engine.dispose()

    # --- drop copies --------------------------------------------------------------------------------------------

    def _enter_copies(self, connection: Connection, copies: Sequence[DropCopy]) -> dict[str, int]:
        before = self._cursors(connection)
        applied = {copy.process: before.get(copy.process, 0) for copy in copies}
        news: list[tuple[str, Any]] = []  # Any: the records of a drop copy
        for copy in copies:
            records = unseen(copy, applied[copy.process])
            applied[copy.process] += len(records)
            news += [(copy.process, record) for record in records]
        if news:
            books = Books(self._instruments)
            self._load(connection, books, news)
            for gateway, record in news:
                books.apply(gateway, record)
            self._store(connection, books)
            held = {key: books.positions[key] for key in books.moved}
            known = [_fill_key(row) for row in books.new_fills], [_funding_key(row) for row in books.new_fundings]
            self.entered = Extract(held, (*known[0], *known[1]))
            rows = [{"run": self._run, "gateway": name, "number": number} for name, number in applied.items()]
            self._insert(connection, upsert, cursors, rows)
        return applied

    def _cursors(self, connection: Connection) -> dict[str, int]:
        found = connection.execute(select(cursors.c.gateway, cursors.c.number).where(cursors.c.run == self._run))
        return {row.gateway: row.number for row in found}

    def _load(self, connection: Connection, books: Books, news: Iterable[tuple[str, Any]]) -> None:
        """Put into the books what is entered already of all that the records are about."""
        ids: defaultdict[str, set[str]] = defaultdict(set)
        paid: defaultdict[str, set[str]] = defaultdict(set)
        for gateway, record in news:
            if isinstance(record, FundingPaid):
                paid[gateway].add(record.funding_id)
            else:
                ids[gateway].add(record.client_order_id)
        for gateway, names in ids.items():
            for row in self._rows_of(connection, orders.c.client_order_id, gateway, names):
                books.orders[OrderKey(gateway, row["client_order_id"])] = row
            for row in self._rows_of(connection, fills.c.client_order_id, gateway, names):
                books.fills.add(_fill_key(row))
        for gateway, names in paid.items():
            for row in self._rows_of(connection, fundings.c.funding_id, gateway, names):
                books.fundings.add(_funding_key(row))
        for gateway in {*ids, *paid}:
            mine = (positions.c.run == self._run) & (positions.c.gateway == gateway)
            for held in connection.execute(select(positions).where(mine)).mappings():
                row = dict(held)
                books.positions[_key(row)] = _holding(row)

    def _rows_of(
        self, connection: Connection, column: Column[str], gateway: str, names: Iterable[str]
    ) -> Iterator[Row]:
        table = column.table
        for some in _portions(sorted(names)):
            mine = (table.c.run == self._run) & (table.c.gateway == gateway) & column.in_(some)
            for row in connection.execute(select(table).where(mine)).mappings():
                yield dict(row)

    def _store(self, connection: Connection, books: Books) -> None:
        self._insert(connection, upsert, orders, books.order_rows())
        self._insert(connection, insert_new, fills, books.new_fills)
        self._insert(connection, insert_new, fundings, books.new_fundings)
        self._insert(connection, upsert, positions, books.position_rows())

    # --- everything else ----------------------------------------------------------------------------------------

    def _enter_others(self, connection: Connection, batch: Iterable[Stamped]) -> None:
        """Enter the rest of a batch, by kinds; the audit keeps its order."""
        of_type: defaultdict[type, list[tuple[int, Any]]] = defaultdict(list)
        for ts_ns, entry in self._unspooled(connection, batch):
            of_type[type(entry)].append((ts_ns, entry))
        of_type.pop(DropCopy, None)
        for kind, found in of_type.items():
            if kind is Audited:
                self._enter_audit(connection, found)
            elif kind is IncidentNoted:
                for ts_ns, noted in found:
                    self._enter_incidents(connection, ts_ns, [noted])
            else:
                table, rows = _ROWS[kind]
                self._insert(connection, upsert, table, [row for ts, entry in found for row in rows(ts, entry)])

    def _unspooled(self, connection: Connection, batch: Iterable[Stamped]) -> Iterator[Stamped]:
        """The batch without what the database has from the spool already."""
        last: dict[str, int] = {}
        for stamped in batch:
            if not isinstance(stamped.entry, Spooled):
                yield stamped
                continue
            spool, number, entry = stamped.entry
            if number > (last[spool] if spool in last else self._spooled(connection, spool)):
                last[spool] = number
                yield Stamped(stamped.ts_ns, entry)
        if last:
            rows = [{"key": spool_key(spool), "value": str(number)} for spool, number in last.items()]
            connection.execute(upsert(meta, self._dialect), rows)

    def _spooled(self, connection: Connection, spool: str) -> int:
        query = select(meta.c.value).where(meta.c.key == spool_key(spool))
        return int(connection.execute(query).scalar_one_or_none() or 0)

    def _enter_incidents(self, connection: Connection, ts_ns: int, noted: Iterable[IncidentNoted]) -> None:
        rows = [
            {"ts_ns": ts_ns, "process": one.process, "text": one.text, "details": canonical_json(one.details)}
            for one in noted
        ]
        self._insert(connection, lambda table, _: table.insert(), incidents, rows)

    def _enter_audit(self, connection: Connection, found: Iterable[tuple[int, Audited]]) -> None:
        last = connection.execute(
            select(audit).where(audit.c.cluster == self._cluster).order_by(audit.c.number.desc()).limit(1)
        ).one_or_none()
        row = None if last is None else AuditRow(*last)
        rows = []
        for ts_ns, (kind, subject, payload) in found:
            content = (ts_ns, self._run, _plain(kind), _plain(subject), canonical_json(payload))
            row = chained(row, AuditRow(self._cluster, 0, *content, "", ""))
            rows.append(row._asdict())
        assert row is not None, "an audit without entries"
        connection.execute(audit.insert(), rows)
        head = {"key": audit_head_key(self._cluster), "value": f"{row.number} {row.hash}"}
        connection.execute(upsert(meta, self._dialect), [head])

    def _insert(
        self, connection: Connection, statement: Callable[[Table, str], Any], table: Table, rows: Iterable[Row]
    ) -> None:
        made = [{"run": self._run, **{name: _plain(value) for name, value in row.items()}} for row in rows]
        if made:
            connection.execute(statement(table, self._dialect), made)


def unseen(copy: DropCopy, last: int) -> Sequence[Any]:  # Any: the records of a drop copy
    """The records of a copy that come next after the one of this number; none where one is missing in between."""
    if copy.first > last + 1:
        return ()
    return copy.records[last + 1 - copy.first :]


def spool_key(spool: str) -> str:
    """Where `meta` keeps the number of the last entry of a spool."""
    return f"spool:{spool}"


def audit_head_key(cluster: str) -> str:
    """Where `meta` keeps number and hash of the newest row of the audit, so that a cut-off end is seen."""
    return f"audit-head:{cluster}"


def _key(row: Row) -> PositionKey:
    return PositionKey(row["gateway"], row["strategy"], row["instrument"])


def _holding(row: Row) -> Holding:
    return holding_of(row["quantity"], row["account"])


def _fill_key(row: Row) -> FillKey:
    return FillKey(**{name: row[name] for name in FillKey._fields})


def _funding_key(row: Row) -> FundingKey:
    return FundingKey(**{name: row[name] for name in FundingKey._fields})


def _plain(value: Any) -> Any:
    """PostgreSQL has no text with NUL in it."""
    return value.replace("\0", "�") if isinstance(value, str) else value


def _portions(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), KEYS_MAX):
        yield names[start : start + KEYS_MAX]


def _pnl_rows(ts_ns: int, sampled: PnlSampled) -> Iterator[Row]:
    for part in sampled.pnls:
        amounts = {name: getattr(part, name) for name in ("realised", "unrealised", "fees", "funding")}
        yield {"strategy": sampled.strategy, "currency": part.currency, "ts_ns": ts_ns, **amounts}


def _cash_rows(ts_ns: int, sampled: CashSampled) -> Iterator[Row]:
    for currency, balance in sampled.balances.items():
        yield {"gateway": sampled.gateway, "currency": currency, "ts_ns": ts_ns, "balance": balance}


def _command_rows(ts_ns: int, answered: CommandAnswered) -> Iterator[Row]:
    yield {**answered._asdict(), "payload": canonical_json(answered.payload), "ts_ns": ts_ns}


_ROWS: Final[Mapping[type[Entry], tuple[Table, Callable[[int, Any], Iterator[Row]]]]] = {
    PnlSampled: (pnl, _pnl_rows),
    CashSampled: (cash, _cash_rows),
    CommandAnswered: (commands, _command_rows),
}
