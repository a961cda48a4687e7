"""Orders: sides, ids, and what no order or report may carry."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.base import check_decimals
from messages.codec import FROM_GATEWAY, TO_GATEWAY, FrameError, encode
from messages.orders import (
    CLIENT_ORDER_ID_LENGTH_MAX,
    AmendOrder,
    CancelOrder,
    Fill,
    FundingPaid,
    Liquidity,
    OrderType,
    Side,
    SubmitOrder,
    TimeInForce,
    client_order_id,
    order_tag,
)

D = Decimal


def order(**changes: Any) -> SubmitOrder:
    fields: dict[str, Any] = {
        "client_order_id": "desk-carry-e1-1",
        "strategy": "carry",
        "epoch": 1,
        "instrument": "BTCUSDT.spot",
        "side": Side.BUY,
        "quantity": D("0.10"),
        "price": D("50000.0"),
        "ts_created": 1,
    }
    return SubmitOrder(**fields | changes)


def test_a_position_changes_by_sign_times_quantity() -> None:
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    assert (Side.BUY.opposite, Side.SELL.opposite) == (Side.SELL, Side.BUY)


def test_an_order_is_a_limit_order_good_till_cancelled_for_a_second_unless_it_says_otherwise() -> None:
    plain = order()
    assert (plain.type, plain.time_in_force) == (OrderType.LIMIT, TimeInForce.GTC)
    assert (plain.valid_for_ms, plain.post_only, plain.reduce_only) == (1_000, False, False)


def test_an_order_id_is_a_pure_function_of_who_asked_and_how_often() -> None:
    assert client_order_id("desk", "carry", 3, 17) == "desk-carry-e3-17"
    assert TO_GATEWAY.decode(encode(order(client_order_id=client_order_id("desk", "carry", 3, 17))))


@given(st.text(max_size=80), st.text(max_size=80), st.integers(0, 9_999), st.integers(1, 99_999_999))
def test_an_order_id_of_any_names_is_one_that_every_venue_takes(
    cluster: str, strategy: str, epoch: int, seq: int
) -> None:
    # 8 + 1 + 8 + 1 + 5 + 1 + 8 = 32 characters at the most
    name = client_order_id(order_tag(cluster), order_tag(strategy), epoch, seq)
    assert len(name) <= CLIENT_ORDER_ID_LENGTH_MAX
    assert TO_GATEWAY.decode(encode(order(client_order_id=name))).client_order_id == name  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "tag"),
    [("carry-btc", "carrybtc"), ("recorded-carry", "recorded"), ("Ünï-1", "n1"), ("- -", ""), ("٣x", "x")],
)
def test_an_order_tag_is_made_of_letters_and_digits_only(name: str, tag: str) -> None:
    assert order_tag(name) == tag


@pytest.mark.parametrize("bad", ["", "a" * 33, "a b", "a.b", "ü", "a\n", "\na", "a\x00"])
def test_an_order_id_that_some_venue_would_refuse_is_refused(bad: str) -> None:
    for request in (order(client_order_id=bad), CancelOrder(bad, "carry", 1, "BTCUSDT.spot")):
        with pytest.raises(FrameError):
            TO_GATEWAY.decode(encode(request))


@pytest.mark.parametrize("valid_for_ms", [0, -1, 60_001])
def test_an_order_that_never_expires_or_has_already_is_refused(valid_for_ms: int) -> None:
    with pytest.raises(FrameError):
        TO_GATEWAY.decode(encode(order(valid_for_ms=valid_for_ms)))


def test_trailing_zeros_of_money_survive() -> None:
    decoded = TO_GATEWAY.decode(encode(order(quantity=D("0.10"), price=D("1E+3"))))
    assert isinstance(decoded, SubmitOrder)
    assert (str(decoded.quantity), str(decoded.price)) == ("0.10", "1E+3")


def test_money_that_is_none_is_refused_when_it_is_made_too() -> None:
    for bad in (D("NaN"), D("Infinity"), D("1e400"), D("1e-19")):
        with pytest.raises(ValueError, match="expected a"):
            order(quantity=bad)
        with pytest.raises(ValueError, match="expected a"):
            order(price=bad)
        with pytest.raises(ValueError, match="expected a"):
            AmendOrder("a", "s", 1, "i", D(1), bad)


@pytest.mark.parametrize("good", ["1e18", "-1e18", "1E+18", "0E+18", "0E-18", "-0", f"{'9' * 18}.{'9' * 18}"])
def test_decimals_at_the_bound_are_in_bounds(good: str) -> None:
    check_decimals(D(good), None)


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ("sNaN", "finite"),
        ("-Infinity", "finite"),
        ("1E+19", "places"),
        ("0E+19", "places"),
        ("0E-19", "places"),
        ("1000000000000000000.000000000000000001", "within"),
        ("-1000000000000000001", "within"),
    ],
)
def test_decimals_beyond_the_bound_are_refused_with_the_reason(bad: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        check_decimals(D(1), D(bad))


def test_a_rebate_is_a_negative_fee_and_a_funding_rate_is_at_most_the_whole_position() -> None:
    fill = Fill(
        client_order_id="a", strategy="s", instrument="i", side=Side.SELL, price=D(1), quantity=D(1), fee=D("-0.01"),
        fee_currency="USDT", liquidity=Liquidity.MAKER, trade_id="t", ts_event=1,
    )  # fmt: skip
    assert FROM_GATEWAY.decode(encode(fill)) == fill
    paid = FundingPaid("s", "i", D("-1"), "USDT", 1.0, D(1), "1", 1)
    assert FROM_GATEWAY.decode(encode(paid)) == paid
    for rate in (1.1, -1.1, float("nan")):
        with pytest.raises(FrameError):
            FROM_GATEWAY.decode(encode(msgspec.structs.replace(paid, rate=rate)))
