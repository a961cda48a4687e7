"""The pair of a dead strategy: what each leg is brought to."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisor.operations.residual import NotAPair, completion, is_tradable
from tests.supervisor.operations.desk_driver import BTC, BTC_PERP, instrument

SPOT_LEG = instrument(BTC)
PERP_LEG = instrument(BTC_PERP)
PAIR = (SPOT_LEG, PERP_LEG)


def held(spot: str, perp: str) -> dict[str, Decimal]:
    return {BTC: Decimal(spot), BTC_PERP: Decimal(perp)}


@pytest.mark.parametrize(
    ("spot", "perp", "targets"),
    [
        ("0.5", "-0.3", {BTC: "0.3"}),  # 0.2 too long
        ("0.3", "-0.5", {BTC_PERP: "-0.3"}),
        ("-0.5", "0.3", {BTC: "-0.3"}),
        ("0.5", "-0.5", {}),
        ("0", "0", {}),
        ("0.5", "0", {BTC: "0"}),
        ("0", "-0.5", {BTC_PERP: "0"}),
        ("0.5", "0.3", {BTC: "0", BTC_PERP: "0"}),  # of the same side: nothing matches
        ("0.5004", "-0.5", {}),  # 0.0004 is less than a lot of 0.001
    ],
)
def test_the_larger_leg_comes_down_to_what_the_smaller_one_matches(
    spot: str, perp: str, targets: dict[str, str]
) -> None:
    assert completion(PAIR, held(spot, perp)) == {id: Decimal(target) for id, target in targets.items()}


def test_contracts_are_compared_by_what_they_are_of_the_base() -> None:
    contracts = instrument(BTC_PERP, multiplier=Decimal("0.01"), lot_size=Decimal(1))
    # 37 contracts of 0.01 BTC are 0.37 BTC; the spot leg of 0.5 is 0.13 too long
    assert completion((SPOT_LEG, contracts), held("0.5", "-37")) == {BTC: Decimal("0.37")}
    # 0.307 BTC of spot match 30.7 contracts; the nearest lot is 31
    assert completion((SPOT_LEG, contracts), held("0.307", "-37")) == {BTC_PERP: Decimal(-31)}


def test_two_inverse_contracts_are_compared_by_their_quote_currency() -> None:
    near = instrument("BTCUSD.spot", type="perpetual", inverse=True, multiplier=Decimal(100), lot_size=Decimal(1))
    far = instrument("BTCUSD.perp", inverse=True, multiplier=Decimal(10), lot_size=Decimal(1))
    # 5 × 100 USD against 300 × 10 USD: 50 contracts of the second match the first
    sizes = {near.id: Decimal(5), far.id: Decimal(-300)}
    assert completion((near, far), sizes) == {far.id: Decimal(-50)}


def test_an_inverse_and_a_linear_leg_need_a_price() -> None:
    inverse = instrument(BTC_PERP, inverse=True, multiplier=Decimal(100))
    with pytest.raises(NotAPair, match="which only a price could compare"):
        completion((SPOT_LEG, inverse), held("1", "-1"))


@pytest.mark.parametrize("legs", [(), (SPOT_LEG,), (SPOT_LEG, PERP_LEG, instrument("ETHUSDT.spot"))])
def test_only_two_legs_complete_each_other(legs: tuple) -> None:
    with pytest.raises(NotAPair, match=f"it trades {len(legs)} instruments"):
        completion(legs, {})


LOTS = st.integers(-5_000, 5_000).map(lambda lots: Decimal(lots) / 1_000)


@given(spot=LOTS, perp=LOTS)
def test_no_target_is_beyond_what_is_held_and_both_match_in_the_end(spot: Decimal, perp: Decimal) -> None:
    sizes = {BTC: spot, BTC_PERP: perp}
    targets = completion(PAIR, sizes)
    for id, target in targets.items():
        assert abs(target) <= abs(sizes[id])
        assert target * sizes[id] >= 0
    after = {**sizes, **targets}
    assert after[BTC] + after[BTC_PERP] == 0


@pytest.mark.parametrize(
    ("size", "least", "tradable"),
    [("0.001", "0", True), ("-0.001", "0", True), ("0.0009", "0", False), ("0.004", "0.005", False), ("0", "0", False)],
)
def test_what_is_below_a_lot_or_the_venues_minimum_cannot_be_traded(size: str, least: str, *, tradable: bool) -> None:
    assert is_tradable(instrument(BTC, min_quantity=Decimal(least)), Decimal(size)) is tradable


def test_of_an_instrument_that_is_not_known_anything_may_be_traded() -> None:
    assert is_tradable(None, Decimal("1e-9"))
    assert not is_tradable(None, Decimal(0))
