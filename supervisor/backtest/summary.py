"""A backtest in a terminal of 80 columns: what each strategy did and earned."""

from collections import Counter
from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from messages.health import Pnl, StrategyReport
from supervisor.backtest.period import iso
from supervisor.backtest.report import Pace
from supervisor.backtest.run import BacktestResult
from supervisor.plain import decimal_text

ALERTS_SHOWN = 3
ID_WIDTH = 16

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
    line.append(f"  {iso(result.from_ns)[:_SECONDS]} to {iso(result.to_ns)[:_SECONDS]} UTC", "none")
    line.append(f"  {result.events:,} events in {pace.wall_seconds:.1f} s, {pace.events_per_second:,.0f}/s", "dim")
    if result.is_interrupted:
        line.append("  interrupted", _BAD)
    return line


def _activity(result: BacktestResult) -> Table:
    table = _table("strategy", "state", ">cycles", ">orders", ">fills", ">PnL", ">drawdown", "")
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


def _profits(reports: Iterable[StrategyReport]) -> Table:
    """The components of profit, by strategy and currency."""
    table = _table("profit", ">realised", ">unrealised", ">fees paid", ">funding", ">total", "")
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
        yield from (f"! {text}" for _, text in record.alerts[:ALERTS_SHOWN])
        more = record.alerts_total - ALERTS_SHOWN
        if more > 0:
            yield f"! {id}: {more} alerts more; the report has them"


def _table(first: str, *columns: str) -> Table:
    """A table without lines; a column whose heading opens with > is a number and stands to the right."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True, overflow="ellipsis", max_width=ID_WIDTH)
    for column in columns:
        justify = "right" if column.startswith(">") else "left"
        table.add_column(column.removeprefix(">"), justify=justify, no_wrap=True, overflow="ellipsis")  # type: ignore[arg-type]
    return table
