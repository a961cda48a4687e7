"""Every rule by itself: what it finds, and what it lets pass."""

from decimal import Decimal

from messages.health import Latency, LimitUse
from messages.instruments import Instrument
from messages.risk import LeaseUse, PositionMismatch
from supervisor.config.risk import (
    ConcentrationRule,
    LatencyRule,
    OrderStormRule,
    PnlJumpRule,
    RejectBurstRule,
    StaleFeedRule,
)
from supervisor.risk import rules
from supervisor.risk.exposures import Exposure, exposures
from tests.supervisor.risk.race import instrument

D = Decimal
S = 1_000_000_000


def samples(*values: str) -> list[tuple[int, Decimal]]:
    return [(index * S, D(value)) for index, value in enumerate(values)]


def test_a_profit_that_jumps_either_way_is_found() -> None:
    rule = PnlJumpRule(amount=D(100), window_s=10.0)
    assert rules.pnl_jump(rule, samples("0", "99", "50"), "USDT") is None
    assert rules.pnl_jump(rule, samples("0", "-60", "40"), "USDT") == (
        "its profit moved by 100.00 USDT within 10 s, 100 is odd"
    )
    assert rules.pnl_jump(rule, [], "USDT") is None
    assert rules.pnl_jump(PnlJumpRule(), samples("0", "1e9"), "USDT") is None, "no amount, no rule"


def test_a_burst_of_refusals_is_found() -> None:
    rule = RejectBurstRule(count=5, window_s=10.0)
    assert rules.reject_burst(rule, samples("100", "104")) is None
    assert rules.reject_burst(rule, samples("100", "105")) == "5 of its orders were refused within 10 s"


def test_a_count_that_begins_anew_is_counted_from_there() -> None:
    rule = RejectBurstRule(count=5, window_s=10.0)
    assert rules.reject_burst(rule, samples("100", "102", "0", "2")) is None, "2 + 2"
    assert rules.reject_burst(rule, samples("100", "102", "0", "3")) is not None


def test_a_storm_of_orders_is_found() -> None:
    rule = OrderStormRule(orders_per_s=10.0, window_s=5.0)
    assert rules.order_storm(rule, samples("0", "50")) is None
    assert rules.order_storm(rule, samples("0", "60")) == "it sends 12 orders a second, 10 is the most that is right"


def test_a_position_without_a_fresh_price_is_found_after_a_while() -> None:
    rule = StaleFeedRule(after_s=10.0)
    assert rules.stale_feed(rule, {"A.a": 0}, 9 * S) is None
    assert rules.stale_feed(rule, {"A.a": 0, "B.b": 5 * S}, 12 * S) == "it holds A.a, without a fresh price for 12 s"
    assert rules.stale_feed(rule, {}, 100 * S) is None


def test_slow_orders_are_found_once_there_are_enough_of_them() -> None:
    rule = LatencyRule(p99_ms=5.0, n_min=100)
    slow = Latency(p50=500.0, p99=6_000.0, p999=9_000.0, n=100)
    assert rules.latency(rule, slow) == "99 in 100 of its orders take up to 6.0 ms from tick to gate, of 5"
    assert rules.latency(rule, Latency(500.0, 6_000.0, 9_000.0, 99)) is None
    assert rules.latency(rule, Latency(500.0, 5_000.0, 9_000.0, 100)) is None
    assert rules.latency(LatencyRule(), slow) is None


def test_too_much_of_one_asset_is_found() -> None:
    rule = ConcentrationRule(share_max=0.6, gross_min=D(1_000))
    assert rules.concentration(rule, {"BTC": D(700), "ETH": D(300)}, "USDT") == (
        "70% of 1000 USDT held is BTC, of 60% at most"
    )
    assert rules.concentration(rule, {"BTC": D(600), "ETH": D(400)}, "USDT") is None
    assert rules.concentration(rule, {"BTC": D(700), "ETH": D(200)}, "USDT") is None, "900 is below gross_min"
    assert rules.concentration(rule, {}, "USDT") is None
    assert rules.concentration(ConcentrationRule(), {"BTC": D(700)}, "USDT") is None


def test_a_limit_that_is_passed_by_what_is_held_is_found() -> None:
    within = LimitUse("portfolio.gross_notional_max", "USDT", 900.0, 900.0, 900.0)
    called_back = LimitUse("portfolio.net_notional_max", "USDT", 100.0, 500.0, 200.0)
    assert rules.limit_passed([within, called_back]) is None, "what is out is being called back"
    assert (
        rules.limit_passed([within, LimitUse("a", "USDT", 950.0, 950.0, 900.0), LimitUse("b", "", 3.5, 3.5, 3.0)])
        == "more is held than may be: a: 950 USDT of 900; b: 3.5 of 3"
    )


def test_a_mismatch_says_who_says_what() -> None:
    assert rules.position_mismatch(PositionMismatch("spot", "BTCUSDT.spot", D("1.5"), D(1), 5)) == (
        "BTCUSDT.spot: our books say 1.5, spot says 1"
    )


def held(strategy: str, name: str, position: str) -> LeaseUse:
    return LeaseUse(strategy, name, D(position), D(0), D(0), D(0), D(0))


def test_exposures_are_summed_by_everything_that_they_belong_to() -> None:
    known: dict[str, Instrument] = {
        item.id: item
        for item in (instrument("BTCUSDT", "a"), instrument("BTCUSDT", "b"), instrument("ETHUSDT", "a", "ETH"))
    }
    uses = [
        held("one", "BTCUSDT.a", "2"),
        held("one", "BTCUSDT.b", "-1"),
        held("two", "ETHUSDT.a", "10"),
        held("two", "BTCUSDT.a", "0"),
        held("two", "GONE.a", "5"),
        held("three", "BTCUSDT.b", "4"),
    ]
    values = {"BTCUSDT.a": D(100), "BTCUSDT.b": D(101), "ETHUSDT.a": D(10)}
    found = exposures(uses[:-1], known, values.get)
    # 2 x 100 - 1 x 101 = 99; 10 x 10 = 100
    assert found.strategies == {"one": Exposure(D(301), D(99)), "two": Exposure(D(100), D(100))}
    assert found.assets == {"BTC": Exposure(D(301), D(99)), "ETH": Exposure(D(100), D(100))}
    assert found.venues == {"a": Exposure(D(300), D(300)), "b": Exposure(D(101), D(-101))}
    assert found.instruments["BTCUSDT.b"] == Exposure(D(101), D(-101))
    assert found.portfolio == Exposure(D(401), D(199))
    assert found.unvalued == ()
    unknown = exposures(uses, known, {**values, "BTCUSDT.b": None}.get)
    assert unknown.unvalued == ("-1 BTCUSDT.b of one", "4 BTCUSDT.b of three")
    assert unknown.portfolio == Exposure(D(300), D(300))


def test_nothing_held_is_no_exposure() -> None:
    assert exposures([], {}, lambda _: None).portfolio == Exposure(D(0), D(0))
