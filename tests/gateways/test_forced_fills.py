"""What the venue closes by itself reaches those who held it: shared out exactly, journaled, told once."""

from decimal import Decimal as D
from pathlib import Path
from typing import Any

import pytest

import gateways.gate.order_records
from gateways.gate.order_records import OrderRecords
from messages.orders import Fill, Side
from tests.support.desk import DeskFloor
from tests.support.orders import INSTRUMENTS, PERPETUAL, SPOT, fill, submit


def sale(strategy: str, quantity: str) -> Any:
    return submit(
        client_order_id=f"{strategy}-1",
        strategy=strategy,
        instrument=PERPETUAL.id,
        side=Side.SELL,
        quantity=D(quantity),
    )


def forced(quantity: str, fee: str = "0.5", trade_id: str = "v-1", side: Side = Side.BUY) -> Fill:
    order = submit(client_order_id="autoclose-1", strategy="venue", instrument=PERPETUAL.id, side=side)
    return fill(order, quantity, trade_id, fee=D(fee), fee_currency="BTC")


def books(**sold: str) -> OrderRecords:
    records = OrderRecords(INSTRUMENTS)
    for number, (strategy, quantity) in enumerate(sold.items()):
        order = sale(strategy, quantity)
        records.record_intent(order)
        numbered = records.number(fill(order, quantity, f"t-{number}", fee_currency="BTC"))
        assert numbered is not None
        records.apply(numbered)
    return records


def shares(records: OrderRecords, report: Fill) -> list[tuple[str, D, D]]:
    return [(share.strategy, share.quantity, share.fee) for share in records.share_forced(report)]


def test_who_holds_it_alone_gets_all_of_it() -> None:
    assert shares(books(carry="3"), forced("2")) == [("carry", D(2), D("0.5"))]


def test_it_is_divided_by_position_in_whole_lots_and_the_last_takes_the_rest() -> None:
    # 4 of 7 contracts: 4 × 5 / 7 = 2.86 → 2, and 2 are left; of the fee 2 / 4 each
    assert shares(books(carry="5", other="2"), forced("4", "0.50")) == [
        ("carry", D(2), D("0.25")),
        ("other", D(2), D("0.25")),
    ]


def test_a_share_of_less_than_a_lot_is_none() -> None:
    # 1 × 1 / 10 → 0
    assert shares(books(other="1", carry="9"), forced("1")) == [("carry", D(1), D("0.5"))]


def test_who_holds_the_other_side_or_nothing_has_no_part_in_it() -> None:
    assert shares(books(carry="3"), forced("1", side=Side.SELL)) == []
    assert shares(OrderRecords(INSTRUMENTS), forced("1")) == []


def test_it_changes_the_position_of_its_strategy_and_is_taken_once() -> None:
    records = books(carry="3")
    (share,) = records.share_forced(forced("2"))
    numbered = records.number(share)
    assert numbered is not None
    assert numbered.seq == 2
    records.apply(numbered)
    assert records.positions("carry") == {PERPETUAL.id: D(-1)}
    assert records.share_forced(forced("2")) == []
    assert shares(records, forced("1", trade_id="v-2")) == [("carry", D(1), D("0.5"))]


def test_only_the_last_ones_are_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gateways.gate.order_records, "FORCED_FILLS_KEPT_MAX", 1)
    records = books(carry="9")
    for trade_id in ("v-1", "v-2"):
        (share,) = records.share_forced(forced("1", trade_id=trade_id))
        numbered = records.number(share)
        assert numbered is not None
        records.apply(numbered)
    assert records.share_forced(forced("1", trade_id="v-2")) == []
    assert shares(records, forced("1", trade_id="v-1")) == [("carry", D(1), D("0.5"))]


@pytest.fixture
def holders(tmp_path: Path) -> DeskFloor:
    """carry is short 3 contracts."""
    floor = DeskFloor(tmp_path)
    order = sale("carry", "3")
    floor.submit(order)
    floor.desk.report(fill(order, "3", fee_currency="BTC"))
    floor.tells()
    return floor


def test_the_desk_journals_it_tells_it_once_and_knows_it_after_a_restart(holders: DeskFloor) -> None:
    for _ in range(2):
        holders.desk.report(forced("2"))
    assert [(told.strategy, told.quantity, told.seq) for told in holders.tells()] == [("carry", D(2), 2)]
    again = holders.killed_and_restarted()
    assert again.records.positions("carry") == {PERPETUAL.id: D(-1)}
    again.desk.report(forced("2"))
    assert again.tells() == []


def test_one_that_cannot_be_journaled_did_not_happen(holders: DeskFloor) -> None:
    with holders.full_disk():
        holders.desk.report(forced("2"))
    assert holders.tells() == []
    assert holders.records.positions("carry") == {PERPETUAL.id: D(-3)}


def test_one_that_none_of_ours_holds_is_told_to_nobody(holders: DeskFloor) -> None:
    holders.desk.report(forced("2", side=Side.SELL))
    assert holders.tells() == []
    assert SPOT.id not in holders.records.positions()
