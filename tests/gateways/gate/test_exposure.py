"""What a strategy has at stake, kept order by order and report by report; and the same again from the journal."""

from decimal import Decimal as D
from pathlib import Path

import pytest

from gateways.gate.exposure import Amending, Stake, more_crossing
from gateways.gate.lease_book import Exposure
from gateways.venue import OrderStatus
from messages.orders import AmendRejected, DenyReason, OrderAmended, OrderDenied, RejectReason, Side, SubmitOrder
from tests.support.desk import DeskFloor
from tests.support.gate_floor import GateFloor, contracts
from tests.support.orders import NOW_NS, PERPETUAL, SPOT, accepted, amend, closed, fill, head, status, submit

ORDER = contracts(1, 10, "49990.0")


@pytest.fixture
def floor() -> GateFloor:
    """A floor on which a buy of 10 contracts works."""
    floor = GateFloor()
    floor.sends(ORDER)
    floor.hears(accepted(ORDER))
    return floor


def stake(floor: GateFloor | DeskFloor, order: SubmitOrder = ORDER) -> tuple[D, D, D]:
    held = floor.records.stake(order.strategy, order.instrument)
    return held.position, held.buying, held.selling


def bought(quantity: str, trade_id: str = "t-1"):  # type: ignore[no-untyped-def]
    return fill(ORDER, quantity, trade_id, fee=D(0), fee_currency="BTC")


def amended(quantity: str, price: str = "49990.0") -> OrderAmended:
    return OrderAmended(*head(ORDER), D(quantity), D(price), NOW_NS)


def terms_told(quantity: str | None, price: str | None) -> OrderStatus:
    """The venue says how the order stands."""
    return status(ORDER, quantity=None if quantity is None else D(quantity), price=None if price is None else D(price))


def rejected() -> AmendRejected:
    return AmendRejected(*head(ORDER), RejectReason.OTHER, "no", NOW_NS)


def test_the_worst_case_of_each_side_is_all_of_that_side_and_none_of_the_other() -> None:
    held = Stake()
    held.position, held.buying, held.selling = D(-2), D(5), D(3)
    # -2 + 5 = 3 long; 3 + 2 = 5 short
    assert (held.worst(Side.BUY), held.worst(Side.SELL), held.long, held.short) == (D(3), D(5), D(3), D(5))
    assert (held.reducible(Side.BUY), held.reducible(Side.SELL)) == (D(0), D(0))
    held.buying = D(1)
    # 2 short, 1 of them on its way back
    assert (held.worst(Side.BUY), held.long, held.reducible(Side.BUY)) == (D(-1), D(0), D(1))


def test_what_fills_goes_from_the_orders_to_the_position(floor: GateFloor) -> None:
    assert stake(floor) == (D(0), D(10), D(0))
    floor.hears(bought("4"))
    assert stake(floor) == (D(4), D(6), D(0))
    floor.hears(bought("4"))
    assert stake(floor) == (D(4), D(6), D(0)), "a repeated fill"
    floor.hears(closed(ORDER, "4"))
    assert stake(floor) == (D(4), D(0), D(0))
    floor.hears(bought("1", "late"))
    assert stake(floor) == (D(5), D(0), D(0)), "a fill that comes after the end"


def test_orders_are_counted_by_strategy(floor: GateFloor) -> None:
    floor.sends(submit(2, strategy="other"))
    records = floor.records
    assert (records.open_count, records.open_count_of("carry"), records.open_count_of("nobody")) == (2, 1, 0)
    floor.hears(OrderDenied(*head(ORDER), DenyReason.NOT_RECEIVED, "", NOW_NS))
    assert (records.open_count, records.open_count_of("carry"), stake(floor)) == (1, 0, (D(0), D(0), D(0)))


def test_while_it_is_being_amended_an_order_counts_as_the_larger_of_both(floor: GateFloor) -> None:
    floor.amends(amend(ORDER, quantity=D(15)))
    assert stake(floor) == (D(0), D(15), D(0))
    floor.hears(bought("4"))
    assert stake(floor) == (D(4), D(11), D(0))
    floor.hears(rejected())
    assert stake(floor) == (D(4), D(6), D(0))
    floor.amends(amend(ORDER, quantity=D(7)))
    assert stake(floor) == (D(4), D(6), D(0)), "it may be filled before it is made smaller"
    floor.hears(amended("7"))
    assert stake(floor) == (D(4), D(3), D(0))


def test_of_several_amendments_the_largest_counts_until_all_are_answered(floor: GateFloor) -> None:
    floor.amends(amend(ORDER, quantity=D(15)))
    floor.amends(amend(ORDER, quantity=D(12)))
    floor.hears(amended("15"))
    floor.hears(amended("15"))
    assert stake(floor) == (D(0), D(15), D(0)), "a repeated answer answers nothing more"
    floor.hears(amended("12"))
    assert stake(floor) == (D(0), D(12), D(0))


def test_an_amendment_that_is_confirmed_at_the_terms_that_the_order_had_is_settled(floor: GateFloor) -> None:
    floor.amends(amend(ORDER, quantity=D(15)))
    floor.amends(amend(ORDER, price=ORDER.price))  # and back
    floor.hears(amended("15", str(ORDER.price)))
    floor.hears(amended("10", str(ORDER.price)))
    assert stake(floor) == (D(0), D(10), D(0))
    floor.amends(amend(ORDER))
    floor.hears(amended("10", str(ORDER.price)))
    floor.amends(amend(ORDER, quantity=D(20)))
    floor.hears(rejected())
    assert stake(floor) == (D(0), D(10), D(0)), "nothing is waited for any more"


def test_an_answer_that_nobody_waits_for_is_taken_as_it_is(floor: GateFloor) -> None:
    floor.hears(rejected())
    floor.hears(amended("8", "49991.0"))
    assert stake(floor) == (D(0), D(8), D(0))
    assert floor.sends(contracts(2, -3, "49991.0", strategy="other")) is DenyReason.SELF_TRADE


def test_the_end_of_an_order_is_the_end_of_its_amendments(floor: GateFloor) -> None:
    floor.amends(amend(ORDER, quantity=D(15)))
    floor.hears(closed(ORDER))
    assert stake(floor) == (D(0), D(0), D(0))
    floor.records.record_amendment(amend(ORDER, quantity=D(20)))
    floor.records.amendment_not_sent(amend(ORDER, quantity=D(20)))
    assert stake(floor) == (D(0), D(0), D(0))


def test_the_price_that_crosses_more_counts_while_both_may_hold(floor: GateFloor) -> None:
    assert (more_crossing(Side.BUY, None, D(1)), more_crossing(Side.BUY, D(2), D(1))) == (D(1), D(2))
    assert more_crossing(Side.SELL, D(2), D(1)) == D(1)
    floor.amends(amend(ORDER, price=D("49980.0")))
    assert floor.sends(contracts(2, -3, "49985.0", strategy="other")) is DenyReason.SELF_TRADE
    floor.hears(amended("10", "49980.0"))
    assert floor.sends(contracts(2, -3, "49985.0", strategy="other")) is None


def test_amendments_are_counted_as_they_are_asked_and_answered() -> None:
    amending = Amending()
    for quantity, price in (("5", "3"), ("4", "9")):
        amending.ask(amend(ORDER, quantity=D(quantity), price=D(price)))
    amending.answered()
    assert (amending.quantity, amending.price(Side.BUY), amending.price(Side.SELL)) == (D(5), D(9), D(3))
    amending.answered()
    assert (amending.is_any, amending.quantity, amending.price(Side.BUY)) == (False, D(0), None)


def test_an_amendment_that_was_lost_with_the_link_counts_until_the_venue_says_how_the_order_stands(
    floor: GateFloor,
) -> None:
    floor.amends(amend(ORDER, quantity=D(15), price=D("49995.0")))
    floor.records.amendments_lost()
    assert stake(floor) == (D(0), D(15), D(0))
    floor.records.amendments_settled(terms_told(None, None))
    assert stake(floor) == (D(0), D(15), D(0)), "a venue that does not say leaves the worst case"
    floor.records.amendments_settled(terms_told("10", "49990.0"))
    assert stake(floor) == (D(0), D(10), D(0)), "it never got there"
    assert floor.sends(contracts(2, -3, "49995.0", strategy="other")) is None, "nor its price"


def test_an_amendment_that_the_venue_took_before_the_link_was_lost_is_settled_at_its_own_terms(
    floor: GateFloor,
) -> None:
    for quantity in (15, 12):
        floor.amends(amend(ORDER, quantity=D(quantity)))
    floor.records.amendments_lost()
    floor.records.amendments_settled(terms_told("12", "49990.0"))
    assert stake(floor) == (D(0), D(15), D(0)), "the books do not have these terms yet"
    floor.hears(amended("12"))
    floor.records.amendments_settled(terms_told("12", "49990.0"))
    assert stake(floor) == (D(0), D(12), D(0))


def test_what_settles_a_lost_amendment_answers_none_that_was_asked_since(floor: GateFloor) -> None:
    floor.amends(amend(ORDER, quantity=D(12)))
    floor.records.amendments_lost()
    floor.amends(amend(ORDER, quantity=D(20)))
    floor.hears(amended("12"))
    floor.records.amendments_settled(terms_told("12", "49990.0"))
    assert stake(floor) == (D(0), D(20), D(0)), "20 is still under way"
    floor.hears(amended("20"))
    floor.hears(rejected())
    assert stake(floor) == (D(0), D(20), D(0))
    floor.records.amendments_settled(terms_told("20", "49990.0"))
    floor.hears(closed(ORDER))
    floor.records.amendments_settled(terms_told("20", "49990.0"))
    assert stake(floor) == (D(0), D(0), D(0)), "of an order that has ended nothing is settled"


def test_only_what_is_at_stake_is_told(floor: GateFloor) -> None:
    floor.hears(bought("4"))
    floor.records.stake("nobody", SPOT.id)
    expected = {("carry", PERPETUAL.id): Exposure(D(4), D(10), D(0))}
    assert floor.records.exposures() == expected


def test_after_a_kill_the_same_is_at_stake(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.submit(ORDER)
    for report in (accepted(ORDER), bought("4")):
        floor.desk.report(report)
    floor.desk.amend(amend(ORDER, quantity=D(15)))
    floor.submit(contracts(2, -3, "50010.0"))
    # of 15, 4 have filled
    assert stake(floor) == (D(4), D(11), D(3))
    again = floor.killed_and_restarted()
    assert stake(again) == (D(4), D(11), D(3))
    assert again.gate.check(contracts(3, 2, "50010.0"), again.records, NOW_NS).reason is DenyReason.SELF_TRADE  # type: ignore[union-attr]
    again.desk.on_order_status(status(ORDER, bought("4"), quantity=D(10), price=ORDER.price))
    # what the process before had asked never got there: 10 - 4
    assert stake(again) == (D(4), D(6), D(3))


def test_an_amendment_that_was_lost_with_the_link_is_settled_by_the_answer_about_its_order(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.submit(ORDER)
    floor.desk.report(accepted(ORDER))
    floor.desk.amend(amend(ORDER, quantity=D(15)))
    floor.desk.on_order_status(status(ORDER, quantity=D(10), price=ORDER.price))
    assert stake(floor) == (D(0), D(15), D(0)), "asked before the amendment was sent, perhaps"
    floor.desk.venue_is_lost()
    floor.desk.venue_is_back()
    assert stake(floor) == (D(0), D(15), D(0))
    floor.desk.on_order_status(status(ORDER, quantity=D(10), price=ORDER.price))
    assert stake(floor) == (D(0), D(10), D(0))


def test_an_answer_that_cannot_be_journaled_settles_nothing(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.submit(ORDER)
    floor.desk.report(accepted(ORDER))
    floor.desk.amend(amend(ORDER, quantity=D(15)))
    floor.desk.venue_is_lost()
    floor.desk.venue_is_back()
    taken = status(ORDER, quantity=D(15), price=ORDER.price)
    with floor.full_disk():
        floor.desk.on_order_status(taken)
    assert stake(floor) == (D(0), D(15), D(0)), "our books still say 10; the venue can fill 15"
