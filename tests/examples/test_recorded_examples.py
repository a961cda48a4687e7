"""Backtests of the examples on recorded markets: pinned to the last digit, and what each of them is there to show.

`OUTCRY_PIN=1 pytest tests/examples` writes the pins anew.
"""

import json
import os
import re
from pathlib import Path

import pytest

from messages.orders import CancelOrder, SubmitOrder
from tests.examples.recorded_examples import ENDS, NAMES, example_text, loaded, markets, ran
from tests.examples.taped_run import pins, taped_run
from tests.support.recordings import needs_recordings

pytestmark = needs_recordings

PINNED = Path(__file__).with_name("pinned.json")
JUMP_NS = 1_618_716_006_377_516_000
"""2021-04-18T03:20:06.377516 UTC, the first image of the crash."""


@pytest.mark.parametrize("name", NAMES)
def test_a_backtest_gives_what_is_pinned(name: str) -> None:
    found = pins(ran(name))
    if os.environ.get("OUTCRY_PIN"):
        known = json.loads(PINNED.read_text()) if PINNED.exists() else {}
        kept = {name: pinned for name, pinned in (known | {name: found}).items() if name in NAMES}
        PINNED.write_text(json.dumps(dict(sorted(kept.items())), indent=2) + "\n")
    assert json.loads(PINNED.read_text())[name] == found


@pytest.mark.parametrize("name", NAMES)
def test_every_strategy_of_an_example_trades_and_none_fails(name: str) -> None:
    result = ran(name).result
    assert () == result.faults
    fills = {id: report.status.fills for id, report in result.run.strategy_reports.items()}
    assert all(count > 0 for count in fills.values()), fills


@pytest.mark.parametrize("name", NAMES)
def test_the_parts_of_a_profit_are_the_profit(name: str) -> None:
    for report in ran(name).result.run.strategy_reports.values():
        status = report.status
        assert [pnl.total for pnl in status.pnls] == [part.total for part in status.attributions]
        assert status.pnl.total == status.attribution.total


def test_the_maker_withdraws_on_the_jump_before_the_crash_and_stays_away() -> None:
    """The image of 03:20:06 UTC is 65 bps below the one before: everything is cancelled, and nothing more is sent."""
    run = ran("recorded_flash_crash")
    market, tape = next(iter(markets(run).values())), run.tapes["maker-btc"]
    before, after = market.before(JUMP_NS).mid, market.known_at(JUMP_NS).mid
    assert -66 < (after / before - 1) * 10_000 < -65
    asked_for = [request for ts_ns, request in tape.requests if ts_ns >= JUMP_NS]
    assert asked_for
    assert all(isinstance(request, CancelOrder) for request in asked_for)
    assert JUMP_NS == max(ts_ns for ts_ns, _ in tape.requests)
    assert JUMP_NS >= max(fill.ts_event for fill in tape.fills)


def test_a_maker_that_does_not_look_at_jumps_goes_on_quoting_in_the_crash(tmp_path: Path) -> None:
    file = tmp_path / "careless.toml"
    file.write_text(example_text("recorded_flash_crash").replace("jump_bps = 40.0", "jump_bps = 5000.0"))
    careless = taped_run(loaded(file))
    assert any(
        ts_ns > JUMP_NS and isinstance(request, SubmitOrder) for ts_ns, request in careless.tapes["maker-btc"].requests
    )


TAKER_FEES_BPS = {"binance-usdm": 5, "binance-coinm": 5, "bybit-spot": 10, "bybit-perp": 6}
"""Of accounts without a discount."""


@pytest.mark.parametrize("name", ["recorded_spread", "recorded_arbitrage", "recorded_funding"])
def test_at_the_fees_of_an_account_without_a_discount_nobody_trades(name: str, tmp_path: Path) -> None:
    head, *gateways = example_text(name).split("[[gateways]]\n")
    dear = [re.sub(r"taker_fee_bps = \S+", f"taker_fee_bps = {_fee_bps(gateway)}", gateway) for gateway in gateways]
    file = tmp_path / f"{name}.toml"
    file.write_text("[[gateways]]\n".join([head, *dear]))
    run = taped_run(loaded(file), ENDS.get(name))
    assert all(TAKER_FEES_BPS[item.venue] == item.taker_fee_bps for item in run.instruments.values())
    assert [[]] == [tape.requests for tape in run.tapes.values()]


def _fee_bps(gateway: str) -> int:
    return next(fee for id, fee in TAKER_FEES_BPS.items() if f'id = "{id}"' in gateway)
