from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateways.exchange.simulated_venue import SimulatedVenue
from gateways.exchange.sources.source import BookChange, BookReset
from gateways.exchange.spec import SyntheticSourceSpec, VenueSpec
from gateways.gate.gate_limits import GateLimits
from messages.instruments import InstrumentType
from messages.market import MarkPrice, Quote
from messages.orders import (
    AmendRejected,
    CancelRejected,
    DenyReason,
    Fill,
    OrderAccepted,
    OrderClosed,
    OrderDenied,
    OrderRejected,
    RejectReason,
    Side,
    SubmitOrder,
    TimeInForce,
)
from supervisor.backtest.venue_floor import VenueFloor
from tests.support.desk import DeskFloor
from tests.support.orders import INSTRUMENTS, MS, NOW_NS, OPEN_LIMITS, SPOT, amend, cancel, closed, submit

D = Decimal


@pytest.fixture
def floor() -> VenueFloor:
    """A venue with latency of 5 ms, where BTC is offered at 50,100."""
    spec = VenueSpec("sim", tuple(INSTRUMENTS.values()), {"USDT": D(100_000)}, SyntheticSourceSpec(), latency_ms=5.0)
    floor = VenueFloor(spec, SimulatedVenue(spec), OPEN_LIMITS)
    floor.venue.on_market(BookReset(SPOT.id, [(49_900.0, 5.0)], [(50_100.0, 5.0)], 1, NOW_NS, NOW_NS))
    return floor


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[DeskFloor]:
    yield DeskFloor(tmp_path / "journal")


BAD_ORDERS: list[SubmitOrder] = [
    submit(instrument="ETHUSDT.sim"),
    submit(price=D("50000.05")),
    submit(price=None),
    submit(quantity=D("0.0005")),
    submit(quantity=D(11)),
    submit(quantity=D("0.002"), price=D("1000.0")),
    submit(ts_created=NOW_NS - 2_000 * MS),
]


@pytest.mark.parametrize("order", BAD_ORDERS)
def test_the_gate_denies_just_as_the_desk_of_a_gateway_does(
    floor: VenueFloor, desk: DeskFloor, order: SubmitOrder
) -> None:
    desk.submit(order)
    (expected,) = desk.tells()
    assert [expected] == floor.submit(order, NOW_NS)
    assert 1 == floor.status().orders.denied
    assert None is floor.due_ns, "the venue never saw it"


def test_an_order_id_is_used_once(floor: VenueFloor) -> None:
    floor.submit(submit(1), NOW_NS)
    assert [] == floor.submit(submit(1), NOW_NS)
    assert (1, 1) == (floor.status().orders.denied, floor.status().open_orders)


def test_requests_for_an_order_that_is_not_open_are_refused_with_the_words_of_a_gateway(
    floor: VenueFloor, desk: DeskFloor
) -> None:
    desk.desk.cancel(cancel(submit()))
    desk.desk.amend(amend(submit()))
    refused = [*floor.cancel(cancel(submit()), NOW_NS), *floor.amend(amend(submit()), NOW_NS)]
    assert desk.tells() == refused
    assert [CancelRejected, AmendRejected] == [type(report) for report in refused]


def test_an_amendment_that_the_gate_refuses_does_not_reach_the_venue(floor: VenueFloor, desk: DeskFloor) -> None:
    floor.submit(submit(), NOW_NS)
    floor.advance(NOW_NS + 5 * MS)
    desk.submit(submit())
    bad = amend(submit(), price=D("50000.05"))
    desk.desk.amend(bad)
    assert desk.tells() == floor.amend(bad, NOW_NS)
    assert None is floor.due_ns


def test_an_amendment_of_an_order_that_the_venue_has_refused_is_refused_too(floor: VenueFloor) -> None:
    """The order is refused while the amendment is on its way."""
    order = submit(quantity=D(9))  # 9 × 50,000 is more than the 100,000 of the account
    floor.submit(order, NOW_NS)
    floor.amend(amend(order, quantity=D(1)), NOW_NS + MS)
    (rejected,) = floor.advance(NOW_NS + 5 * MS)
    assert (OrderRejected, RejectReason.INSUFFICIENT_BALANCE) == (type(rejected), rejected.reason)  # type: ignore[union-attr]
    assert [AmendRejected] == [type(report) for report in floor.advance(NOW_NS + 6 * MS)]
    assert None is floor.due_ns


def test_an_end_that_counts_more_than_the_fills_we_know_is_asked_about(floor: VenueFloor) -> None:
    order = submit()
    floor.submit(order, NOW_NS)
    floor.advance(NOW_NS + 5 * MS)
    assert [] == floor.take([closed(order, "0.004")], NOW_NS + 6 * MS)
    assert NOW_NS + 11 * MS == floor.due_ns, "the question is under way"
    assert [] == floor.advance(NOW_NS + 11 * MS), "the answer tells nothing new"


def test_reduce_only_on_a_shared_account_is_held_to_what_the_strategy_has(floor: VenueFloor) -> None:
    """Both have an order in the instrument; the second one holds nothing that it could reduce."""
    floor.submit(submit(1), NOW_NS)
    selling: dict[str, Any] = {"strategy": "other", "side": Side.SELL, "price": D(50_050), "reduce_only": True}
    order = submit(2, client_order_id="desk-other-e1-2", **selling)
    (denied,) = floor.submit(order, NOW_NS)
    assert isinstance(denied, OrderDenied)
    assert (DenyReason.REDUCE_ONLY, "other") == (denied.reason, denied.strategy)


def test_a_liquidation_is_told_to_those_who_hold_the_position() -> None:
    perpetual = msgspec.structs.replace(SPOT, symbol="BTC-P", type=InstrumentType.PERPETUAL)
    spec = VenueSpec("sim", (perpetual,), {"USDT": D(5_000)}, SyntheticSourceSpec(), latency_ms=0.0)
    floor = VenueFloor(spec, SimulatedVenue(spec), OPEN_LIMITS)
    floor.venue.on_market(BookReset(perpetual.id, [(44_900.0, 5.0)], [(50_100.0, 5.0)], 1, NOW_NS, NOW_NS))
    floor.submit(submit(1, instrument=perpetual.id, price=D("50100.0"), quantity=D(1)), NOW_NS)
    floor.advance(NOW_NS)
    fell = MarkPrice(perpetual.id, 45_000.0, 45_000.0, 0.0, 0, NOW_NS + MS, NOW_NS + MS)
    forced, told = floor.venue.on_market(fell)
    # bought at 50,100: at 45,000 the 5,000 of the account are gone
    assert told is fell
    (fill,) = floor.take([forced], NOW_NS + MS)  # type: ignore[list-item]  # the other output is the mark
    assert isinstance(fill, Fill)
    assert ("carry", D(1), Side.SELL, 4) == (fill.strategy, fill.quantity, fill.side, fill.seq)
    assert {} == floor.records.positions()


def test_a_fenced_strategy_sends_nothing_any_more(floor: VenueFloor) -> None:
    floor.submit(submit(1), NOW_NS)
    floor.advance(NOW_NS + 5 * MS)
    assert [] == floor.fence("carry", 2, NOW_NS + 6 * MS)
    assert [] == floor.submit(submit(2), NOW_NS + 6 * MS)
    assert [] == floor.amend(amend(submit(1)), NOW_NS + 6 * MS)
    (closed,) = floor.advance(NOW_NS + 11 * MS)
    assert (OrderClosed, submit(1).client_order_id) == (type(closed), closed.client_order_id)  # type: ignore[union-attr]
    assert (0, 1) == (floor.status().open_orders, floor.status().orders.denied)


def test_the_settlement_of_an_expired_future_is_told_to_nobody() -> None:
    future = msgspec.structs.replace(SPOT, symbol="BTC-F", type="future", expiry_ns=NOW_NS + 50 * MS, min_notional=D(0))
    spec = VenueSpec("sim", (future,), {"USDT": D(100_000)}, SyntheticSourceSpec(), latency_ms=0.0)
    floor = VenueFloor(spec, SimulatedVenue(spec), OPEN_LIMITS)
    floor.venue.on_market(BookReset(future.id, [(49_900.0, 5.0)], [(50_100.0, 5.0)], 1, NOW_NS, NOW_NS))
    terms: dict[str, Any] = {"instrument": future.id, "price": D("50100.0"), "time_in_force": TimeInForce.IOC}
    floor.submit(submit(1, **terms), NOW_NS)
    told = [type(report).__name__ for report in floor.advance(NOW_NS)]
    assert ["OrderAccepted", "Fill", "OrderClosed"] == told
    assert [] == floor.advance(NOW_NS + 50 * MS)
    assert D(0) == floor.venue.ledger.position(future.id)


def test_reports_that_were_told_are_not_kept(floor: VenueFloor) -> None:
    floor.submit(submit(side=Side.BUY), NOW_NS)
    (accepted,) = floor.advance(NOW_NS + 5 * MS)
    assert (OrderAccepted, 1) == (type(accepted), accepted.seq)
    assert [] == floor.records.reports_from("carry", 0)


class TestGate:
    """The gate of a backtest is that of a gateway; it reads its reference off the market itself."""

    def limited(self, **limits: Any) -> VenueFloor:
        spec = VenueSpec("sim", (SPOT,), {"USDT": D(100_000)}, SyntheticSourceSpec(), latency_ms=0.0)
        return VenueFloor(spec, SimulatedVenue(spec), GateLimits(**limits))

    def test_the_newer_of_quote_and_book_is_the_reference(self) -> None:
        floor = self.limited(price_collar_bps=D(10), reference_age_max_ms=50)
        book = BookReset(SPOT.id, [(49_900.0, 5.0)], [(50_100.0, 5.0)], 1, NOW_NS, NOW_NS)
        floor.venue.on_market(book)
        # 10 bps above the middle, 50,000
        assert [OrderAccepted] == [type(report) for report in self.sent(floor, 1, "50050.0")]
        assert [DenyReason.PRICE_COLLAR] == [report.reason for report in self.sent(floor, 2, "50050.1")]
        floor.venue.on_market(Quote(SPOT.id, 50_099.0, 1.0, 50_101.0, 1.0, NOW_NS, NOW_NS))
        assert [OrderAccepted] == [type(report) for report in self.sent(floor, 3, "50080.0")]

    def test_one_that_is_old_or_of_one_side_is_none(self) -> None:
        floor = self.limited(reference_age_max_ms=50)
        assert [DenyReason.STALE_REFERENCE] == [report.reason for report in self.sent(floor, 1, "50000.0")]
        floor.venue.on_market(BookReset(SPOT.id, [(49_900.0, 5.0)], [], 1, NOW_NS, NOW_NS))
        assert [DenyReason.STALE_REFERENCE] == [report.reason for report in self.sent(floor, 2, "50000.0")]
        floor.venue.on_market(BookChange(SPOT.id, [], [(50_100.0, 5.0)], 2, NOW_NS, NOW_NS + MS))
        assert [] != self.sent(floor, 3, "50000.0", NOW_NS + 51 * MS)
        assert [DenyReason.STALE_REFERENCE] == [
            report.reason for report in self.sent(floor, 4, "50000.0", NOW_NS + 52 * MS)
        ]
        assert {"stale-reference": 3} == floor.status().denials

    def test_what_it_lets_nobody_know_is_counted_too(self) -> None:
        floor = self.limited()
        floor.venue.on_market(BookReset(SPOT.id, [(49_900.0, 5.0)], [(50_100.0, 5.0)], 1, NOW_NS, NOW_NS))
        self.sent(floor, 1, "50000.0")
        assert [] == self.sent(floor, 1, "50000.0")
        floor.amend(amend(submit(1), price=D("50000.05")), NOW_NS)
        assert {"duplicate-id": 1, "invalid-price": 1} == floor.status().denials

    def test_an_amendment_counts_until_the_venue_has_answered(self) -> None:
        floor = self.limited()
        floor.venue.on_market(BookReset(SPOT.id, [(49_900.0, 5.0)], [(50_100.0, 5.0)], 1, NOW_NS, NOW_NS))
        self.sent(floor, 1, "50000.0")
        floor.amend(amend(submit(1), quantity=D("0.020")), NOW_NS)
        assert D("0.020") == floor.records.stake("carry", SPOT.id).buying
        floor.advance(NOW_NS)
        floor.amend(amend(submit(1), quantity=D("0.004")), NOW_NS)
        floor.advance(NOW_NS)
        assert D("0.004") == floor.records.stake("carry", SPOT.id).buying

    def sent(self, floor: VenueFloor, number: int, price: str, now_ns: int = NOW_NS) -> list[Any]:
        return [*floor.submit(submit(number, price=D(price)), now_ns), *floor.advance(now_ns)]
