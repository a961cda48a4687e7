"""The page of a run: self-contained, escaped, the same every time, with every number that it promises."""

import json
import re
import sys
from decimal import Decimal as D

import msgspec
import pytest

from messages.health import Attribution, CycleResult, Earnings, Pnl, StrategyReport
from messages.orders import Fill, Liquidity, Side
from supervisor.reports import charts
from supervisor.reports.page import ALERTS_SHOWN_MAX, CYCLES_SHOWN_MAX, render_page
from supervisor.reports.story import Moment, RunStory, StrategyStory
from tests.supervisor.samples import ATTRIBUTION, CYCLE, PNL, STRATEGY

S = 1_000_000_000
SPOT, PERP = "BTCUSDT.spot", "BTCUSDT.perp"


def fill(number: int, side: Side) -> Fill:
    return Fill(
        client_order_id="x-e1-1",
        strategy="carry-btc",
        instrument=SPOT,
        side=side,
        price=D(60_000 + number),
        quantity=D("0.1"),
        fee=D("0.6"),
        fee_currency="USDT",
        liquidity=Liquidity.MAKER,
        trade_id=str(number),
        ts_event=number * S,
    )


def story(strategy: str = "carry-btc", instruments: tuple[str, ...] = (SPOT, PERP), cycles: int = 1) -> StrategyStory:
    status = msgspec.structs.replace(
        STRATEGY, id=strategy, positions=dict.fromkeys(instruments, D(0)), note="edge <b>3</b> bps"
    )
    losing = msgspec.structs.replace(CYCLE, pnl=Pnl(D(-3), D(0), D(0), D(0), "USDT"), result=CycleResult.UNWOUND)
    return StrategyStory(
        report=StrategyReport(status=status, cycles=(*(CYCLE,) * (cycles - 1), losing)[:cycles]),
        moments=tuple(
            Moment(second * S, D(second), {SPOT: D("0.5")}, {SPOT: 60_000.0 + second, PERP: 60_060.0})
            for second in range(5)
        ),
        fills=(fill(1, Side.BUY), fill(2, Side.SELL)),
        fills_total=2,
        alerts=((2 * S, "residual & worry"),),
    )


def run(*strategies: StrategyStory) -> RunStory:
    return RunStory(title="demo: backtest", from_ns=0, to_ns=5 * S, facts=(("events", "12"),), strategies=strategies)


def without_library(page: str) -> str:
    return page.replace(charts.script(), "")


def test_a_page_needs_no_network() -> None:
    page = without_library(render_page(run(story())))
    assert [] == re.findall(r"(?:src|href)=", page)
    assert charts.script() in render_page(run(story()))


def test_a_page_is_the_same_every_time() -> None:
    assert render_page(run(story())) == render_page(run(story()))


def test_words_are_escaped() -> None:
    page = without_library(render_page(run(story())))
    assert "edge &lt;b&gt;3&lt;/b&gt; bps" in page
    assert "residual &amp; worry" in page


def test_the_sum_of_a_strategy_and_its_parts_are_told_exactly() -> None:
    page = without_library(render_page(run(story())))
    # 12.5 + 0.25 - 1.1 + 0.05
    assert "<b class='good'>+11.70</b><span>profit, USDT" in page
    for part in ("-0.5", "-0.25", "13.5", "0.05", "-1.1", "11.70"):
        assert f"<td>{part}</td>" in page


def test_cycles_and_what_lies_outside_of_them_sum_to_the_whole() -> None:
    """Of spread -0.5, the cycle in hand has -0.25 and what is outside of all cycles +0.05: the ended ones have -0.3."""
    zero = {name: D(0) for name in ("slippage", "basis", "inventory", "funding", "fees")}
    in_hand, outside = (
        Earnings(PNL, Attribution(spread=D(spread), currency="USDT", **zero)) for spread in ("-0.25", "0.05")
    )
    told = story()
    status = msgspec.structs.replace(told.report.status, cycle_in_hand=(in_hand,), outside_cycles=(outside,))
    page = without_library(
        render_page(run(msgspec.structs.replace(told, report=StrategyReport(status=status, cycles=()))))
    )
    assert "<td>of this: cycle in hand</td><td>-0.25</td>" in page
    assert "<td>of this: outside of cycles</td><td>0.05</td>" in page
    # -0.5 - (-0.25) - 0.05; the other parts are the whole's
    assert "<td>of this: ended cycles</td><td>-0.30</td><td>-0.25</td><td>13.5</td>" in page


def test_a_part_that_no_cycle_has_is_no_column_of_the_cycles() -> None:
    page = without_library(render_page(run(story())))
    cycles = page[page.index("<details open>") :]
    heading = cycles[: cycles.index("</thead>")]
    # the sample has spread, slippage, basis, funding and fees, and no inventory
    assert "<th>spread</th><th>slippage</th><th>basis</th><th>funding</th><th>fees</th><th>total</th>" in heading


def test_the_desk_sums_each_currency_apart() -> None:
    in_coin = story("coin")
    status = msgspec.structs.replace(in_coin.report.status, pnl=Pnl(D("-0.001"), D(0), D(0), D(0), "BTC"))
    coin = msgspec.structs.replace(in_coin, report=StrategyReport(status=status, cycles=()))
    page = without_library(render_page(run(story(), story("other"), coin)))
    # two strategies of 11.70 each
    assert "+23.40</b><span>profit, USDT" in page
    assert "<b class='bad'>-0.00100000</b><span>profit, BTC" in page


def traces(page: str, name: str) -> list[dict[str, object]]:
    """The traces of one chart, as they are given to the plotting library."""
    start = page.index("[", page.index("Plotly.newPlot", page.index(f'id="{name}"')))
    found: list[dict[str, object]] = json.JSONDecoder().raw_decode(page[start:])[0]
    return found


def test_a_pair_is_drawn_with_its_spread_its_entries_and_its_exits() -> None:
    drawn = {trace["name"]: trace for trace in traces(without_library(render_page(run(story()))), "market-carry-btc")}
    assert {"equity", "drawdown", "spread", "entry", "exit", SPOT, PERP} == set(drawn)
    # the cycle began after 1 s and ended after 1.25 s
    assert ["1970-01-01 00:00:01.000"] == drawn["entry"]["x"]
    assert ["1970-01-01 00:00:01.250"] == drawn["exit"]["x"]


def test_a_single_instrument_is_drawn_with_its_price_and_its_fills() -> None:
    page = without_library(render_page(run(story(instruments=(SPOT,)))))
    drawn = {trace["name"]: trace for trace in traces(page, "market-carry-btc")}
    assert {"equity", "drawdown", "mid", "buys", "sells", SPOT} == set(drawn)
    assert [60_001.0] == drawn["buys"]["y"]
    assert [60_002.0] == drawn["sells"]["y"]


def test_the_bars_of_the_attribution_sum_to_its_total() -> None:
    (bars,) = traces(without_library(render_page(run(story()))), "attribution-carry-btc")
    values = bars["y"]
    assert isinstance(values, list)
    assert values[-1] == pytest.approx(sum(values[:-1]))
    assert [float(part) for part in charts.attribution_parts(ATTRIBUTION)] == values


def test_cycles_and_alerts_beyond_what_is_shown_are_counted() -> None:
    many = story(cycles=CYCLES_SHOWN_MAX + 5)
    status = msgspec.structs.replace(many.report.status, cycles=CYCLES_SHOWN_MAX + 5)
    long = msgspec.structs.replace(
        many,
        report=StrategyReport(status=status, cycles=many.report.cycles),
        alerts=((1, "again"),) * (ALERTS_SHOWN_MAX + 3),
    )
    page = without_library(render_page(run(long)))
    assert f"{CYCLES_SHOWN_MAX} of {CYCLES_SHOWN_MAX + 5} cycles" in page
    assert "<li>3 more</li>" in page


def test_a_strategy_that_did_nothing_has_a_page_all_the_same() -> None:
    quiet = msgspec.structs.replace(story(cycles=0), moments=(), fills=(), alerts=())
    status = msgspec.structs.replace(
        quiet.report.status, note="", markouts=(), attribution=Attribution(*(D(0),) * 6, "USDT")
    )
    page = without_library(render_page(run(msgspec.structs.replace(quiet, report=StrategyReport(status, ())))))
    assert "market-carry-btc" not in page
    assert "cycles won" in page
    assert "alerts" not in page


def test_without_the_plotting_library_the_next_step_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(charts.PlottingMissing, match=r"openoutcry\[reports\]"):
        charts.check_plotting()
