"""The account at Binance, and the numbers of its fundings."""

from decimal import Decimal

import pytest

from gateways.binance.account import read_futures_account
from gateways.binance.funding_book import (
    INCOME_PAGE_MAX,
    SETTLE_MS,
    FundingBook,
    FundingCursor,
    IncomeBody,
    RateBody,
)
from gateways.binance.malformed import MalformedMessage
from gateways.binance.market import Market
from gateways.native.wire import OutcomeUnknown
from gateways.venue import FUNDINGS_MAX, AccountState
from tests.gateways.binance.private_account import (
    MS,
    NAME,
    NOW_MS,
    NOW_NS,
    account_query,
    connected,
    futures_account,
    instrument,
    method_of,
    order_body,
    query_of,
    refusal,
    reply,
)

# --- the account --------------------------------------------------------------------------------------------------


def test_a_spot_account_has_balances_with_what_is_locked_and_open_orders():
    private = connected(Market.SPOT)
    balances, orders = private.on_request(account_query(), NOW_NS)
    assert (method_of(balances), method_of(orders)) == ("account.status", "openOrders.status")
    held = [{"asset": "BTC", "free": "1.5", "locked": "0.25"}, {"asset": "OLD", "free": "0", "locked": "0"}]
    assert reply(private, balances, {"balances": held, "canTrade": True}) == []
    (state,) = reply(private, orders, [order_body(Market.SPOT), order_body(Market.SPOT, clientOrderId="web_1")])
    assert state.balances == {"BTC": Decimal("1.75")}
    assert state.positions == {}
    assert state.open_orders == (NAME,)  # an id that cannot be ours is somebody else's
    assert state.listed[0].instrument == "BTCUSDT.bin"


@pytest.mark.parametrize("market", [Market.USDM, Market.COINM])
def test_a_futures_account_nets_both_sides_of_a_contract(market):
    sides = [
        {"symbol": "BTCUSDT", "positionAmt": "20", "positionSide": "LONG"},
        {"symbol": "BTCUSDT", "positionAmt": "-10", "positionSide": "SHORT"},
        {"symbol": "ETHUSDT", "positionAmt": "0"},
    ]
    (state,) = futures_account(connected(market), positions=sides)
    assert isinstance(state, AccountState)
    assert state.positions == {"BTCUSDT.bin": Decimal(10)}
    assert state.balances == {"USDT": Decimal("122.5")}


def test_a_part_that_is_refused_leaves_the_account_unknown():
    private = connected(Market.SPOT)
    balances, orders = private.on_request(account_query(), NOW_NS)
    (unknown,) = private.on_frame(refusal(balances, -1003, "slow"), NOW_NS)
    assert isinstance(unknown, OutcomeUnknown)
    assert reply(private, orders, []) == []


def test_a_balance_out_of_bounds_is_malformed():
    private = connected(Market.SPOT)
    balances, orders = private.on_request(account_query(), NOW_NS)
    reply(private, orders, [])
    (unknown,) = reply(private, balances, {"balances": [{"asset": "A", "free": "1e40", "locked": "0"}]})
    assert "malformed" in unknown.text
    with pytest.raises(MalformedMessage, match="futures account"):
        read_futures_account(b'{"assets": 1}', "bin")


# --- fundings -----------------------------------------------------------------------------------------------------


def income(tran_id, ms_ago: int = SETTLE_MS, **fields) -> dict:
    given = {"symbol": "BTCUSDT", "incomeType": "FUNDING_FEE", "income": "-0.3", "asset": "USDT", "info": ""}
    return {**given, "time": NOW_MS - ms_ago, "tranId": tran_id, "tradeId": "", **fields}


def test_fundings_are_numbered_explained_and_told_until_they_are_confirmed():
    private = connected(funding=FundingCursor(4, NOW_MS - 10 * SETTLE_MS))
    (request,) = private.funding_rates(instrument(Market.USDM), NOW_NS - 1, NOW_NS)
    rates = [
        {"symbol": "BTCUSDT", "fundingTime": NOW_MS - SETTLE_MS - 2, "fundingRate": "0.0001", "markPrice": "30000"}
    ]
    assert reply(private, request, rates) == []
    (state,) = futures_account(private, after=4, incomes=[income(77), income(76, income="0.1")])
    first, second = state.fundings
    assert (first.number, first.amount, second.number, second.amount) == (5, Decimal("0.1"), 6, Decimal("-0.3"))
    assert (first.rate, first.mark, first.currency) == (0.0001, 30000.0, "USDT")
    assert private.funding_cursor.number == 4  # not until the gateway says that it has them
    (state,) = futures_account(private, after=6, incomes=[income(77), income(76)])
    assert state.fundings == ()
    assert private.funding_cursor == FundingCursor(6, NOW_MS - SETTLE_MS, ("76", "77"))


def test_a_funding_that_is_too_young_waits_since_an_earlier_one_may_still_appear():
    private = connected(funding=FundingCursor(0, NOW_MS - 10 * SETTLE_MS))
    (state,) = futures_account(private, incomes=[income(2, SETTLE_MS - 1), income(1, income="1")])
    assert [booked.number for booked in state.fundings] == [1]


def test_another_process_goes_on_from_the_cursor():
    cursor = FundingCursor(6, NOW_MS - SETTLE_MS, ("76", "77"))
    private = connected(Market.COINM, funding=cursor)
    (state,) = futures_account(private, after=6, incomes=[income("77"), income("78")])
    assert [(booked.number, booked.rate) for booked in state.fundings] == [(7, 0.0)]  # no past rate is known


def test_without_a_cursor_the_numbers_go_on_from_what_the_gateway_has():
    private = connected()
    (state,) = futures_account(private, after=9, incomes=[income(1)])
    assert state.fundings == ()  # from before this account was looked at
    later = NOW_NS + 2 * SETTLE_MS * MS
    (state,) = futures_account(private, after=9, incomes=[income(2, -1)], now_ns=later)
    assert [booked.number for booked in state.fundings] == [10]


def page(start: int, count: int) -> list[IncomeBody]:
    return [IncomeBody("X", "FUNDING_FEE", Decimal(1), "USDT", start + n, n) for n in range(count)]


def test_a_full_page_of_incomes_asks_for_the_next_one():
    book = FundingBook(FundingCursor(0, 0))
    assert book.take(page(1, INCOME_PAGE_MAX), NOW_MS)
    assert book.since_ms == INCOME_PAGE_MAX
    assert not book.take(page(INCOME_PAGE_MAX, 2), NOW_MS)
    private = connected(funding=FundingCursor(0, 0))
    again = futures_account(private, incomes=[income(n, 10**9 - n) for n in range(INCOME_PAGE_MAX)])
    assert query_of(again[0])["startTime"] == str(NOW_MS - 10**9 + INCOME_PAGE_MAX - 1)


def test_the_book_of_fundings_is_bounded_and_takes_nothing_but_funding():
    book = FundingBook(FundingCursor(0, 0))
    assert not book.take(page(1, FUNDINGS_MAX + 1), NOW_MS)
    assert len(book.booked("bin", {})) == FUNDINGS_MAX
    other = FundingBook(FundingCursor(0, 0))
    other.take([IncomeBody("X", "COMMISSION", Decimal(1), "USDT", 5, 1)], NOW_MS)
    assert other.booked("bin", {}) == ()


def test_a_rate_without_a_mark_price_is_a_rate_all_the_same():
    book = FundingBook(FundingCursor(0, 0))
    book.take(page(1, 1), NOW_MS)
    rates = [RateBody("X", 2, 0.5, ""), RateBody("X", 2, 0.5, ""), RateBody("X", 10**9, 0.1, "3.0")]
    book.take_rates(rates)
    (booked,) = book.booked("bin", {"X.bin": Decimal(2)})
    assert (booked.rate, booked.mark, booked.position) == (0.5, 0.0, Decimal(2))


def test_a_mark_price_that_is_none_is_refused():
    with pytest.raises(ValueError, match="mark price inf"):
        RateBody("X", 2, 0.5, "inf")
