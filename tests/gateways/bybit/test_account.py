from decimal import Decimal

import pytest

from gateways.bybit import account as account_module
from gateways.bybit.account import WINDOW_MS, windows
from gateways.bybit.asides import AsideKind
from gateways.native.wire import Banned, OutcomeUnknown, RestRequest
from gateways.venue import AccountQuery, AccountState, OpenOrder
from tests.gateways.bybit.private_account import (
    INVERSE,
    NOW_MS,
    NOW_NS,
    PERP,
    SPOT,
    Account,
    instrument,
    order_body,
    page,
    response,
)
from tests.gateways.bybit.private_venue import HOUR_MS, WALLET, Venue, position


def test_the_account_is_one_answer_to_many_questions():
    venue = Venue(
        position_list=[position(category="linear"), position("BTCUSD", "Sell", "300", category="inverse")],
        order_realtime=[order_body(category="spot"), order_body(orderLinkId="c-s-e1-2", orderId="v-2")],
    )

    (state,) = venue.run(Account())

    assert state == AccountState(
        venue="bybit",
        positions={PERP: Decimal("0.5"), INVERSE: Decimal(-300)},
        balances={"USDT": Decimal(1000)},
        open_orders=("c-s-e1-1", "c-s-e1-2"),
        fundings=(),
        ts_event=NOW_NS,
        listed=(OpenOrder("c-s-e1-1", SPOT), OpenOrder("c-s-e1-2", PERP)),
        forced=(),
    )


def test_linear_contracts_are_asked_for_by_what_they_settle_in_and_spot_has_no_positions():
    venue = Venue()
    venue.run(Account())

    asked = [
        (name, params.get("category"), params.get("settleCoin"), params.get("limit")) for name, params in venue.asked
    ]
    assert asked == [
        ("account_wallet_balance", None, None, None),
        ("position_list", "linear", "USDC", "200"),
        ("position_list", "linear", "USDT", "200"),
        ("position_list", "inverse", None, "200"),
        ("order_realtime", "spot", None, "50"),
        ("order_realtime", "linear", "USDC", "50"),
        ("order_realtime", "linear", "USDT", "50"),
        ("order_realtime", "inverse", None, "50"),
        ("account_transaction_log", "linear", None, "50"),
        ("execution_list", "linear", None, "100"),
        ("account_transaction_log", "inverse", None, "50"),
        ("execution_list", "inverse", None, "100"),
    ]


def test_both_sides_of_an_account_in_hedge_mode_are_one_position():
    sides = [position(positionIdx=1), position(side="Sell", size="0.2", positionIdx=2)]
    hedged = Account((instrument("BTCUSDT"),))
    request = hedged.inquiry.ask(AccountQuery("bybit", 0), NOW_MS)
    (request,) = hedged.inquiry.on_response(page(request.key, WALLET), NOW_MS)
    (request,) = hedged.inquiry.on_response(page(request.key, *sides), NOW_MS)
    while isinstance(request, RestRequest):
        (request,) = hedged.inquiry.on_response(page(request.key), NOW_MS)

    # 0.5 - 0.2 = 0.3
    assert request.positions == {PERP: Decimal("0.3")}


def test_pages_are_asked_for_until_the_cursor_ends():
    account = Account((instrument("BTCUSDT", "spot"),))
    request = account.inquiry.ask(AccountQuery("bybit", 0), NOW_MS)
    assert account.inquiry.owns(request.key)
    (request,) = account.inquiry.on_response(page(request.key, WALLET), NOW_MS)
    first = page(request.key, order_body(category="spot"), cursor="page%3D2")

    (request,) = account.inquiry.on_response(first, NOW_MS)
    assert request.query == "category=spot&cursor=page%3D2&limit=50"
    second = page(request.key, order_body(category="spot", orderLinkId="c-s-e1-2"), cursor="page%3D3")
    (request,) = account.inquiry.on_response(second, NOW_MS)
    # The venue gives a cursor after the last page, too: an empty one ends it.
    (state,) = account.inquiry.on_response(page(request.key, cursor="page%3D4"), NOW_MS)

    assert state.open_orders == ("c-s-e1-1", "c-s-e1-2")


@pytest.mark.parametrize(
    ("fields", "kind"),
    [
        ({"orderLinkId": ""}, AsideKind.FOREIGN_ORDER),
        ({"orderLinkId": "from_the_web"}, AsideKind.FOREIGN_ORDER),
        ({"symbol": "DOGEUSDT"}, AsideKind.NOT_TRADED),
        ({"orderStatus": "Untriggered"}, AsideKind.NOT_TRADED),
    ],
)
def test_an_open_order_that_cannot_be_named_is_put_aside(fields, kind):
    state, aside = Venue(order_realtime=[order_body(**fields)]).run(Account())

    assert state.open_orders == ()
    assert aside.kind is kind


def test_a_position_in_what_is_not_traded_is_put_aside():
    state, *asides = Venue(position_list=[position("DOGEUSDT", category="linear")]).run(
        Account((instrument("BTCUSDT"),))
    )

    assert state.positions == {}
    assert asides[0].kind is AsideKind.NOT_TRADED


@pytest.mark.parametrize(
    ("told", "kinds"),
    [
        ({"code": 10016}, [OutcomeUnknown]),
        ({"code": 10006}, [OutcomeUnknown, Banned]),
        ({"result": {"list": [{"coin": 1}]}}, [OutcomeUnknown]),
    ],
)
def test_an_account_that_is_not_answered_is_to_be_asked_for_again(told, kinds):
    account = Account()
    request = account.inquiry.ask(AccountQuery("bybit", 0), NOW_MS)

    said = account.inquiry.on_response(response(request.key, **told), NOW_MS)

    assert [type(one) for one in said] == kinds
    assert said[0].key == request.key
    assert account.inquiry.on_response(page(request.key, WALLET), NOW_MS) == []
    assert isinstance(Venue().run(account)[0], AccountState)


def test_no_more_pages_are_asked_for_than_may_be(monkeypatch):
    monkeypatch.setattr(account_module, "PAGES_MAX", 2)

    (told,) = Venue().run(Account())

    assert isinstance(told, OutcomeUnknown)
    assert "more than 2 pages" in told.text


def test_the_past_is_asked_for_in_weeks():
    since = NOW_MS - WINDOW_MS - 5

    assert windows(since, NOW_MS) == [
        {"startTime": str(since), "endTime": str(since + WINDOW_MS - 1)},
        {"startTime": str(since + WINDOW_MS), "endTime": str(NOW_MS)},
    ]
    assert windows(NOW_MS, NOW_MS) == [{"startTime": str(NOW_MS), "endTime": str(NOW_MS)}]
    assert len(windows(NOW_MS - 100 * WINDOW_MS, NOW_MS)) == account_module.WINDOWS_MAX


def kinds_asked(venue: Venue, account: Account) -> list[str | None]:
    venue.asked.clear()
    venue.run(account)
    return [params.get("execType") for name, params in venue.asked if name == "execution_list"]


def test_every_execution_is_read_where_the_stream_may_have_missed_some():
    venue, account = Venue(), Account((instrument("BTCUSDT"),))
    forced = ["BustTrade", "AdlTrade", "Delivery", "Settle"]

    assert kinds_asked(venue, account) == [None]
    assert kinds_asked(venue, account) == forced
    account.inquiry.stream_lost()
    assert kinds_asked(venue, account) == [None]
    assert kinds_asked(venue, account) == forced


@pytest.mark.parametrize("is_answered", [True, False])
def test_a_thorough_reading_that_fails_is_still_owed(is_answered):
    venue, account = Venue(), Account((instrument("BTCUSDT"),))
    request = account.inquiry.ask(AccountQuery("bybit", 0), NOW_MS)
    if is_answered:
        account.inquiry.on_response(response(request.key, code=10016), NOW_MS)

    assert kinds_asked(venue, account) == [None]


def test_the_next_time_only_what_is_new_is_asked_for_and_ten_minutes_before_it():
    venue, account = Venue(), Account((instrument("BTCUSDT"),), since_ms=NOW_MS - 24 * HOUR_MS)
    venue.run(account)
    venue.asked.clear()

    venue.run(account, now_ms=NOW_MS + 60_000)

    starts = {params["startTime"] for _, params in venue.asked if "startTime" in params}
    assert starts == {str(NOW_MS - 600_000)}
