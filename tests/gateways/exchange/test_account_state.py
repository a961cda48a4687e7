"""What a venue says when it is asked: open orders with their instruments and terms, and what it did by itself."""

from gateways.exchange import order_entry
from gateways.venue import AccountQuery, AccountState, OpenOrder
from messages.orders import QueryOrder, is_venue_made
from tests.gateways.exchange.test_liquidation import short
from tests.gateways.exchange.trading_floor import BUY, LINEAR, SPOT, D, Floor


def account(floor: Floor, after_forced: int = 0) -> AccountState:
    (state,) = floor.ask(AccountQuery("sim", 0, after_forced))
    assert isinstance(state, AccountState)
    return state


def test_open_orders_are_listed_with_their_instruments(monkeypatch):
    floor = Floor(SPOT, LINEAR)
    floor.quote(50_000.0, 1.0, 50_001.0, 1.0, SPOT.id)
    floor.quote(50_000.0, 1.0, 50_001.0, 1.0, LINEAR.id)
    floor.submit("a", BUY, "0.1", "49000", instrument=SPOT.id)
    floor.submit("b", BUY, "0.1", "49000", instrument=LINEAR.id)
    assert (OpenOrder("a", SPOT.id), OpenOrder("b", LINEAR.id)) == account(floor).listed
    monkeypatch.setattr(order_entry, "OPEN_ORDERS_MAX", 1)
    assert (OpenOrder("a", SPOT.id),) == account(floor).listed
    floor.cancel("a")
    floor.cancel("b")
    assert () == account(floor).listed == account(floor).open_orders


def test_a_status_tells_the_terms_as_last_amended():
    floor = Floor(SPOT)
    floor.quote(50_000.0, 1.0, 50_001.0, 1.0)
    floor.submit("a", BUY, "0.1", "49000")
    floor.amend("a", "0.2", "48000")
    (status,) = floor.ask(QueryOrder("a", "carry", 1, SPOT.id))
    assert (D("0.2"), D(48_000)) == (status.quantity, status.price)
    (status,) = floor.ask(QueryOrder("nobody", "carry", 1, SPOT.id))
    assert (None, None) == (status.quantity, status.price)


def test_a_liquidation_can_be_asked_for_by_whoever_was_not_there(monkeypatch):
    floor = short()
    for best_ask in (50_001.0, 50_002.0):
        floor.quote(50_000.0, 1.0, best_ask, 0.05)
        floor.mark(56_000.0)
    one, two = forced = account(floor).forced
    assert (1, 2) == (one.number, two.number)
    assert (D(50_001), D(50_002)) == (one.fill.price, two.fill.price)
    assert D("0.05") == one.fill.quantity == two.fill.quantity
    assert all(is_venue_made(each.fill.client_order_id) for each in forced)
    assert (two,) == account(floor, after_forced=1).forced
    assert () == account(floor, after_forced=2).forced
    monkeypatch.setattr(order_entry, "FORCED_FILLS_MAX", 1)
    assert (one,) == account(floor).forced
