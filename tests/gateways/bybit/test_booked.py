from decimal import Decimal

from gateways.bybit.asides import Aside, AsideKind
from gateways.venue import AccountQuery, AccountState, ForcedFill, FundingBooked
from messages.orders import Fill, Side
from tests.gateways.bybit.private_account import (
    NOW_MS,
    PERP,
    Account,
    execution_body,
    instrument,
    page,
)
from tests.gateways.bybit.private_venue import HOUR_MS, WALLET, Venue, transaction


def bookings(venue: Venue, account: Account, **known) -> AccountState:
    """The account of a venue that has positions and executions under one name: only the executions are of interest."""
    state = venue.run(account, **known)[0]
    assert isinstance(state, AccountState)
    return state


def test_fundings_of_the_log_are_numbered_in_the_order_of_time():
    earlier = transaction(transactionTime=str(NOW_MS - 9 * HOUR_MS), funding="0.5", side="Sell")
    venue = Venue(account_transaction_log=[transaction(), earlier])
    account = Account(since_ms=NOW_MS - 24 * HOUR_MS, fundings_known=4)

    state = bookings(venue, account, after_funding=4)

    # A short of 100 receives 0.5: longs pay, so the rate is positive.
    ts = (NOW_MS - 9 * HOUR_MS) * 1_000_000
    assert state.fundings == (
        FundingBooked(5, PERP, Decimal("0.5"), "USDT", 0.0001, 0.3676, Decimal(-100), ts),
        FundingBooked(
            6, PERP, Decimal("-0.003676"), "USDT", 0.0001, 0.3676, Decimal(100), (NOW_MS - HOUR_MS) * 1_000_000
        ),
    )
    assert bookings(venue, account, after_funding=5).fundings == state.fundings[1:]
    assert bookings(venue, account, after_funding=6).fundings == ()


def test_a_funding_that_the_stream_has_told_keeps_its_number():
    account = Account(since_ms=NOW_MS - 24 * HOUR_MS)
    body = execution_body(execType="Funding", orderLinkId="", execTime=str(NOW_MS - HOUR_MS + 700), execFee="0.003676")
    (heard,) = account.hear("execution", body)

    state = bookings(Venue(account_transaction_log=[transaction()]), account)

    assert heard.number == 1
    assert [one.number for one in state.fundings] == [1]
    assert state.fundings[0].amount == heard.amount


def test_transactions_that_are_no_funding_of_ours_are_put_aside():
    lines = [transaction(funding=""), transaction(symbol="DOGEUSDT"), transaction(side="None")]

    state, *asides = Venue(account_transaction_log=lines).run(Account(since_ms=NOW_MS - 24 * HOUR_MS))

    assert state.fundings == ()
    assert [aside.kind for aside in asides] == [AsideKind.NOT_TRADED, AsideKind.NOT_TRADED, AsideKind.NOT_A_FILL]


def executed(account: Account, *bodies: dict, after_forced: int = 0) -> list:
    """The account of one linear contract: wallet, positions, orders, transactions, then these executions."""
    request = account.inquiry.ask(AccountQuery("bybit", 0, after_forced), NOW_MS)
    (request,) = account.inquiry.on_response(page(request.key, WALLET), NOW_MS)
    for _ in range(3):
        (request,) = account.inquiry.on_response(page(request.key), NOW_MS)
    assert request.path == "/v5/execution/list"
    return account.inquiry.on_response(page(request.key, *bodies), NOW_MS)


def test_what_the_venue_did_by_itself_is_listed_and_numbered():
    account = Account((instrument("BTCUSDT"),))
    bust = execution_body("b-1", execType="BustTrade", orderLinkId="", orderId="liq-1", side="Sell", category="")

    (state,) = executed(account, bust, execution_body("t-1"))

    assert state.forced == (
        ForcedFill(
            1,
            Fill(
                client_order_id="autoclose-liq1",
                strategy="venue",
                instrument=PERP,
                side=Side.SELL,
                price=Decimal(30000),
                quantity=Decimal("0.005"),
                fee=Decimal("0.0825"),
                fee_currency="USDT",
                liquidity=state.forced[0].fill.liquidity,
                trade_id="b-1",
                ts_event=(NOW_MS + 2) * 1_000_000,
            ),
        ),
    )
    account.inquiry.stream_lost()
    assert executed(account, bust, after_forced=1)[0].forced == ()


def test_a_forced_fill_in_what_is_not_traded_is_put_aside():
    _, aside = executed(Account((instrument("BTCUSDT"),)), execution_body(symbol="DOGEUSDT", execType="AdlTrade"))

    assert aside == Aside(AsideKind.NOT_TRADED, "DOGEUSDT", "a forced execution, AdlTrade")


def test_bookings_that_an_earlier_process_knew_are_left_out():
    account = Account((instrument("BTCUSDT"),), since_ms=NOW_MS)

    (state,) = executed(account, execution_body("b-1", execType="BustTrade", execTime=str(NOW_MS)))

    assert state.forced == ()
