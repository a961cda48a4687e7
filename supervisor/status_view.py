"""How a running cluster looks in a terminal: 80 columns and 24 lines are enough, more show more."""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Literal

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from messages.health import (
    ClusterStatus,
    GatewayStatus,
    Latency,
    Lifecycle,
    ProcessState,
    ProcessStatus,
    StrategyStatus,
)
from supervisor.plain import decimal_text
from supervisor.report import worst_latency

WIDE = 110
"""From so many columns on, the tables show what can be done without in 80."""

ID_WIDTH = 14
"""Longer ids are cut in 80 columns."""

ALERTS_SHOWN = 3

_GOOD, _BUSY, _BAD = "green", "yellow", "bold red"
_PROCESS_STYLES = {
    ProcessState.RUNNING: _GOOD,
    ProcessState.STOPPED: "dim",
    ProcessState.QUARANTINED: _BAD,
}
_LIFECYCLE_STYLES = {
    Lifecycle.RUNNING: _GOOD,
    Lifecycle.STOPPED: "dim",
    Lifecycle.FAULTED: _BAD,
    Lifecycle.QUARANTINED: _BAD,
}


def render(status: ClusterStatus, width: int) -> RenderableType:
    """Draw a status for a terminal of so many columns."""
    is_wide = width >= WIDE
    parts: list[RenderableType] = [_headline(status), _processes(status.processes, is_wide=is_wide)]
    if status.gateways:
        parts += [Text(), _gateways(status.gateways, is_wide=is_wide)]
    if status.strategies:
        parts += [Text(), _strategies(status, is_wide=is_wide), *map(_doing, status.strategies)]
    parts += [_line(f"! {alert}", _BAD) for alert in status.alerts[-ALERTS_SHOWN:]]
    return Group(*parts)


def ended(status: ClusterStatus) -> ClusterStatus:
    """The last status of a cluster that has ended since: its figures, without processes and venues that are no more."""
    gone = {"state": ProcessState.STOPPED, "pid": 0, "cpu_percent": 0.0, "rss_mb": 0.0, "heartbeat_age_ms": 0.0}
    return msgspec.structs.replace(
        status,
        phase="stopped",
        processes=tuple(msgspec.structs.replace(process, **gone) for process in status.processes),
        gateways=tuple(msgspec.structs.replace(gateway, is_venue_up=False) for gateway in status.gateways),
        strategies=tuple(
            msgspec.structs.replace(strategy, lifecycle=Lifecycle.STOPPED) for strategy in status.strategies
        ),
    )


def summary(status: ClusterStatus) -> str:
    """A status in one line, for where nothing can be redrawn."""
    running = sum(process.state is ProcessState.RUNNING for process in status.processes)
    fills = sum(strategy.fills for strategy in status.strategies)
    halted = ", halted" if status.is_halted and status.phase != "halted" else ""
    pnls = "".join(f", {strategy.id} {money(strategy)}" for strategy in status.strategies)
    return (
        f"{status.cluster}: {status.phase}{halted} for {status.seconds:.0f} s, "
        f"{running} of {len(status.processes)} processes running, {fills} fills{pnls}"
    )


def money(strategy: StrategyStatus) -> str:
    """Total profit and loss with its sign, to the cent, and its currency."""
    return f"{strategy.pnl.total:+,.2f} {strategy.pnl.currency}".rstrip()


def _headline(status: ClusterStatus) -> Text:
    line = Text(no_wrap=True, overflow="ellipsis")
    line.append(status.cluster, "bold")
    line.append(f"  {status.phase}  {_duration(status.seconds)}")
    if status.is_halted:
        line.append("  HALTED", _BAD)
    return line


def _processes(processes: Iterable[ProcessStatus], *, is_wide: bool) -> Table:
    table = _table("process", is_wide, "state", ">pid", ">restarts", ">cpu %", ">MB", ">heartbeat ms")
    if is_wide:
        table.add_column("note", no_wrap=True, overflow="ellipsis")
    for process in processes:
        row = [
            Text(process.name),
            Text(process.state.value, _PROCESS_STYLES.get(process.state, _BUSY)),
            Text(str(process.pid) if process.pid else "-"),
            Text(str(process.restarts), _BUSY if process.restarts else ""),
            Text(f"{process.cpu_percent:.0f}"),
            Text(f"{process.rss_mb:.0f}"),
            Text(f"{process.heartbeat_age_ms:.0f}"),
        ]
        table.add_row(*row, *([Text(process.note)] if is_wide else []))
    return table


def _gateways(gateways: Iterable[GatewayStatus], *, is_wide: bool) -> Table:
    table = _table("gateway", is_wide, "venue", ">open", ">accepted", ">rejected", ">denied", ">filled", ">published")
    if is_wide:
        table.add_column("balances", no_wrap=True, overflow="ellipsis")
    for gateway in gateways:
        orders = gateway.orders
        counts = (gateway.open_orders, orders.accepted, orders.rejected, orders.denied, orders.filled)
        row = [Text(gateway.id), _venue(gateway), *(Text(str(count)) for count in (*counts, gateway.published))]
        table.add_row(*row, *([Text(_quantities(gateway.balances))] if is_wide else []))
    return table


def _venue(gateway: GatewayStatus) -> Text:
    if not gateway.is_venue_up:
        return Text("down", _BAD)
    return Text("halted", _BAD) if gateway.is_halted else Text("up", _GOOD)


def _strategies(status: ClusterStatus, *, is_wide: bool) -> Table:
    table = _table("strategy", is_wide, "lifecycle", ">orders", ">fills", ">cycles", ">PnL", ">p50/p99 µs")
    if is_wide:
        table.add_column("messages", justify="right", no_wrap=True)
        table.add_column("open", justify="right", no_wrap=True)
    for strategy in status.strategies:
        latency = worst_latency(
            gateway.tick_to_order[strategy.id] for gateway in status.gateways if strategy.id in gateway.tick_to_order
        )
        row = [
            Text(strategy.id),
            Text(strategy.lifecycle.value, _LIFECYCLE_STYLES.get(strategy.lifecycle, _BUSY)),
            Text(str(strategy.orders)),
            Text(str(strategy.fills)),
            Text(str(strategy.cycles)),
            Text(money(strategy), _BAD if strategy.pnl.total < 0 else _GOOD),
            Text(_percentiles(latency)),
        ]
        wide = [Text(str(strategy.messages)), Text(str(strategy.open_orders))] if is_wide else []
        table.add_row(*row, *wide)
    return table


def _doing(strategy: StrategyStatus) -> Text:
    held = {instrument: quantity for instrument, quantity in strategy.positions.items() if quantity}
    note = f"  ({strategy.note})" if strategy.note else ""
    return _line(f"{strategy.id} {strategy.state or 'no state yet'}, holds {_quantities(held) or 'nothing'}{note}", "")


def _quantities(quantities: Mapping[str, Decimal]) -> str:
    return ", ".join(f"{decimal_text(quantity)} {name}" for name, quantity in quantities.items())


def _percentiles(latency: Latency | None) -> str:
    return f"{latency.p50:.0f}/{latency.p99:.0f}" if latency else "-"


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60:d}:{minutes % 60:02d}:{rest:02d}"


def _line(text: str, style: str) -> Text:
    return Text(text, style, no_wrap=True, overflow="ellipsis")


def _table(first: str, is_wide: bool, *columns: str) -> Table:
    """A table without lines; a column whose heading opens with > is a number and stands to the right."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column(first, no_wrap=True, overflow="ellipsis", max_width=None if is_wide else ID_WIDTH)
    for column in columns:
        justify: Literal["left", "right"] = "right" if column.startswith(">") else "left"
        table.add_column(column.removeprefix(">"), justify=justify, no_wrap=True, overflow="ellipsis")
    return table
