"""Every private body that was recorded or documented decodes into our messages; the test names each file."""

import json
from decimal import Decimal

import pytest

from gateways.bybit.answers import Acknowledged
from gateways.bybit.asides import Answer, Aside, AsideKind, BalancesSeen, EarlyFill, PositionSeen
from gateways.bybit.bodies import Envelope, Page, decode
from gateways.bybit.executions import ExecutionBody, fill_of
from gateways.bybit.positions import PositionBody
from gateways.bybit.wallets import WalletBody, balances_of
from gateways.native.wire import RestResponse
from gateways.venue import OrderStatus
from messages.orders import CloseReason, Fill, Liquidity, OrderAccepted, OrderClosed, Side
from tests.gateways.bybit.private_account import (
    NOW_MS,
    NOW_NS,
    PERP,
    SPOT,
    Account,
    execution_body,
    fixture_bodies,
    needs_fixtures,
    query,
    submit,
)
from tests.gateways.bybit.private_fixture_files import CONDITIONAL, NOT_OURS, PRIVATE, PUBLIC

pytestmark = needs_fixtures


@pytest.fixture(scope="module")
def bodies() -> dict[str, bytes]:
    return fixture_bodies()


def heard(body: bytes, client_order_id: str = "none-of-ours", **fields) -> list:
    account = Account()
    account.entry.by_stream(submit(client_order_id, **fields), NOW_MS)
    return account.stream.on_frame(body, NOW_NS)


def items(body: bytes) -> tuple:
    return decode(decode(body, Envelope, "answer").result, Page, "result").list


def status(body: bytes, client_order_id: str, *executions: dict) -> OrderStatus:
    """What an inquiry makes of the answer to its first question, and of these executions."""
    account = Account()
    account.inquiries.ask(query(client_order_id), NOW_MS)
    told = account.inquiries.on_response(RestResponse(key=f"query:1:{client_order_id}", status=200, body=body), NOW_MS)
    if executions:
        listed = {"retCode": 0, "result": {"list": executions}}
        answer = RestResponse(key=told[0].key, status=200, body=json.dumps(listed).encode())
        told = account.inquiries.on_response(answer, NOW_MS)
    assert isinstance(told[0], OrderStatus)
    return told[0]


def test_every_file_is_named_here(bodies):
    assert bodies.keys() == PRIVATE | CONDITIONAL | NOT_OURS | PUBLIC
    assert len(bodies) == 50


# --- orders ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("file", sorted(CONDITIONAL))
def test_conditional_orders_are_told_as_what_is_not_traded(bodies, file):
    (aside,) = heard(bodies[file])

    assert aside.kind is AsideKind.NOT_TRADED
    assert aside.text == "a conditional order, Untriggered"


def test_ws_account_order(bodies):
    assert heard(bodies["ws_account_order.json"], "client-1") == [
        OrderAccepted("client-1", "s", PERP, "abcdef123456", 1_700_000_005_000_000_000),
        OrderClosed("client-1", "s", PERP, CloseReason.CANCELLED, Decimal(0), 1_700_000_005_000_000_000),
    ]


def test_ws_account_order_filled_holds_the_end_until_the_fills_have_come(bodies):
    account = Account()
    account.entry.by_stream(submit("test-client-order-001"), NOW_MS)

    told = account.stream.on_frame(bodies["ws_account_order_filled.json"], NOW_NS)
    assert [type(one) for one in told] == [OrderAccepted]
    body = execution_body(execQty="0.100", orderLinkId="test-client-order-001")
    _, closed = account.hear("execution", body)
    assert closed == OrderClosed(
        "test-client-order-001", "s", PERP, CloseReason.FILLED, Decimal("0.100"), 1_672_364_262_457_000_000
    )


def test_ws_account_order_partially_filled_rejected_is_closed_with_what_it_filled(bodies):
    account = Account()
    name = "O-20251001-164609-APEX-000-49"
    account.entry.by_stream(submit(name, instrument="APEXUSDT.bybit-spot"), NOW_MS)
    body = execution_body(category="spot", symbol="APEXUSDT", execQty="50.0", orderLinkId=name)
    account.hear("execution", body)

    told = account.stream.on_frame(bodies["ws_account_order_partially_filled_rejected.json"], NOW_NS)

    assert told[-1].reason is CloseReason.CANCELLED
    assert told[-1].filled_quantity == Decimal("50.0")


def test_http_get_orders_history(bodies):
    told = status(bodies["http_get_orders_history.json"], "client-1")

    assert (told.is_known, told.closed, told.filled_quantity) == (True, CloseReason.CANCELLED, Decimal(0))
    assert (told.quantity, told.price) == (Decimal("0.010"), Decimal(30000))


def test_http_get_orders_history_with_duplicate_finds_each_order(bodies):
    body = bodies["http_get_orders_history_with_duplicate.json"]

    assert status(body, "client-open-1").closed is None
    assert status(body, "client-closed-1").closed is CloseReason.CANCELLED


def test_http_get_order_partially_filled_rejected(bodies):
    order_id = "5cf98598-39a7-459e-97bf-76ca765ee021"
    name = "O-20251001-164609-APEX-000-49"
    told = status(bodies["http_get_order_partially_filled_rejected.json"], name, execution_body(orderId=order_id))

    assert (told.rejected, told.closed, told.filled_quantity) == (None, CloseReason.CANCELLED, Decimal("0.005"))
    assert [fill.quantity for fill in told.fills] == [Decimal("0.005")]


@pytest.mark.parametrize("name", ["client-tp-001", "client-sl-001"])
def test_http_get_orders_realtime_tp_sl_are_conditional_orders_that_wait(bodies, name):
    told = status(bodies["http_get_orders_realtime_tp_sl.json"], name)

    assert (told.is_known, told.closed, told.filled_quantity) == (True, None, Decimal(0))


def test_ws_order_response(bodies):
    account = Account()
    account.entry.by_stream(submit("client-order-1"), NOW_MS)
    frame = bodies["ws_order_response.json"].replace(b"order-req-001", b"s1-1")

    assert account.answers.on_frame(frame, NOW_MS) == [Acknowledged("s1-1", "client-order-1", "1726025498520715008")]


# --- executions ------------------------------------------------------------------------------------------------------


def test_ws_account_execution(bodies):
    assert heard(bodies["ws_account_execution.json"], "test-order-link-001") == [
        Fill(
            client_order_id="test-order-link-001",
            strategy="s",
            instrument=PERP,
            side=Side.SELL,
            price=Decimal("95900.1"),
            quantity=Decimal("0.5"),
            fee=Decimal("26.3725275"),
            fee_currency="USDT",
            liquidity=Liquidity.TAKER,
            trade_id="0ab1bdf7-4219-438b-b30a-32ec863018f7",
            ts_event=1_746_270_400_353_000_000,
        )
    ]


def test_ws_account_execution_fast(bodies):
    (early,) = heard(bodies["ws_account_execution_fast.json"], "test-order-link-001", instrument="ICPUSDT.bybit-linear")

    assert isinstance(early, EarlyFill)
    assert (early.price, early.quantity, early.side) == (Decimal("12.015"), Decimal(3000), Side.SELL)


def test_http_get_executions(bodies):
    account = Account()
    listed = [decode(one, ExecutionBody, "execution") for one in items(bodies["http_get_executions.json"])]
    fills = [fill_of(one, account.directory.find("linear", one.symbol), one.order_link_id, "s") for one in listed]

    assert [(fill.quantity, fill.fee, fill.fee_currency, fill.liquidity) for fill in fills] == [
        (Decimal("0.100"), Decimal("0.0150"), "USDT", Liquidity.MAKER),
        (Decimal("0.500"), Decimal("0.9000"), "USDT", Liquidity.TAKER),
    ]


# --- account ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "balances"),
    [
        ("ws_account_wallet.json", {"BTC": "0.00102964", "USDT": "9647.75537647"}),
        ("ws_account_wallet_locked_exceeds_total.json", {"USDT": "100.0"}),
        ("ws_account_wallet_small_order.json", {"USDT": "51333.82543837"}),
    ],
)
def test_wallets_of_the_stream(bodies, file, balances):
    (seen,) = heard(bodies[file])

    assert isinstance(seen, BalancesSeen)
    assert seen.balances == {currency: Decimal(total) for currency, total in balances.items()}


def test_http_get_wallet_balance_with_spot_borrow(bodies):
    listed = items(bodies["http_get_wallet_balance_with_spot_borrow.json"])
    # 1200 in the wallet, of which 200 are borrowed
    assert balances_of(decode(one, WalletBody, "wallet") for one in listed) == {"USDT": Decimal(1000)}


def test_ws_account_position_short(bodies):
    (seen,) = heard(bodies["ws_account_position_short.json"])

    assert isinstance(seen, PositionSeen)
    assert (seen.instrument, seen.position) == ("ETHUSDT.bybit-linear", Decimal("-0.01"))


def test_ws_account_position_with_open_time_is_a_bare_body(bodies):
    body = decode(bodies["ws_account_position_with_open_time.json"], PositionBody, "position")

    assert body.seen(Account().directory).position == Decimal("0.1")


@pytest.mark.parametrize(
    ("file", "positions"),
    [
        ("http_get_positions.json", [Decimal("0.5"), Decimal("-5.0"), None]),
        ("http_get_positions_with_open_time.json", [None]),
    ],
)
def test_positions_of_the_list(bodies, file, positions):
    """None: SOLUSDT and LTCUSDT are not traded by this account; they are told as such."""
    directory = Account().directory
    seen = [decode(one, PositionBody, "position").seen(directory, "linear") for one in items(bodies[file])]

    assert [one.position if isinstance(one, PositionSeen) else None for one in seen] == positions
    assert all(one.kind is AsideKind.NOT_TRADED for one in seen if isinstance(one, Aside))


# --- connections -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "answer"),
    [
        ("ws_auth_success.json", Answer(op="auth", is_ok=True, text="")),
        ("ws_auth_failure.json", Answer(op="auth", is_ok=False, text="Invalid apikey")),
        ("ws_subscription_ack.json", Answer(op="subscribe", is_ok=True, text="")),
        (
            "ws_subscription_failure.json",
            Answer(op="subscribe", is_ok=False, text="Invalid topic: invalid.topic.BTCUSDT"),
        ),
    ],
)
def test_answers_of_the_connection(bodies, file, answer):
    assert heard(bodies[file]) == [answer]


@pytest.mark.parametrize("file", sorted(NOT_OURS))
def test_what_we_do_not_use_has_the_envelope_that_we_know(bodies, file):
    assert decode(bodies[file], Envelope, file).ret_code == 0


def test_a_spot_order_of_the_stream_is_not_taken_for_the_contract_of_its_symbol(bodies):
    (aside,) = heard(bodies["ws_account_order.json"], instrument=SPOT)

    assert aside.kind is AsideKind.FOREIGN_ORDER
