"""One backtest of an example, with a tape of what each strategy was told and asked for."""

import hashlib
from collections import Counter
from decimal import Decimal
from typing import Any, NamedTuple

from actors.machine import Outputs
from actors.runtime.strategy_kinds import strategy_class
from actors.strategies.strategy import Strategy
from messages.instruments import Instrument
from messages.market import Quote
from messages.orders import AmendOrder, CancelOrder, Fill, FundingPaid, OrderClosed, SubmitOrder
from supervisor.backtest.period import iso, parse_period
from supervisor.backtest.run import BacktestOptions, BacktestResult, run_backtest
from supervisor.config import Config, instruments


class Decision(NamedTuple):
    """An order, and the best prices that its strategy knew then, by instrument."""

    order: SubmitOrder
    seen: dict[str, Quote]


class Tape:
    """What one strategy did, in order."""

    def __init__(self) -> None:
        self.requests: list[tuple[int, SubmitOrder | CancelOrder | AmendOrder]] = []
        self.decisions: list[Decision] = []
        self.told: list[Fill | FundingPaid | OrderClosed] = []

    @property
    def fills(self) -> list[Fill]:
        return [message for message in self.told if isinstance(message, Fill)]

    @property
    def fundings(self) -> list[FundingPaid]:
        return [message for message in self.told if isinstance(message, FundingPaid)]

    @property
    def digest(self) -> str:
        """Of all orders, cancels and amendments: what, when, and with which id."""
        digest = hashlib.sha256()
        for ts_ns, request in self.requests:
            digest.update(f"{ts_ns} {_line(request)}\n".encode())
        return digest.hexdigest()[:16]


class TapedRun(NamedTuple):
    config: Config
    instruments: dict[str, Instrument]
    result: BacktestResult
    tapes: dict[str, Tape]


def taped_run(config: Config, end: str | None = None) -> TapedRun:
    """:param end: of market time, exclusive; None: to the end of the data."""
    tapes = {strategy.id: Tape() for strategy in config.strategies}
    kinds = {strategy.kind: _taped(strategy_class(strategy.kind), tapes) for strategy in config.strategies}
    options = BacktestOptions(parse_period(None, end, None), kinds=kinds)
    return TapedRun(config, dict(instruments(config)), run_backtest(config, options, lambda _: True), tapes)


def pins(run: TapedRun) -> dict[str, Any]:
    """What is pinned of a run: all that a change of behaviour or of accounts would change."""
    result = run.result
    reports = result.run.strategy_reports
    return {
        "from": iso(result.from_ns),
        "to": iso(result.to_ns),
        "events": result.events,
        "strategies": {id: _pins_of(report, run.tapes[id]) for id, report in reports.items()},
    }


def _pins_of(report: Any, tape: Tape) -> dict[str, Any]:
    status = report.status
    return {
        "state": status.state,
        "orders": status.orders,
        "fills": status.fills,
        "cycles": dict(sorted(Counter(cycle.result.value for cycle in report.cycles).items())),
        "positions": {name: _plain(size) for name, size in status.positions.items()},
        "pnl": {pnl.currency: _amounts(pnl, "realised unrealised fees funding") for pnl in status.pnls},
        "attribution": {
            part.currency: _amounts(part, "spread slippage basis inventory") for part in status.attributions
        },
        "orders_digest": tape.digest,
    }


def _amounts(parts: Any, names: str) -> dict[str, str]:
    return {name: _plain(getattr(parts, name)) for name in names.split()}


def _plain(amount: Decimal) -> str:
    """Without the zeros behind, which say nothing of an amount."""
    return f"{amount.normalize():f}" if amount else "0"


def _taped(kind: type[Strategy[Any]], tapes: dict[str, Tape]) -> type[Strategy[Any]]:
    """The same strategy, which notes down what it is told and answers."""

    class Taped(kind):  # type: ignore[misc, valid-type]
        def on_message(self, message: Any) -> Outputs:
            outputs = super().on_message(message)
            tape = tapes[self.strategy_id]
            if isinstance(message, Fill | FundingPaid | OrderClosed):
                tape.told.append(message)
            for output in outputs:
                if isinstance(output, SubmitOrder | CancelOrder | AmendOrder):
                    tape.requests.append((self.now_ns, output))
                if isinstance(output, SubmitOrder):
                    seen = {name: view.quote for name, view in self.views.items() if view.quote is not None}
                    tape.decisions.append(Decision(output, seen))
            return outputs

    return Taped


def _line(request: SubmitOrder | CancelOrder | AmendOrder) -> str:
    head = f"{type(request).__name__} {request.client_order_id} {request.instrument}"
    if isinstance(request, CancelOrder):
        return head
    if isinstance(request, AmendOrder):
        return f"{head} {request.quantity} {request.price}"
    flags = f"{request.type} {request.time_in_force} {request.post_only} {request.reduce_only}"
    return f"{head} {request.side} {request.quantity} {request.price} {flags}"
