"""A journal that tells of an instrument which the gateway does not trade any more: it starts, and no fill is lost."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from gateways.gate.order_gate import OrderGate
from gateways.gate.order_records import OrderRecords
from gateways.intent_log import IntentLog
from messages.from_child import StrategyAlerted
from messages.orders import AmendOrder, AmendRejected, CloseReason, Fill, FundingPaid, OrderClosed, QueryOrder, Side
from tests.support.actor_thread import actor_threads
from tests.support.desk import DeskFloor
from tests.support.gateway_floor import GatewayFloor
from tests.support.orders import (
    INSTRUMENTS,
    OPEN_LIMITS,
    PERPETUAL,
    SPOT,
    accepted,
    amend,
    booked,
    closed,
    fill,
    status,
    submit,
)

D = Decimal
LEFT = {PERPETUAL.id: PERPETUAL}
BOUGHT, OTHERS = submit(1), submit(2, strategy="other", client_order_id="desk-other-e1-2")


def journal(directory: Path) -> Path:
    """What a gateway has left: 0.010 BTC less a fee of 0.001 BTC, and 0.004 BTC of another strategy."""
    floor = DeskFloor(directory)
    floor.submit(BOUGHT)
    floor.submit(OTHERS)
    for report in (
        accepted(BOUGHT),
        fill(BOUGHT, "0.010", "t-1", fee=D("0.001"), fee_currency="BTC"),
        closed(BOUGHT, "0.010", CloseReason.FILLED),
        accepted(OTHERS),
        fill(OTHERS, "0.004", "t-2"),
    ):
        floor.desk.report(report)
    floor.log.close()
    return directory


def restored(directory: Path, instruments: dict[str, Any]) -> tuple[OrderRecords, OrderGate]:
    gate, log = OrderGate(instruments, OPEN_LIMITS), IntentLog(directory)
    records = log.restore(instruments, gate)
    log.close()
    return records, gate


@pytest.fixture
def records(tmp_path: Path) -> OrderRecords:
    return restored(journal(tmp_path), LEFT)[0]


def test_what_is_held_is_kept_by_the_fills_alone(records: OrderRecords) -> None:
    assert records.holdings() == {"carry": {SPOT.id: D("0.010")}, "other": {SPOT.id: D("0.004")}}
    assert [report.trade_id for report in records.reports_from("carry", 1) if isinstance(report, Fill)] == ["t-1"]
    assert records.untraded() == {SPOT.id: D("0.014")}
    assert records.exposures() == {}, "there is no lease of it"


def test_what_is_traded_is_not_called_untraded(tmp_path: Path) -> None:
    records, _ = restored(journal(tmp_path), INSTRUMENTS)
    assert records.untraded() == {}
    assert records.positions("carry") == {SPOT.id: D("0.009")}, (
        "with the instrument back, the fee is known: 0.010 - 0.001"
    )


def test_an_order_that_is_still_open_there_is_told_of(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.submit(BOUGHT)
    floor.log.close()
    assert restored(tmp_path, LEFT)[0].untraded() == {SPOT.id: D(0)}


def test_a_forced_fill_and_a_funding_are_shared_out_all_the_same(records: OrderRecords) -> None:
    forced = fill(BOUGHT, "0.014", "T9", side=Side.SELL, client_order_id="autoclose-1", strategy="venue", fee=D(0))
    # 0.014 × 10/14 = 0.010
    assert [(share.strategy, share.quantity) for share in records.share_forced(forced)] == [
        ("carry", D("0.010")),
        ("other", D("0.004")),
    ]
    paid: list[FundingPaid] = records.share_funding(booked(1, "1.4", SPOT.id))
    assert [share.amount for share in paid] == [D("1.0"), D("0.4")]


def test_an_order_that_is_open_there_cannot_be_amended(tmp_path: Path) -> None:
    records, gate = restored(journal(tmp_path), LEFT)
    denial = gate.check_amendment(amend(OTHERS), records.orders[OTHERS.client_order_id], records, 0)
    assert denial is not None
    assert (denial.reason.value, denial.context) == ("unknown-instrument", f"instrument={SPOT.id}")


@pytest.fixture
def floor(tmp_path: Path) -> Iterator[GatewayFloor]:
    with actor_threads() as threads:
        floor = GatewayFloor(tmp_path, threads)
        yield floor
    floor.close()


def test_a_gateway_starts_tells_a_person_and_books_what_fills_there(floor: GatewayFloor) -> None:
    journal(floor.journal_dir)
    floor.open(instruments=(PERPETUAL,))
    (alert,) = {heard.text for heard in floor.supervisor.heard if isinstance(heard, StrategyAlerted)}
    assert f"its journal has orders in {SPOT.id}, which it does not trade any more: 0.014 is held" in alert
    (asked,) = [heard for heard in floor.venue.heard if isinstance(heard, QueryOrder)]
    assert asked.client_order_id == OTHERS.client_order_id
    other = floor.strategy("other", next_seq=3)
    other.says(amend(OTHERS))
    assert other.hears_a(AmendRejected).text == f"unknown-instrument instrument={SPOT.id}"
    floor.venue.tells(
        status(OTHERS, fill(OTHERS, "0.004", "t-2"), fill(OTHERS, "0.006", "t-3"), closed=CloseReason.FILLED)
    )
    assert other.hears_a(Fill).trade_id == "t-3"
    assert other.hears_a(OrderClosed).filled_quantity == D("0.010")
    held = floor.status(lambda status: status.positions.get(SPOT.id) == D("0.020"))
    assert held.open_orders == 0
    assert not any(isinstance(request, AmendOrder) for request in floor.venue.heard)
