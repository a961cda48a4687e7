"""What the venue books by itself, and in what it takes its fees."""

from decimal import Decimal

import pytest

from gateways.bybit import bookings
from gateways.bybit.asides import Aside, AsideKind
from gateways.bybit.bookings import BookingNumbers
from gateways.bybit.directory import fee_currency
from gateways.venue import FundingBooked
from messages.orders import CLIENT_ORDER_ID_LENGTH_MAX, Fill, Side, is_venue_made
from tests.gateways.bybit.private_account import INVERSE, NOW_MS, PERP, Account, execution_body, instrument

UUID = "9aac161b-8ed6-450d-9cab-c5cc67c21784"
FORCED = {"orderId": UUID, "orderLinkId": "", "side": "Sell", "createType": ""}
TS = (NOW_MS + 2) * 1_000_000


@pytest.mark.parametrize(
    ("fields", "client_order_id"),
    [
        ({"execType": "BustTrade"}, "autoclose-9aac161b8ed6450d9cabc5"),
        ({"execType": "AdlTrade"}, "adl-autoclose-9aac161b8ed6450d9c"),
        ({"execType": "Settle"}, "settlement-autoclose-9aac161b8ed"),
        ({"execType": "Delivery"}, "settlement-autoclose-9aac161b8ed"),
        ({"createType": "CreateByLiq"}, "autoclose-9aac161b8ed6450d9cabc5"),
        ({"createType": "CreateByTakeOver_PassThrough"}, "autoclose-9aac161b8ed6450d9cabc5"),
        ({"createType": "CreateByAdl_PassThrough"}, "adl-autoclose-9aac161b8ed6450d9c"),
        ({"createType": "CreateBySettle"}, "settlement-autoclose-9aac161b8ed"),
    ],
)
def test_what_the_venue_forces_on_us_is_a_fill_of_an_order_of_its_own(fields, client_order_id):
    (fill,) = Account().hear("execution", execution_body(**(FORCED | fields)))

    assert isinstance(fill, Fill)
    assert (fill.client_order_id, fill.strategy, fill.side) == (client_order_id, "venue", Side.SELL)
    assert is_venue_made(fill.client_order_id)
    assert len(fill.client_order_id) == CLIENT_ORDER_ID_LENGTH_MAX


def test_a_forced_fill_without_an_order_has_the_id_of_its_trade():
    (fill,) = Account().hear("execution", execution_body("tr-7", **(FORCED | {"orderId": "", "execType": "BustTrade"})))

    assert fill.client_order_id == "autoclose-tr7"


def funding(**fields) -> dict:
    terms = {"execType": "Funding", "orderLinkId": "", "orderId": "", "markPrice": "50000", "feeRate": "0.0001"}
    return execution_body("f-1", **(terms | {"execQty": "0.5", "execFee": "2.5"} | fields))


def test_a_funding_that_a_long_pays_is_booked_negative():
    # 0.5 × 50000 × 0.0001 = 2.5
    assert Account().hear("execution", funding()) == [
        FundingBooked(1, PERP, Decimal("-2.5"), "USDT", 0.0001, 50_000.0, Decimal("0.5"), TS)
    ]


@pytest.mark.parametrize("rate", ["0.0001", "-0.0001"])
def test_a_funding_that_a_short_receives_has_the_rate_of_the_market_whichever_sign_is_printed(rate):
    (booked,) = Account().hear("execution", funding(side="Sell", execFee="-2.5", feeRate=rate))

    assert (booked.amount, booked.position, booked.rate) == (Decimal("2.5"), Decimal("-0.5"), 0.0001)


def test_a_funding_of_an_inverse_contract_is_in_coin():
    (booked,) = Account().hear(
        "execution", funding(category="inverse", symbol="BTCUSD", execQty="100", execFee="-0.0000002", side="Buy")
    )

    assert (booked.instrument, booked.currency) == (INVERSE, "BTC")
    assert booked.rate == -0.0001  # a long that receives: shorts pay


def test_fundings_are_numbered_once_and_those_of_an_earlier_process_are_put_aside():
    account = Account(since_ms=NOW_MS, fundings_known=7)

    (first,) = account.hear("execution", funding())
    (again,) = account.hear("execution", funding())
    (other_side,) = account.hear("execution", funding(side="Sell"))
    (before,) = account.hear("execution", funding(execTime=str(NOW_MS - 3_600_000)))

    assert (first.number, again.number, other_side.number) == (8, 8, 9)
    assert before == Aside(AsideKind.KNOWN_BEFORE, PERP, "funding f-1")


@pytest.mark.parametrize("kind", ["SessionSettlePnl", "Dividend", "ForwardSplitSettle", "ReverseSplitSettle"])
def test_cash_that_changes_no_position_is_put_aside(kind):
    (aside,) = Account().hear("execution", execution_body(execType=kind))

    assert aside.kind is AsideKind.NOT_A_FILL


@pytest.mark.parametrize("kind", ["MovePosition", "BlockTrade", "FutureSpread"])
def test_a_position_that_somebody_moves_is_told(kind):
    (aside,) = Account().hear("execution", execution_body(execType=kind, orderLinkId=""))

    assert aside.kind is AsideKind.FOREIGN_EXECUTION


@pytest.mark.parametrize("kind", ["", "UNKNOWN", "Alchemy"])
def test_an_execution_of_an_unknown_kind_is_told(kind):
    (aside,) = Account().hear("execution", execution_body(execType=kind))

    assert aside.kind is AsideKind.UNKNOWN_VALUE


@pytest.mark.parametrize(
    ("kind", "side", "fee", "currency"),
    [
        ("spot", Side.BUY, "0.1", "BTC"),
        ("spot", Side.SELL, "0.1", "USDT"),
        ("spot", Side.BUY, "-0.1", "USDT"),
        ("spot", Side.SELL, "-0.1", "BTC"),
        ("linear", Side.SELL, "-0.1", "USDT"),
        ("inverse", Side.BUY, "0.1", "BTC"),
    ],
)
def test_a_fee_is_in_the_currency_that_the_venue_takes_where_it_does_not_say(kind, side, fee, currency):
    assert fee_currency(instrument("X", kind), side, Decimal(fee), "") == currency
    assert fee_currency(instrument("X", kind), side, Decimal(fee), "MNT") == "MNT"


def test_old_bookings_are_forgotten_past_a_bound(monkeypatch):
    monkeypatch.setattr(bookings, "KEYS_MAX", 1)
    numbers = BookingNumbers()

    assert [numbers.number((name,), 1) for name in ("a", "b", "b", "a")] == [1, 2, 2, 3]
