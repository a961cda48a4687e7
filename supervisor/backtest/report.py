"""The report of a backtest: that of a cluster's run, and what a backtest knows beyond it. Pure."""

from typing import Any

import msgspec

from supervisor.backtest.period import NS_PER_S, iso
from supervisor.backtest.run import BacktestResult
from supervisor.plain import decimal_text, to_plain
from supervisor.report import build_report


class Pace(msgspec.Struct, frozen=True):
    """What one run took; the only part of a report that differs from that of the next run."""

    wall_seconds: float
    events: int

    @property
    def events_per_second(self) -> float:
        return self.events / self.wall_seconds if self.wall_seconds else 0.0


def build_backtest_report(result: BacktestResult, pace: Pace) -> dict[str, Any]:
    """Build the report. But for `run` it is a function of config, data and period."""
    report = build_report(result.run)
    if result.is_interrupted:
        report["stopped"] = "interrupted"
    for id, record in result.records.items():
        report["strategies"][id] |= {
            "max_drawdown": decimal_text(record.drawdown),
            "alerts": [{"ts": iso(ts_ns), "text": text} for ts_ns, text in record.alerts],
            "alerts_total": record.alerts_total,
        }
    return {
        "mode": "backtest",
        "market": {"from": iso(result.from_ns), "to": iso(result.to_ns)},
        "events": result.events,
        **report,
        "faults": [to_plain(fault) for fault in result.faults],
        "run": {
            "wall_seconds": round(pace.wall_seconds, 3),
            "events_per_second": round(pace.events_per_second),
            "times_real_time": round((result.to_ns - result.from_ns) / NS_PER_S / pace.wall_seconds, 1)
            if pace.wall_seconds
            else None,
        },
    }
