"""How the ledger looks in a terminal of 80 columns or more. Pure."""

import datetime
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.text import Text

from supervisor.plain import decimal_text
from supervisor.tables import Column, FittedTable, number, shortened

PAYLOAD_WIDTH: Final = 120
NS_PER_S: Final = 1_000_000_000
NS_PER_MS: Final = 1_000_000

Row = dict[str, Any]  # Any: as the columns of the ledger are


def render_orders(rows: Sequence[Row], run: str) -> RenderableType:
    table = FittedTable(
        Column("order"), Column("time", rank=5), Column("instrument"), Column("side"), number("quantity"),
        number("price", rank=2), number("filled"), number("average", rank=4), Column("state"),
        Column("reason", rank=3, wraps=True),
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row["client_order_id"], clock(row["created_ns"]), row["instrument"], row["side"] or "-",
            amount(row["quantity"]), amount(row["price"]), amount(row["filled"]), amount(row["average_price"]),
            row["state"].replace("_", " "), row["reason"],
        )  # fmt: skip
    return _titled(table, rows, "order", run)


def render_fills(rows: Sequence[Row], run: str) -> RenderableType:
    table = FittedTable(
        Column("strategy"), Column("time"), Column("instrument"), Column("side"), number("quantity"), number("price"),
        number("fee", rank=1), Column("", rank=2), Column("order", rank=4), Column("trade", rank=5),
        Column("as", rank=3),
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row["strategy"], clock(row["ts_ns"]), row["instrument"], row["side"], amount(row["quantity"]),
            amount(row["price"]), amount(row["fee"]), row["fee_currency"], row["client_order_id"], row["trade_id"],
            row["liquidity"],
        )  # fmt: skip
    return _titled(table, rows, "fill", run)


def render_positions(rows: Sequence[Row], run: str) -> RenderableType:
    table = FittedTable(
        Column("strategy"), Column("instrument"), number("quantity"), Column("last fill", rank=1),
        Column("gateway", rank=2),
    )  # fmt: skip
    for row in rows:
        table.add_row(
            row["strategy"], row["instrument"], amount(row["quantity"]), clock(row["updated_ns"]), row["gateway"]
        )
    return _titled(table, rows, "position", run)


def render_pnl(rows: Sequence[Row], run: str) -> RenderableType:
    table = FittedTable(
        Column("strategy"), Column("time", rank=1), Column("currency"), number("realised", rank=2),
        number("unrealised", rank=2), number("fees", rank=3), number("funding", rank=3), number("total"),
    )  # fmt: skip
    for row in rows:
        amounts = (amount(row[name]) for name in ("realised", "unrealised", "fees", "funding", "total"))
        table.add_row(row["strategy"], clock(row["ts_ns"]), row["currency"], *amounts)
    return _titled(table, rows, "row", run)


def render_audit(rows: Sequence[Row], run: str) -> RenderableType:
    table = FittedTable(
        Column("no."), Column("time"), Column("kind"), Column("subject"), Column("payload", wraps=True),
        Column("hash", rank=1),
    )  # fmt: skip
    for row in rows:
        payload = shortened(row["payload"].replace(",", ", "), PAYLOAD_WIDTH)
        table.add_row(
            str(row["number"]), moment(row["ts_ns"]), row["kind"], row["subject"] or "-", payload, row["hash"][:12]
        )
    return _titled(table, rows, "row", run)


def clock(ts_ns: int) -> str:
    """The time of day, UTC, to the millisecond."""
    return moment(ts_ns)[11:]


def moment(ts_ns: int) -> str:
    """Date and time, UTC, to the millisecond."""
    seconds, rest = divmod(ts_ns, NS_PER_S)
    day = datetime.datetime.fromtimestamp(seconds, datetime.UTC)
    return f"{day:%Y-%m-%d %H:%M:%S}.{rest // NS_PER_MS:03d}"


def amount(value: Decimal | None) -> str:
    """A Decimal without zeros behind its last digit; `-` for none."""
    if value is None:
        return "-"
    text = decimal_text(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _titled(table: FittedTable, rows: Iterable[Row], noun: str, run: str) -> RenderableType:
    count = len(list(rows))
    head = f"{count or 'no'} {noun}{'' if count == 1 else 's'} · " + (f"run {run}" if run else "all runs") + " · UTC"
    return Group(Text(head, "dim"), table) if count else Text(head, "dim")
