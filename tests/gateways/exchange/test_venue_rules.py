import msgspec
import pytest

from gateways.exchange.venue_rules import (
    NOTIONAL_MAX,
    check_instrument,
    check_notional,
    check_reduce_only,
    check_spec,
    check_terms,
)
from messages.orders import OrderType, RejectReason, TimeInForce
from tests.gateways.exchange.trading_floor import BUY, FUTURE, INVERSE, LINEAR, SELL, SPOT, D, a_spec, order


def with_rules(instrument=SPOT, **fields):
    return msgspec.structs.replace(instrument, **fields)


def reason(refusal):
    return None if refusal is None else refusal.reason


@pytest.mark.parametrize(
    ("request_", "expected", "words"),
    [
        (order("a", BUY, "1", "100.1"), None, ""),
        (order("a", BUY, "1"), None, ""),
        (order("a", BUY, "1", "100.15"), RejectReason.INVALID_PRICE, "multiple of the tick size 0.1"),
        (order("a", BUY, "1", "0"), RejectReason.INVALID_PRICE, "not above 0"),
        (order("a", BUY, "1", "-5"), RejectReason.INVALID_PRICE, "not above 0"),
        (order("a", BUY, "1", type=OrderType.LIMIT), RejectReason.INVALID_PRICE, "limit orders need a price"),
        (order("a", BUY, "1", "100", type=OrderType.MARKET), RejectReason.INVALID_PRICE, "price not required"),
        (order("a", BUY, "1.0005", "100"), RejectReason.INVALID_QUANTITY, "multiple of the lot size 0.001"),
        (order("a", BUY, "0", "100"), RejectReason.INVALID_QUANTITY, "not above 0"),
        (order("a", BUY, "-1", "100"), RejectReason.INVALID_QUANTITY, "not above 0"),
        (order("a", BUY, "0.009", "100"), RejectReason.INVALID_QUANTITY, "below the minimum of 0.01"),
        (order("a", BUY, "51", "100"), RejectReason.INVALID_QUANTITY, "above the maximum of 50"),
        (order("a", BUY, "1", "100", post_only=True), None, ""),
        (order("a", BUY, "1", post_only=True), RejectReason.OTHER, "post-only"),
        (order("a", BUY, "1", "100", post_only=True, time_in_force=TimeInForce.IOC), RejectReason.OTHER, "post-only"),
    ],
)
def test_terms_are_checked_against_the_instruments_steps_and_bounds(request_, expected, words):
    refusal = check_terms(request_, with_rules(min_quantity=D("0.01"), max_quantity=D("50")))
    assert expected == reason(refusal)
    assert words in ("" if refusal is None else refusal.text)


def test_the_longest_price_on_the_finest_tick_is_judged_and_breaks_nothing():
    instrument = with_rules(tick_size=D("1e-18"))
    assert check_terms(order("a", BUY, "1", "1e18"), instrument) is None


def test_an_unknown_instrument_is_refused():
    assert RejectReason.UNKNOWN_INSTRUMENT == reason(check_instrument(order("a", BUY, "1"), None, 0))


def test_a_future_is_refused_from_its_expiry_on():
    request = order("a", BUY, "1", instrument=FUTURE.id)
    assert check_instrument(request, FUTURE, FUTURE.expiry_ns - 1) is None
    assert RejectReason.EXPIRED_INSTRUMENT == reason(check_instrument(request, FUTURE, FUTURE.expiry_ns))
    assert check_instrument(request, SPOT, FUTURE.expiry_ns) is None  # 0 = never


@pytest.mark.parametrize(
    ("request_", "instrument", "market_price", "expected"),
    [
        (order("a", BUY, "0.05", "100"), SPOT, None, None),  # just 5
        (order("a", BUY, "0.05", "99.9"), SPOT, None, RejectReason.MIN_NOTIONAL),  # 4.995
        (order("a", BUY, "0.05"), SPOT, D("100"), None),
        (order("a", BUY, "0.05"), SPOT, D("99.9"), RejectReason.MIN_NOTIONAL),
        (order("a", BUY, "0.05"), SPOT, None, None),  # nobody offers: refused for that
        (order("a", SELL, "0.01", "100", reduce_only=True), SPOT, None, RejectReason.MIN_NOTIONAL),
        (order("a", SELL, "0.01", "100", reduce_only=True), with_rules(LINEAR, min_notional=D(5)), None, None),
        (order("a", SELL, "1", "100"), with_rules(INVERSE, min_notional=D(200)), None, RejectReason.MIN_NOTIONAL),
        (order("a", SELL, "2", "100"), with_rules(INVERSE, min_notional=D(200)), None, None),  # contracts of 100
        (order("a", SELL, "1e9", "1001"), SPOT, None, RejectReason.INVALID_QUANTITY),  # above 1e12
    ],
)
def test_the_notional_has_a_minimum_and_an_absolute_maximum(request_, instrument, market_price, expected):
    assert D("1e12") == NOTIONAL_MAX
    assert expected == reason(check_notional(request_, instrument, market_price))


@pytest.mark.parametrize(
    ("side", "instrument", "position", "expected"),
    [
        (SELL, LINEAR, "1", None),
        (BUY, LINEAR, "-1", None),
        (BUY, LINEAR, "1", RejectReason.REDUCE_ONLY),
        (SELL, LINEAR, "-1", RejectReason.REDUCE_ONLY),
        (SELL, LINEAR, "0", RejectReason.REDUCE_ONLY),
        (SELL, SPOT, "0", None),  # the balance bounds it
        (BUY, SPOT, "1", RejectReason.REDUCE_ONLY),
    ],
)
def test_reduce_only_needs_something_to_reduce(side, instrument, position, expected):
    request = order("a", side, "1", "100", reduce_only=True)
    assert expected == reason(check_reduce_only(request, instrument, D(position)))


def test_an_order_that_is_not_reduce_only_may_do_anything_to_the_position():
    assert check_reduce_only(order("a", BUY, "1", "100"), LINEAR, D(1)) is None


def test_a_venue_of_every_kind_of_instrument_is_accepted():
    check_spec(a_spec(SPOT, LINEAR, INVERSE, FUTURE))
    check_spec(a_spec(with_rules(fee_currency="BTC"), with_rules(LINEAR, fee_currency="USDT")))


@pytest.mark.parametrize(
    ("instruments", "fields", "words"),
    [
        ([with_rules(fee_currency="BNB")], {}, "BTCUSDT charges fees in BNB; only BTC or USDT is simulated"),
        ([with_rules(LINEAR, fee_currency="BTC")], {}, "charges fees in BTC; only USDT is simulated"),
        ([with_rules(LINEAR, settle="BTC")], {}, "settles in BTC; only USDT is simulated"),
        ([with_rules(INVERSE, settle="USD")], {}, "settles in USD; only BTC is simulated"),
        ([with_rules(multiplier=D(10))], {}, "has the multiplier 10; expected 1"),
        ([with_rules(venue="other")], {}, "belongs to venue other"),
        ([SPOT, SPOT], {}, "BTCUSDT is listed twice"),
        ([SPOT], {"balances": {"USDT": D(-1)}}, "balance of USDT is negative"),
        # lot 8 + tick 8 + fee 1 + 4 places = 21
        (
            [with_rules(lot_size=D("1e-8"), tick_size=D("1e-8"), taker_fee_bps=D("7.5"))],
            {},
            "amounts of 21 decimal places",
        ),
    ],
)
def test_what_is_not_simulated_is_refused_by_name(instruments, fields, words):
    with pytest.raises(ValueError, match="simulated venue sim: ") as caught:
        check_spec(a_spec(*instruments, **fields))
    assert words in str(caught.value)


def test_all_faults_of_a_spec_are_told_at_once():
    with pytest.raises(ValueError, match=r"listed twice.*negative"):
        check_spec(a_spec(SPOT, SPOT, balances={"USDT": D(-1)}))
