"""A status of a small cluster, for the tests of what is shown and reported."""

from decimal import Decimal

import msgspec

from messages.health import (
    Attribution,
    ClusterStatus,
    Cycle,
    CycleResult,
    FeedReport,
    GatewayReport,
    GatewayStatus,
    Latency,
    Lifecycle,
    Markout,
    OrderCounts,
    Pnl,
    ProcessState,
    ProcessStatus,
    StrategyReport,
    StrategyStatus,
)

# total = 12.5 + 0.25 - 1.1 + 0.05 = 11.70
PNL = Pnl(Decimal("12.5"), Decimal("0.25"), Decimal("1.1"), Decimal("0.05"), "USDT")

# total = -0.5 - 0.25 + 13.5 + 0.05 - 1.1 = 11.70
ATTRIBUTION = Attribution(
    spread=Decimal("-0.5"),
    slippage=Decimal("-0.25"),
    basis=Decimal("13.5"),
    inventory=Decimal(0),
    funding=Decimal("0.05"),
    fees=Decimal("1.1"),
    currency="USDT",
)

STRATEGY = StrategyStatus(
    id="carry-btc",
    kind="spot-futures",
    lifecycle=Lifecycle.RUNNING,
    state="OPENING_FUTURES_HEDGE",
    epoch=1,
    messages=123_456,
    orders=20,
    fills=18,
    open_orders=1,
    positions={"BTCUSDT.spot": Decimal("0.16000"), "BTCUSDT.perp": Decimal("-0.160"), "ETHUSDT.spot": Decimal(0)},
    pnl=PNL,
    pnls=(PNL,),
    cycles=4,
    note="",
    attribution=ATTRIBUTION,
    attributions=(ATTRIBUTION,),
    markouts=(Markout(1.0, 18, -0.75),),
)

SPOT = GatewayStatus(
    id="spot",
    is_venue_up=True,
    is_halted=False,
    open_orders=1,
    orders=OrderCounts(accepted=10, rejected=2, denied=3, cancelled=1, filled=9),
    positions={},
    balances={"USDT": Decimal("90000.10"), "BTC": Decimal("1E-8")},
    published=1_234_567,
    tick_to_order={"carry-btc": Latency(50.0, 120.0, 300.0, 10)},
)

PERP = msgspec.structs.replace(
    SPOT,
    id="perp",
    orders=OrderCounts(accepted=8, filled=8),
    positions={"BTCUSDT.perp": Decimal("-0.160")},
    balances={"USDT": Decimal(100_000)},
    tick_to_order={"carry-btc": Latency(60.0, 110.0, 310.0, 8)},
)


def process(name: str, kind: str, state: ProcessState = ProcessState.RUNNING) -> ProcessStatus:
    return ProcessStatus(
        name=name,
        kind=kind,
        state=state,
        pid=1_234_567,
        restarts=1 if kind == "strategy" else 0,
        cpu_percent=12.34,
        rss_mb=45.26,
        heartbeat_age_ms=33.0,
        note="",
    )


PROCESSES = (
    process("exchange", "exchange"),
    process("spot", "gateway"),
    process("perp", "gateway"),
    process("carry-btc", "strategy"),
)

STATUS = ClusterStatus(
    cluster="demo",
    phase="trading",
    seconds=73.2,
    is_halted=False,
    processes=PROCESSES,
    gateways=(SPOT, PERP),
    strategies=(STRATEGY,),
    alerts=(),
)

CYCLE = Cycle(
    result=CycleResult.COMPLETED,
    ts_started=1_000_000_000,
    ts_ended=1_250_000_000,
    ms=250.0,
    transitions=("IDLE", "MONITORING_POSITIONS"),
    orders=4,
    fills=5,
    pnl=PNL,
    entry_edge_bps=3.5,
    reason="converged",
    pnls=(PNL,),
    attribution=ATTRIBUTION,
    attributions=(ATTRIBUTION,),
)

STRATEGY_REPORT = StrategyReport(status=STRATEGY, cycles=(CYCLE,))

SPOT_REPORT = GatewayReport(
    instruments={
        "BTCUSDT.spot": FeedReport(
            quotes=100,
            trades=20,
            book_updates=50,
            book_updates_discarded=3,
            gaps=0,
            crossed=0,
            best_bid=Decimal("61685.99"),
            best_bid_size=Decimal("1.70412"),
            best_ask=Decimal("61686.00"),
            best_ask_size=Decimal("0.00002"),
            last_update_id=50_000_000_001,
        )
    },
    orders=OrderCounts(accepted=10, rejected=2, denied=0, cancelled=1, filled=9),
    positions={},
    balances={"USDT": Decimal("90000.10"), "BTC": Decimal("1E-8")},
)
