"""A backtest as a page tells it. Pure."""

from supervisor.backtest.record import StrategyRecord
from supervisor.backtest.run import BacktestResult
from supervisor.reports.story import Moment, RunStory, StrategyStory


def story_of(result: BacktestResult) -> RunStory:
    """What the page of a backtest shows; the same for the same config, data and period."""
    run = result.run
    return RunStory(
        title=f"{run.cluster}: backtest",
        from_ns=result.from_ns,
        to_ns=result.to_ns,
        facts=(
            ("market time", f"{run.seconds:,.0f} s"),
            ("events", f"{result.events:,}"),
            ("venues", ", ".join(sorted(run.gateway_reports))),
            *((("ended", "interrupted"),) if result.is_interrupted else ()),
            *((("faults", ", ".join(fault.strategy for fault in result.faults)),) if result.faults else ()),
        ),
        strategies=tuple(_strategy(result, id, record) for id, record in result.records.items()),
    )


def _strategy(result: BacktestResult, id: str, record: StrategyRecord) -> StrategyStory:
    return StrategyStory(
        report=result.run.strategy_reports[id],
        moments=tuple(
            Moment(sample.ts_ns, sample.pnl.total, sample.positions, sample.mids) for sample in record.samples
        ),
        fills=tuple(record.fills.items),
        fills_total=record.fills.count,
        alerts=tuple(record.alerts),
    )
