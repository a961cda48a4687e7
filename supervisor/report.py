"""The report of one run, as JSON; the names in it are a contract.

Pure but for `write_report`. Order counts, positions and balances are those of the venue's own ledger; orders that our
own gate denied are known to the gateway alone.
"""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from messages.from_child import StrategyFault
from messages.health import (
    GatewayReport,
    GatewayStatus,
    Latency,
    ProcessStatus,
    StrategyReport,
    StrategyStatus,
)
from supervisor.plain import decimal_text, to_plain


class RunResult(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a run at its end.

    :param gateway_reports: the venues' own books, by gateway id; empty where the exchange did not answer any more.
    :param gateway_statuses: the last word of each gateway, by its id.
    :param strategy_reports: by strategy id; of a strategy that did not answer any more, `strategy_statuses` has the
        last word, without cycles.
    :param stopped: `forced` where any process had to be killed.
    :param alerts: of a cluster, the newest ones; :param faults: what its strategies raised, the newest ones.
    :param unmanaged: positions that no running strategy managed at the end, a sentence each.
    """

    cluster: str
    seconds: float
    stopped: Literal["clean", "forced"]
    gateway_reports: Mapping[str, GatewayReport]
    gateway_statuses: Mapping[str, GatewayStatus]
    strategy_reports: Mapping[str, StrategyReport]
    strategy_statuses: Mapping[str, StrategyStatus]
    processes: Sequence[ProcessStatus]
    alerts: Sequence[str] = ()
    faults: Sequence[StrategyFault] = ()
    unmanaged: Sequence[str] = ()


def build_cluster_report(result: RunResult) -> dict[str, Any]:
    """Build the report of a cluster's run: that of any run, and what its supervisor was told on the way."""
    return {
        **build_report(result),
        "alerts": list(result.alerts),
        "faults": [_fault(fault) for fault in result.faults],
        "unmanaged": list(result.unmanaged),
    }


def build_report(result: RunResult) -> dict[str, Any]:
    """Build what every run's report has, a cluster's or a backtest's."""
    gateways = sorted(result.gateway_reports.keys() | result.gateway_statuses.keys())
    strategies = sorted(result.strategy_reports.keys() | result.strategy_statuses.keys())
    return {
        "cluster": result.cluster,
        "seconds": round(result.seconds, 3),
        "stopped": result.stopped,
        "gateways": {id: _gateway(result.gateway_reports.get(id), result.gateway_statuses.get(id)) for id in gateways},
        "strategies": {id: _strategy(id, result) for id in strategies},
        "processes": {process.name: _process(process) for process in result.processes},
    }


class ReportUnwritable(Exception):
    """A report could not be written to this path."""


def check_writable(path: Path) -> None:
    """Find out whether a report can be written, before a run that is to end with it.

    :raises ReportUnwritable: it cannot.
    """
    if path.is_dir():
        raise ReportUnwritable(f"the report cannot be written to {path}: it is a directory")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.touch()
        beside.unlink()
    except OSError as error:
        raise ReportUnwritable(f"the report cannot be written to {path}: {error.strerror or error}") from error


def write_report(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report as JSON, whole or not at all."""
    write_whole(path, json.dumps(report, indent=2) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file so that whoever looks sees all of it or none: through a file beside it."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _gateway(report: GatewayReport | None, status: GatewayStatus | None) -> dict[str, Any]:
    books = report or status
    assert books is not None
    orders = to_plain(books.orders)
    if status is not None:
        orders["denied"] = status.orders.denied
    return {
        "instruments": {symbol_of(id): to_plain(feed) for id, feed in report.instruments.items()} if report else {},
        "orders": orders,
        "positions": {symbol_of(id): decimal_text(quantity) for id, quantity in books.positions.items()},
        "balances": to_plain(books.balances),
        "marks": to_plain(report.marks) if report else {},
        "unrealised": to_plain(report.unrealised) if report else {},
    }


def symbol_of(instrument: str) -> str:
    """The symbol in an instrument id; the id itself where it has no venue."""
    return instrument.rpartition(".")[0] or instrument


def _strategy(id: str, result: RunResult) -> dict[str, Any]:
    report = result.strategy_reports.get(id)
    status = report.status if report else result.strategy_statuses[id]
    latencies = {
        gateway: latency.tick_to_order[id]
        for gateway, latency in result.gateway_statuses.items()
        if id in latency.tick_to_order
    }
    return {
        "kind": status.kind,
        "lifecycle": status.lifecycle.value,
        "state": status.state,
        "restarts": sum(process.restarts for process in result.processes if process.name == id),
        "messages": status.messages,
        "orders": status.orders,
        "fills": status.fills,
        "positions": to_plain(status.positions),
        "pnl": to_plain(status.pnl),
        "pnls": to_plain(status.pnls),
        "attribution": to_plain(status.attribution),
        "attributions": to_plain(status.attributions),
        "markouts": to_plain(status.markouts),
        "cycle_in_hand": to_plain(status.cycle_in_hand),
        "outside_cycles": to_plain(status.outside_cycles),
        "cycles": to_plain(report.cycles) if report else [],
        "latency_us": {
            "tick_to_order": _latency(worst_latency(latencies.values())),
            "tick_to_order_by_gateway": {gateway: _latency(latency) for gateway, latency in latencies.items()},
        },
    }


def _fault(fault: StrategyFault) -> dict[str, Any]:
    """By the names that a backtest uses."""
    return {
        "strategy": fault.strategy,
        "state": fault.state,
        "cause": fault.cause,
        "error": fault.traceback.strip().rpartition("\n")[2],
        "traceback": fault.traceback,
        "ts": fault.ts,
    }


def worst_latency(latencies: Iterable[Latency]) -> Latency | None:
    """The largest of each percentile over several sets of samples: no percentile of all of them together exceeds it.

    None where there are no samples.
    """
    measured = [latency for latency in latencies if latency.n]
    if not measured:
        return None
    return Latency(
        p50=max(latency.p50 for latency in measured),
        p99=max(latency.p99 for latency in measured),
        p999=max(latency.p999 for latency in measured),
        n=sum(latency.n for latency in measured),
    )


def _latency(latency: Latency | None) -> dict[str, Any]:
    if latency is None:
        return {"p50": None, "p99": None, "p99.9": None, "n": 0}
    return {"p50": latency.p50, "p99": latency.p99, "p99.9": latency.p999, "n": latency.n}


def _process(process: ProcessStatus) -> dict[str, Any]:
    return {
        "kind": process.kind,
        "state": process.state.value,
        "pid": process.pid,
        "restarts": process.restarts,
        "cpu_percent": round(process.cpu_percent, 1),
        "rss_mb": round(process.rss_mb, 1),
    }
