"""Which limits bind whom, and how much room they leave."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from supervisor.config.risk import InstrumentLimits, LossLimits, NotionalLimits, RiskConfig, StrategyLimits
from supervisor.risk.allocation import Claim, share_out
from supervisor.risk.limits import Limits
from supervisor.risk.loads import FLAT, Loads, Sides
from tests.supervisor.risk.race import instrument

D = Decimal
INSTRUMENTS = {
    item.id: item
    for item in (instrument("BTCUSDT", "a"), instrument("ETHUSDT", "a", "ETH"), instrument("BTCUSDT", "b"))
}
CONFIG = RiskConfig(
    portfolio=LossLimits(gross_notional_max=D(1_000), net_notional_max=D(600)),
    venues={"a": NotionalLimits(gross_notional_max=D(500))},
    assets={"BTC": NotionalLimits(net_notional_max=D(400))},
    instruments={"BTCUSDT.a": InstrumentLimits(position_max=D(3))},
    strategies={"one": StrategyLimits(net_notional_max=D(300), position_max={"BTCUSDT.b": D(2)}, messages_per_s=6.0)},
)
VALUES = {"BTCUSDT.a": D(100), "BTCUSDT.b": D(101), "ETHUSDT.a": D(10)}


def names(strategy: str, name: str) -> list[str]:
    return [limit.name for limit in Limits(CONFIG, INSTRUMENTS).of((strategy, name))]


def test_a_lease_is_bound_by_every_scope_that_it_is_in() -> None:
    assert names("one", "BTCUSDT.a") == [
        "portfolio.gross_notional_max",
        "portfolio.net_notional_max",
        "venues.a.gross_notional_max",
        "assets.BTC.net_notional_max",
        "strategies.one.net_notional_max",
        "instruments.BTCUSDT.a.position_max",
    ]
    assert names("two", "BTCUSDT.b") == [
        "portfolio.gross_notional_max",
        "portfolio.net_notional_max",
        "assets.BTC.net_notional_max",
    ]
    assert "strategies.one.position_max.BTCUSDT.b" in names("one", "BTCUSDT.b")


def test_without_a_config_nothing_binds() -> None:
    limits = Limits(None, INSTRUMENTS)
    assert limits.of(("one", "BTCUSDT.a")) == ()
    assert limits.reporting_currency == ""
    assert limits.messages_per_s("one", 2) == 0.0


def test_message_rates_are_divided() -> None:
    limits = Limits(CONFIG, INSTRUMENTS)
    assert limits.messages_per_s("one", 3) == 2.0
    assert limits.messages_per_s("two", 3) == 0.0


def test_room_is_what_the_tightest_limit_leaves() -> None:
    loads = Loads(Limits(CONFIG, INSTRUMENTS), VALUES.get)
    loads.set(("two", "BTCUSDT.a"), Sides(D(2), D(0)))
    # position: 3 - 2 = 1; net of one: 300 / 100 = 3; net of BTC: (400 - 200) / 100 = 2; venue: (500 - 200) / 100 = 3
    assert loads.most(("one", "BTCUSDT.a"), is_long=True) == 1
    assert loads.most(("one", "BTCUSDT.a"), is_long=False) == 3
    # 50 at the venue for each of six: 5 units of ETH at 10
    assert loads.most(("one", "ETHUSDT.a"), is_long=True, sharers={"venues.a.gross_notional_max": 6}) == 5


def test_the_other_side_of_a_lease_costs_no_gross() -> None:
    loads = Loads(Limits(RiskConfig(portfolio=LossLimits(gross_notional_max=D(500))), INSTRUMENTS), VALUES.get)
    loads.set(("one", "BTCUSDT.a"), Sides(D(5), D(0)))
    assert loads.most(("one", "BTCUSDT.a"), is_long=True) == 5
    assert loads.most(("one", "BTCUSDT.a"), is_long=False) == 5


def test_nothing_is_ever_taken_by_asking_for_room() -> None:
    loads = Loads(Limits(CONFIG, INSTRUMENTS), VALUES.get)
    loads.set(("one", "BTCUSDT.a"), Sides(D(50), D(0)))
    assert loads.is_over(("two", "BTCUSDT.b"))
    assert loads.most(("one", "BTCUSDT.a"), is_long=True) == 50
    assert loads.most(("two", "BTCUSDT.b"), is_long=True) == 0
    loads.set(("one", "BTCUSDT.a"), FLAT)
    assert not loads.is_over(("two", "BTCUSDT.b"))


quantities = st.decimals(min_value=0, max_value=20, places=3)
sides = st.builds(Sides, quantities, quantities)
KEYS = [("one", "BTCUSDT.a"), ("one", "BTCUSDT.b"), ("two", "BTCUSDT.a"), ("two", "ETHUSDT.a"), ("three", "BTCUSDT.b")]


@given(
    st.tuples(*[sides for _ in KEYS]),
    st.tuples(*[sides for _ in KEYS]),
    st.tuples(*[st.integers(1, 10) for _ in KEYS]),
    st.tuples(*[st.booleans() for _ in KEYS]),
)
def test_shares_keep_every_limit_and_take_what_is_used_only_where_that_alone_exceeds_one(
    used: tuple[Sides, ...], wanted: tuple[Sides, ...], priorities: tuple[int, ...], grow: tuple[bool, ...]
) -> None:
    limits = Limits(CONFIG, INSTRUMENTS)
    claims = [Claim(*parts) for parts in zip(KEYS, priorities, used, wanted, grow, strict=True)]
    shares = share_out(claims, limits, VALUES.get)
    before, after = Loads(limits, VALUES.get), Loads(limits, VALUES.get)
    for claim in claims:
        before.set(claim.key, claim.used)
        after.set(claim.key, shares[claim.key])
    for claim in claims:
        share, is_exceeded = shares[claim.key], before.is_exceeded(claim.key)
        assert is_exceeded or share.or_more(claim.used) == share
        if not claim.can_grow:
            assert share == claim.used or (is_exceeded and share.or_less(claim.used) == share)
    for limit in limits.by_name.values():
        assert after.load(limit) <= limit.max


def test_a_limit_that_was_lowered_below_what_is_used_leaves_each_what_the_others_leave_of_it() -> None:
    """Else whoever quotes anew all the time would keep what he has for ever."""
    limits = Limits(RiskConfig(instruments={"BTCUSDT.a": InstrumentLimits(position_max=D(3))}), INSTRUMENTS)
    one, two = ("one", "BTCUSDT.a"), ("two", "BTCUSDT.a")
    claims = [Claim(one, 1, Sides(D(3), D(1)), FLAT, True), Claim(two, 1, Sides(D(1), D(0)), FLAT, True)]
    shares = share_out(claims, limits, VALUES.get)
    # long: 4 are used of 3; 3 - 1 = 2 for one, 3 - 3 = 0 for two; short: 1 is used of 3
    assert (shares[one].long, shares[two].long) == (2, 0)
    assert shares[one].short >= 1


def test_what_has_no_known_worth_is_taken_from_nobody() -> None:
    limits = Limits(RiskConfig(portfolio=LossLimits(gross_notional_max=D(1))), INSTRUMENTS)
    claim = Claim(("one", "BTCUSDT.a"), 1, Sides(D(5), D(0)), FLAT, True)
    assert share_out([claim], limits, lambda _: None) == {claim.key: claim.used}
