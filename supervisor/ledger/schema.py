"""The tables of the ledger, for SQLite and PostgreSQL.

Amounts are exact (text in SQLite, NUMERIC in PostgreSQL; never a float). Times are integer nanoseconds since the epoch:
`*_ns` of orders, fills and fundings are the venue's, all others the supervisor's. Every row of the books carries its
`run`: simulated venues that are started anew hold nothing of what an earlier run traded.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Numeric,
    Table,
    Text,
    TypeDecorator,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.types import TypeEngine

SCHEMA_VERSION: Final = 2

MIGRATIONS: Final[Mapping[int, Sequence[str]]] = {2: ("ALTER TABLE positions ADD COLUMN account TEXT",)}
"""By the version that they lead to: statements for a database of the version before it."""


class Exact(TypeDecorator[Decimal]):
    """A Decimal, as it was written down: digits, places and all."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return Numeric() if dialect.name == "postgresql" else Text()

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> Any:
        return value if value is None or dialect.name == "postgresql" else f"{value:f}"

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002  # SQLAlchemy's
        return None if value is None else Decimal(value)


metadata: Final = MetaData()
Counter: Final = BigInteger().with_variant(Integer, "sqlite")
"""A key that counts up by itself; SQLite does that for INTEGER only."""


def _run() -> Column[str]:
    return Column("run", Text, ForeignKey("runs.run"), primary_key=True)


meta: Final = Table("meta", metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))

runs: Final = Table(
    "runs",
    metadata,
    Column("run", Text, primary_key=True),
    Column("cluster", Text, nullable=False),
    Column("started_ns", BigInteger, nullable=False),
)

cursors: Final = Table(
    "cursors",
    metadata,
    _run(),
    Column("gateway", Text, primary_key=True),
    Column("number", BigInteger, nullable=False, comment="of the last record of its drop copy that is entered"),
)

orders: Final = Table(
    "orders",
    metadata,
    _run(),
    Column("gateway", Text, primary_key=True),
    Column("client_order_id", Text, primary_key=True),
    Column("strategy", Text, nullable=False),
    Column("instrument", Text, nullable=False),
    Column("side", Text, comment="null, as all that was asked, where the gate denied it: only that is journaled"),
    Column("quantity", Exact, comment="of the last confirmed amendment"),
    Column("price", Exact, comment="null for market orders"),
    Column("type", Text),
    Column("time_in_force", Text),
    Column("post_only", Boolean),
    Column("reduce_only", Boolean),
    Column("epoch", BigInteger),
    Column("caused_by", Text, nullable=False),
    Column("venue_order_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False, comment="why it was denied or rejected, or how it closed"),
    Column("filled", Exact, nullable=False),
    Column("filled_value", Exact, nullable=False, comment="sum of price x quantity over its fills"),
    Column("created_ns", BigInteger, nullable=False),
    Column("updated_ns", BigInteger, nullable=False),
    Column("closed_ns", BigInteger),
    Index("orders_by_time", "run", "created_ns"),
)

fills: Final = Table(
    "fills",
    metadata,
    _run(),
    Column("gateway", Text, primary_key=True),
    Column("instrument", Text, primary_key=True),
    Column("trade_id", Text, primary_key=True),
    Column("client_order_id", Text, primary_key=True),
    Column("strategy", Text, primary_key=True, comment="what the venue closed by itself is shared out"),
    Column("side", Text, nullable=False),
    Column("price", Exact, nullable=False),
    Column("quantity", Exact, nullable=False),
    Column("position_change", Exact, nullable=False, comment="signed; less a fee in the base currency of a spot"),
    Column("fee", Exact, nullable=False, comment="positive = we pay"),
    Column("fee_currency", Text, nullable=False),
    Column("liquidity", Text, nullable=False),
    Column("ts_ns", BigInteger, nullable=False),
    Index("fills_by_time", "run", "ts_ns"),
    Index("fills_by_order", "run", "gateway", "client_order_id"),
)

fundings: Final = Table(
    "fundings",
    metadata,
    _run(),
    Column("gateway", Text, primary_key=True),
    Column("instrument", Text, primary_key=True),
    Column("strategy", Text, primary_key=True),
    Column("funding_id", Text, primary_key=True),
    Column("amount", Exact, nullable=False, comment="positive = we received"),
    Column("currency", Text, nullable=False),
    Column("rate", Float, nullable=False),
    Column("position", Exact, nullable=False),
    Column("ts_ns", BigInteger, nullable=False),
)

positions: Final = Table(
    "positions",
    metadata,
    _run(),
    Column("gateway", Text, primary_key=True),
    Column("strategy", Text, primary_key=True),
    Column("instrument", Text, primary_key=True),
    Column("quantity", Exact, nullable=False, comment="signed: the sum of position_change over its fills"),
    Column("account", Text, comment="JSON: what it was entered for and has earned; null: begun by schema version 1"),
    Column("updated_ns", BigInteger, nullable=False),
)

cash: Final = Table(
    "cash",
    metadata,
    _run(),
    Column("gateway", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("ts_ns", BigInteger, primary_key=True),
    Column("balance", Exact, nullable=False),
)

pnl: Final = Table(
    "pnl",
    metadata,
    _run(),
    Column("strategy", Text, primary_key=True),
    Column("currency", Text, primary_key=True),
    Column("ts_ns", BigInteger, primary_key=True),
    Column("realised", Exact, nullable=False),
    Column("unrealised", Exact, nullable=False),
    Column("fees", Exact, nullable=False),
    Column("funding", Exact, nullable=False),
)

commands: Final = Table(
    "commands",
    metadata,
    _run(),
    Column("command_id", Text, primary_key=True),
    Column("request", Text, nullable=False),
    Column("payload", Text, nullable=False, comment="JSON"),
    Column("outcome", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("ts_ns", BigInteger, nullable=False),
)

incidents: Final = Table(
    "incidents",
    metadata,
    Column("number", Counter, primary_key=True, autoincrement=True),
    Column("run", Text, ForeignKey("runs.run"), nullable=False),
    Column("ts_ns", BigInteger, nullable=False),
    Column("process", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("details", Text, nullable=False, comment="JSON"),
    Index("incidents_by_time", "run", "ts_ns"),
)

audit: Final = Table(
    "audit",
    metadata,
    Column("cluster", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("ts_ns", BigInteger, nullable=False),
    Column("run", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("payload", Text, nullable=False, comment="canonical JSON"),
    Column("prev_hash", Text, nullable=False),
    Column("hash", Text, nullable=False),
)

# Any: the two dialects' inserts have no common type that knows of conflicts
_INSERTS: Final[Mapping[str, Any]] = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}


def upsert(table: Table, dialect: str) -> Any:
    """Insert rows; where one of the same key is there, take its place."""
    insert = _INSERTS[dialect](table)
    keys = [column.name for column in table.primary_key]
    changed = {column.name: insert.excluded[column.name] for column in table.columns if column.name not in keys}
    return insert.on_conflict_do_update(index_elements=keys, set_=changed)


def insert_new(table: Table, dialect: str) -> Any:
    """Insert rows; one whose key is there already changes nothing."""
    return _INSERTS[dialect](table).on_conflict_do_nothing(index_elements=[key.name for key in table.primary_key])
