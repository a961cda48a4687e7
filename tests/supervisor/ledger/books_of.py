"""A ledger with a small story in it, for the tests of what reads it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Table, select

from messages.from_child import DropCopy
from supervisor.ledger.engine import make_engine, parse_url
from supervisor.ledger.entries import Entry, Stamped
from supervisor.ledger.ledger import Ledger
from tests.support.orders import INSTRUMENTS, NOW_NS

CLUSTER, RUN = "desk", "desk-1"
STATE = Path("/nowhere")
"""The tests' URLs are whole."""


def opened(url: str, run: str = RUN, cluster: str = CLUSTER) -> Ledger:
    """A ledger whose run has begun."""
    ledger = Ledger(parse_url(url, STATE), cluster, run, INSTRUMENTS)
    ledger.begin(NOW_NS)
    return ledger


def copy(first: int, *records: Any, gateway: str = "sim") -> DropCopy:
    return DropCopy(gateway, first, records)


def enter(ledger: Ledger, *entries: Entry, ts_ns: int = NOW_NS) -> dict[str, int]:
    """One batch."""
    return ledger.write([Stamped(ts_ns, entry) for entry in entries])


def rows(url: str, table: Table) -> list[dict[str, Any]]:
    """All rows of a table."""
    engine = make_engine(parse_url(url, STATE), is_writer=False)
    with engine.connect() as connection:
        found = [dict(row) for row in connection.execute(select(table)).mappings()]
    engine.dispose()
    return found


def only(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    (row,) = found
    return row
