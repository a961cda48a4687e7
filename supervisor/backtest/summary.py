"""A backtest in a terminal: what each strategy did and earned."""

from collections import Counter
from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.text import Text

from messages.health import Pnl, StrategyReport
from supervisor.backtest.period import iso
from supervisor.backtest.report import Pace
from supervisor.backtest.run import BacktestResult
from supervisor.plain import decimal_text
from supervisor.tables import Column, FittedTable, number

ALERTS_SHOWN = 3

_GOOD, _BAD = "green", "bold red"
_SECONDS = len("2026-01-01T00:00:00")


def render_summary(result: BacktestResult, pace: Pace) -> RenderableType:
    """Draw a result; amounts are rounded to the cent here, and exact in the report."""
    reports = result.run.strategy_reports
    parts: list[RenderableType] = [_headline(result, pace)]
    if reports:
        parts += [Text(), _activity(result), Text(), _profits(reports.values()), Text()]
        parts += [_holdings(report) for report in reports.values()]
    parts += [Text(line, _BAD) for line in _troubles(result)]
    return Group(*parts)


def _headline(result: BacktestResult, pace: Pace) -> Text:
    line = Text(result.run.cluster, "bold")
    line.append(f"  {_moment(result.from_ns)} to {_moment(result.to_ns)} UTC", "none")
    line.append(f"  {result.events:,} events in {pace.wall_seconds:.1f} s, {pace.events_per_second:,.0f}/s", "dim")
    if result.is_interrupted:
        line.append("  interrupted", _BAD)
    return line


def _activity(result: BacktestResult) -> FittedTable:
    table = FittedTable(
        Column("strategy"),
        Column("state", rank=1),
        number("cycles", 3),
        number("orders", 4),
        number("fills", 5),
        number("PnL"),
        number("drawdown", 2),
        Column(""),
    )
    for id, report in result.run.strategy_reports.items():
        status, drawdown = report.status, result.records[id].drawdown
        total = status.pnl.total
        table.add_row(
            id,
            status.state,
            str(status.cycles),
            str(status.orders),
            str(status.fills),
            Text(f"{total:+,.2f}", _BAD if total < 0 else _GOOD),
            f"{drawdown:,.2f}",
            status.pnl.currency,
        )
    return table


def _profits(reports: Iterable[StrategyReport]) -> FittedTable:
    """The components of profit, by strategy and currency."""
    table = FittedTable(
        Column("profit"),
        number("realised", 1),
        number("unrealised", 2),
        number("fees paid"),
        number("funding", 3),
        number("total"),
        Column(""),
    )
    for report in reports:
        for pnl in report.status.pnls:
            table.add_row(report.status.id, *_components(pnl))
    return table


def _components(pnl: Pnl) -> Iterator[str]:
    """To the cent, or to eight places where less than a cent matters: coin."""
    parts = (pnl.realised, pnl.unrealised, pnl.fees, pnl.funding, pnl.total)
    places = 8 if max(map(abs, parts)) < 1 else 2
    yield from (f"{part:,.{places}f}" for part in parts)
    yield pnl.currency


def _holdings(report: StrategyReport) -> Text:
    status = report.status
    results = Counter(cycle.result.value for cycle in report.cycles)
    cycles = ", ".join(f"{count} {result}" for result, count in sorted(results.items())) or "no cycle ended"
    held = ", ".join(f"{decimal_text(size)} {name}" for name, size in status.positions.items() if size)
    note = f" ({status.note})" if status.note else ""
    return Text(f"{status.id}: {cycles}; holds {held or 'nothing'}{note}")


def _troubles(result: BacktestResult) -> Iterator[str]:
    for fault in result.faults:
        yield f"! {fault.strategy} failed while {fault.state} on {fault.cause} at {iso(fault.ts)}: {fault.error}"
    for id, record in result.records.items():
        yield from (f"! {_moment(ts_ns)} {text}" for ts_ns, text in record.alerts[:ALERTS_SHOWN])
        more = record.alerts_total - ALERTS_SHOWN
        if more > 0:
            yield f"! {id}: {more} alerts more; the report has them"


def _moment(ts_ns: int) -> str:
    return iso(ts_ns)[:_SECONDS]
