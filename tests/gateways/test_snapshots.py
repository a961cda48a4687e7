"""Snapshots of a gateway's books: with one or without, the books of the next process are the same, only sooner."""

import os
import shutil
from contextlib import nullcontext
from decimal import Decimal as D
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

import gateways.gate.closed_orders
import gateways.intent_log
from actors.runtime.journal import JournalFailed
from gateways import snapshot_file, snapshots
from gateways.gate.order_gate import OrderGate
from gateways.gate.order_records import OrderRecords
from gateways.intent_log import ACKNOWLEDGED_EVERY, COPIED_CHANNELS, IntentLog
from gateways.intent_reader import IntentReader
from gateways.snapshot_file import KEPT, found_snapshots, snapshot_files, write_snapshot
from gateways.snapshots import (
    REST_NS_MIN,
    SNAPSHOT_EVERY_RECORDS,
    SNAPSHOT_OVERDUE_RECORDS,
    Snapshots,
    SnapshotWriter,
)
from gateways.venue import ForcedFill, OpenOrder
from messages.codec import FROM_GATEWAY, TO_GATEWAY, encode
from messages.orders import FLATTEN_PREFIX, OrderAmended, OrderType, Side
from messages.risk import SetTradingState, TradingState
from messages.to_child import FenceStrategy
from tests.support.books import Made, differences
from tests.support.desk import DeskFloor
from tests.support.histories import ACTS, ORDERS, quantity_of
from tests.support.orders import (
    INSTRUMENTS,
    NOW_NS,
    PERPETUAL,
    SPOT,
    accepted,
    amend,
    cancel,
    closed,
    fill,
    head,
    submit,
)

RUNS = int(os.environ.get("OUTCRY_FUZZ", "150"))
"""Random histories; OUTCRY_FUZZ=100000 for the long run."""


FLATTENED: dict[Path, int] = {}
"""By journal, the number of the last order of the gateway's own: a guard knows it."""


def saved(floor: DeskFloor) -> None:
    """A snapshot as the gateway writes it."""
    floor.log.sync()
    snapshot = floor.log.snapshot(floor.records, floor.gate, FLATTENED.get(floor.directory, 0))
    assert snapshot is not None
    write_snapshot(floor.directory, snapshot)


def restored(directory: Path, instruments: Any = INSTRUMENTS) -> Made:
    log, gate = IntentLog(directory), OrderGate(instruments)
    made = Made(log, gate, log.restore(instruments, gate))
    log.close()
    return made


def both(directory: Path, elsewhere: Path) -> tuple[Made, Made]:
    """The books by the newest snapshot and what came after it, and those of the whole journal."""
    elsewhere.mkdir(exist_ok=True)
    for segment in directory.glob("*.log"):
        shutil.copy(segment, elsewhere)
    return restored(directory), restored(elsewhere)


# --- random histories ----------------------------------------------------------------------------------------------


def flattening(floor: DeskFloor, order: Any, size: int) -> None:
    """An order of the gateway's own, which brings its strategy's position nearer to nothing."""
    held = floor.records.positions(order.strategy).get(order.instrument, D(0))
    side = Side.SELL if held > 0 else Side.BUY
    own = submit(
        client_order_id=f"{FLATTEN_PREFIX}desk-sim-{size}", strategy=order.strategy, instrument=order.instrument,
        side=side, quantity=abs(held) or D(1), price=None, type=OrderType.MARKET, reduce_only=True,
    )  # fmt: skip
    floor.submit(own)
    FLATTENED[floor.directory] = max(FLATTENED.get(floor.directory, 0), size)
    if own.client_order_id in floor.records.orders:
        floor.desk.report(accepted(own))
        floor.desk.report(fill(own, str(abs(held)), f"f-{size}"))


def forced(floor: DeskFloor, order: Any, size: int) -> None:
    """The venue closes something by itself, and tells it with the account."""
    venue = submit(client_order_id="autoclose-1", strategy="venue", instrument=order.instrument, side=order.side)
    closing = fill(venue, "1" if order.instrument == PERPETUAL.id else "0.001", f"v-{size}")
    floor.desk.on_forced(ForcedFill(floor.records.forced_fills + size % 2, closing))


def acknowledged(floor: DeskFloor, order: Any, size: int) -> None:
    last = floor.records.last_seq(order.strategy)
    seq = floor.records.acknowledge(order.strategy, last if size > 2 else size)
    floor.log.note_acknowledged(order.strategy, seq)


def state_set(floor: DeskFloor, order: Any, size: int) -> None:
    states = (TradingState.HALTED, TradingState.REDUCING, TradingState.ACTIVE)
    command = SetTradingState(f"c{size}", order.strategy if size > 2 else "", states[size % 3], "a reason")
    if floor.desk.note_trading_state(command):
        floor.gate.states.apply(command)


def note_base(floor: DeskFloor, amount: D) -> None:
    if floor.desk.note_base("BTC", amount):
        floor.log.bases["BTC"] = amount


def fresh(floor: DeskFloor, order: Any) -> Any:
    """A new order like this one, which is in the books if the disk takes it."""
    new = msgspec.structs.replace(order, client_order_id=f"desk-{order.strategy}-n{len(floor.on_disk())}")
    floor.submit(new)
    return new


def traded(floor: DeskFloor, order: Any, size: int) -> None:
    new = fresh(floor, order)
    floor.desk.report(fill(new, quantity_of(new, size), "t-1"))


def ended(floor: DeskFloor, order: Any, size: int) -> None:
    """One order from its beginning to its end, some with a fill."""
    new = fresh(floor, order)
    floor.desk.report(accepted(new))
    if size > 3:
        floor.desk.report(fill(new, quantity_of(new, 1), "t-1"))
    known = floor.records.orders.get(new.client_order_id)
    floor.desk.report(closed(new, "0" if known is None else str(known.filled_quantity)))


def told_late(floor: DeskFloor, _: Any, size: int) -> None:
    """Something is told of an order that has ended."""
    ids = floor.records.closed.ids
    if ids:
        order = floor.records.orders[ids[size % len(ids)]].request
        floor.desk.report(fill(order, quantity_of(order, 1), f"late-{size}"))


def asked_to_cancel(floor: DeskFloor, order: Any, _: int) -> None:
    floor.desk.cancel(cancel(fresh(floor, order)))


def amended_twice(floor: DeskFloor, order: Any, size: int) -> None:
    """Two amendments, of which at most one is answered."""
    new = fresh(floor, order)
    floor.desk.report(accepted(new))
    for price in ("49999.9", "49999.8"):
        floor.desk.amend(amend(new, quantity=new.quantity * size, price=D(price)))
    if size > 2:
        floor.desk.report(OrderAmended(*head(new), new.quantity * size, D("49999.9"), NOW_NS))


MORE_ACTS: dict[str, Any] = {
    **ACTS,
    "flatten": flattening,
    "traded": traded,
    "ended": ended,
    "late": told_late,
    "asked to cancel": asked_to_cancel,
    "amended twice": amended_twice,
    "forced": forced,
    "acknowledged": acknowledged,
    "state": state_set,
    "fence": lambda floor, order, size: floor.desk.fence(FenceStrategy("c1", order.strategy, size, False)),
    "base": lambda floor, _, size: note_base(floor, D(size)),
    "adopted": lambda floor, order, _: floor.desk.cancel_adopted(OpenOrder(order.client_order_id, order.instrument)),
    "chunk": lambda floor, *_: floor.records.closed.encode_chunk() if floor.records.closed.is_chunk_due else None,
    "snapshot": lambda floor, *_: saved(floor) if floor.on_disk() else None,
    "restart": None,
}


MANY = [
    *ORDERS,
    *(submit(number, quantity=D("0.010"), side=Side.BUY if number % 3 else Side.SELL) for number in range(3, 9)),
]
LIKELY = ["submit", "submit", "accepted", "fill", "closed", "cancel", "amend"]
LIKELY += ["traded", "ended", "ended", "ended", "late", "asked to cancel", "amended twice", "acknowledged", "flatten"]
LIKELY += ["snapshot", "snapshot", "chunk", "restart"]
plans = st.lists(
    st.tuples(st.sampled_from([*LIKELY, *MORE_ACTS]), st.sampled_from(MANY), st.integers(1, 5), st.integers(0, 9)),
    max_size=60,
)


def play(floor: DeskFloor, plan: list[Any], *, may_fill_up: bool) -> DeskFloor:
    for act, order, size, luck in plan:
        if act == "restart":
            floor = floor.killed_and_restarted()
            continue
        is_full = may_fill_up and luck == 0 and act not in ("snapshot", "chunk")
        with floor.full_disk() if is_full else nullcontext():
            MORE_ACTS[act](floor, order, size)
    return floor


@pytest.mark.timeout(120 + RUNS // 20)
@settings(max_examples=RUNS, deadline=None)
@given(plans, st.integers(2, 4), st.booleans(), st.booleans())
def test_a_snapshot_and_the_rest_of_the_journal_make_the_books_of_the_whole_journal(
    plan: list[Any], kept: int, may_fill_up: bool, saves_late: bool
) -> None:
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch, capture_logs():
        patch.setattr(gateways.gate.closed_orders, "CLOSED_ORDERS_KEPT_MAX", kept)
        patch.setattr(gateways.gate.closed_orders, "CHUNK_ORDERS", 2)
        patch.setattr(gateways.gate.closed_orders, "LATE_MAX", 2)
        patch.setattr(gateways.intent_log, "ACKNOWLEDGED_EVERY", 2)
        folder = Path(directory) / "journal"
        FLATTENED.clear()
        floor = play(DeskFloor(folder), plan, may_fill_up=may_fill_up)
        if saves_late and floor.on_disk():
            saved(floor)
            floor = play(floor, plan[:10], may_fill_up=False)
        floor.log.close()
        snapshot, whole = both(folder, Path(directory) / "whole")
        assert differences(snapshot, whole, is_disk_sound=not may_fill_up) == []


@pytest.mark.timeout(120 + RUNS // 20)
@settings(max_examples=RUNS, deadline=None)
@given(plans, st.booleans())
def test_a_snapshot_holds_the_books_of_the_living_to_the_last_amendment(plan: list[Any], may_fill_up: bool) -> None:
    with TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch, capture_logs():
        patch.setattr(gateways.gate.closed_orders, "CLOSED_ORDERS_KEPT_MAX", 3)
        patch.setattr(gateways.gate.closed_orders, "CHUNK_ORDERS", 2)
        FLATTENED.clear()
        floor = play(DeskFloor(Path(directory)), plan, may_fill_up=may_fill_up)
        if not floor.on_disk():
            return
        saved(floor)
        floor.log.close()
        made = restored(Path(directory))
        assert same(made.records) == same(floor.records)
        assert made.records.exposures() == floor.records.exposures()
        assert made.gate.epochs == floor.gate.epochs
        assert made.gate.states.state() == floor.gate.states.state()
        assert made.log.bases == floor.log.bases
        assert made.log.recorded == floor.log.recorded


def same(records: OrderRecords) -> Any:
    """The books as a snapshot has them, comparable."""
    state = records.state()
    plain = msgspec.msgpack.decode(encode(state), type=type(state))
    return msgspec.structs.replace(plain, closed=msgspec.structs.replace(plain.closed, late=[])), len(records.orders)
