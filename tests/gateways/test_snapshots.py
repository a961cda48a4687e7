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

import actors.runtime.journal
import gateways.gate.closed_orders
import gateways.intent_log
from actors.runtime.journal import JournalFailed
from gateways import snapshot_file, snapshots
from gateways.gate.order_gate import OrderGate
from gateways.gate.order_records import OrderRecords
from gateways.intent_log import COPIED_CHANNELS, IntentLog
from gateways.intent_reader import IntentReader
from gateways.snapshot_file import KEPT, snapshot_files, write_snapshot
from gateways.snapshots import (
    REST_NS_MIN,
    SNAPSHOT_EVERY_RECORDS,
    SNAPSHOT_OVERDUE_RECORDS,
    Snapshots,
    SnapshotWriter,
)
from gateways.venue import ForcedFill, OpenOrder
from messages.codec import TO_GATEWAY, encode
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


def snapshot_taken(floor: DeskFloor, _: Any, size: int) -> None:
    while size > 2 and floor.records.closed.is_chunk_due:
        floor.records.closed.encode_chunk()
    if floor.on_disk():
        saved(floor)


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
    "snapshot": snapshot_taken,
    "restart": None,
}


MANY = [
    *ORDERS,
    *(submit(number, quantity=D("0.010"), side=Side.BUY if number % 3 else Side.SELL) for number in range(3, 9)),
]
LIKELY = ["submit", "submit", "accepted", "fill", "closed", "cancel", "amend"]
LIKELY += [
    "traded",
    "ended",
    "ended",
    "ended",
    "late",
    "late",
    "asked to cancel",
    "amended twice",
    "acknowledged",
    "flatten",
]
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


# --- the file -------------------------------------------------------------------------------------------------------


def busy(directory: Path, *, orders: int = 6) -> DeskFloor:
    """A gateway with open and closed orders and a position."""
    floor = DeskFloor(directory)
    for number in range(1, orders):
        ACTS["submit"](floor, submit(number), 1)
        floor.desk.report(accepted(submit(number)))
    floor.desk.report(fill(submit(1), "0.010"))
    floor.desk.report(closed(submit(1), "0.010"))
    return floor


def used(directory: Path) -> int:
    """`recorded` of the snapshot that the next process begins from; 0 where there is none."""
    with capture_logs():
        return restored(directory).log.saved


def test_a_snapshot_is_the_gateways_alone_and_no_more_are_kept_than_two(tmp_path: Path) -> None:
    floor = busy(tmp_path)
    for number in range(10, 13):
        floor.submit(submit(number))
        saved(floor)
    files = snapshot_files(tmp_path)
    assert len(files) == KEPT == 2
    assert {file.stat().st_mode & 0o777 for file in files} == {0o600}
    assert used(tmp_path) == floor.log.recorded


def test_what_is_journaled_before_it_is_kept_and_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actors.runtime.journal, "TAIL_BYTES_MAX", 64)
    floor = busy(tmp_path)
    saved(floor)
    before = floor.on_disk()
    floor.submit(submit(20))
    made = restored(tmp_path)
    assert floor.on_disk()[: len(before)] == before
    assert list(made.records.orders)[-1] == submit(20).client_order_id
    (segment,) = tmp_path.glob("*.log")
    data = bytearray(segment.read_bytes())
    data[20] ^= 1  # damage that nobody looks at any more
    segment.write_bytes(data)
    assert restored(tmp_path).records.positions() == {SPOT.id: D("0.010")}


@pytest.mark.parametrize(
    ("harm", "why"),
    [
        (lambda data: data[:-1], "it is damaged"),
        (lambda data: data[:40] + bytes([data[40] ^ 1]) + data[41:], "it is damaged"),
        (lambda data: b"", "it is no snapshot"),
        (lambda data: b"NOTHING!" + data[8:], "it is no snapshot"),
        (lambda data: data[:8] + b"\2" + data[9:], "it is of version 2, and we are of 1"),
    ],
)
def test_one_that_cannot_be_read_gives_way_to_the_one_before_and_then_to_the_journal(
    tmp_path: Path, harm: Any, why: str
) -> None:
    floor = busy(tmp_path / "journal")
    saved(floor)
    older = floor.log.recorded
    floor.submit(submit(20))
    saved(floor)
    newest, before = snapshot_files(tmp_path / "journal")
    newest.write_bytes(harm(newest.read_bytes()))
    with capture_logs() as logs:
        snapshot, whole = both(tmp_path / "journal", tmp_path / "whole")
    assert [why in entry["error"] for entry in logs] == [True]
    assert differences(snapshot, whole) == []
    assert (snapshot.log.saved, newest.exists()) == (older, False)
    before.write_bytes(harm(before.read_bytes()))
    assert used(tmp_path / "journal") == 0


def test_one_whose_inside_does_not_fit_gives_way_to_the_one_before(tmp_path: Path) -> None:
    floor = busy(tmp_path)
    saved(floor)
    older = floor.log.recorded
    floor.submit(submit(20))
    snapshot = floor.log.snapshot(floor.records, floor.gate, 0)
    assert snapshot is not None
    write_snapshot(tmp_path, snapshot._replace(parts=[*snapshot.parts, b"a chunk that nobody knows of"]))
    assert used(tmp_path) == older
    write_snapshot(tmp_path, snapshot._replace(parts=[encode(submit())]))
    assert used(tmp_path) == older


def test_a_file_that_ends_within_a_part_is_none() -> None:
    with pytest.raises(ValueError, match="longer than the file"):
        list(snapshot_file._parts(b"\5\0\0\0abc", 0))


def test_one_that_cannot_be_opened_now_is_not_removed(tmp_path: Path) -> None:
    saved(busy(tmp_path))
    (file,) = snapshot_files(tmp_path)
    file.rename(tmp_path / "elsewhere")
    file.mkdir()
    assert used(tmp_path) == 0
    assert file.exists()


def test_a_journal_that_has_lost_its_end_is_known_by_it(tmp_path: Path) -> None:
    floor = busy(tmp_path)
    (segment,) = tmp_path.glob("*.log")
    short = segment.stat().st_size
    floor.submit(submit(20))
    saved(floor)
    floor.log.close()
    os.truncate(segment, short)
    floor = DeskFloor(tmp_path)  # which reads all of it, and writes something else in its place
    floor.submit(submit(21, caused_by="a longer record than the lost one"))
    assert [order.request.client_order_id for order in restored(tmp_path).records.open_orders()][-1].endswith("-21")
    assert snapshot_files(tmp_path) == []


def test_a_snapshot_of_another_journal_is_not_used(tmp_path: Path) -> None:
    saved(busy(tmp_path / "one"))
    other = busy(tmp_path / "other", orders=30)
    (file,) = snapshot_files(tmp_path / "one")
    shutil.copy(file, tmp_path / "other")
    assert used(tmp_path / "other") == 0
    assert len(other.records.orders) == len(restored(tmp_path / "other").records.orders)


def test_where_fees_count_otherwise_since_the_whole_journal_is_read(tmp_path: Path) -> None:
    """An instrument that is no longer in the config is held by the fills alone, and again with fees when it is back."""
    floor = DeskFloor(tmp_path)
    floor.submit(submit())
    floor.desk.report(fill(submit(), "0.010", fee=D("0.001"), fee_currency="BTC"))
    saved(floor)
    assert restored(tmp_path).records.positions() == {SPOT.id: D("0.009")}  # 0.010 - 0.001
    with capture_logs() as logs:
        assert restored(tmp_path, {PERPETUAL.id: PERPETUAL}).records.positions() == {SPOT.id: D("0.010")}
    assert [entry["error"] for entry in logs] == [f"the fees of {SPOT.id} count otherwise since"]


class DyingOs:
    """`os`, of a process that is killed at the n-th thing that it does to the disk, in the middle of a write."""

    class Killed(BaseException):
        pass

    def __init__(self, steps: int) -> None:
        self._left = steps

    def __getattr__(self, name: str) -> Any:
        if name not in ("open", "write", "fsync", "close", "replace"):
            return getattr(os, name)
        return lambda *arguments: self._step(name, *arguments)

    def _step(self, name: str, *arguments: Any) -> Any:
        self._left -= 1
        if self._left == 0:
            if name == "write":
                os.write(arguments[0], arguments[1][: len(arguments[1]) // 2])
            raise self.Killed
        if self._left < 0 and name != "close":
            raise self.Killed
        return getattr(os, name)(*arguments)


def test_a_process_that_is_killed_at_any_step_of_writing_leaves_the_one_before_or_the_new_one(tmp_path: Path) -> None:
    is_whole = False
    for step in range(1, 40):
        folder = tmp_path / str(step)
        floor = busy(folder)
        saved(floor)
        older = floor.log.recorded
        floor.submit(submit(20))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(snapshot_file, "os", DyingOs(step))
            try:
                saved(floor)
                is_whole = True
            except DyingOs.Killed:
                assert not is_whole
        snapshot, whole = both(folder, tmp_path / f"whole-{step}")
        assert differences(snapshot, whole) == []
        assert snapshot.log.saved in (older, floor.log.recorded)
        saved(floor)
        assert list(folder.glob(".*")) == [], "what the killed one has left is removed"
    assert is_whole


def test_a_disk_that_is_full_leaves_the_older_ones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    floor = busy(tmp_path)
    saved(floor)
    older = floor.log.recorded
    floor.submit(submit(20))
    half = SimpleNamespace(**{**vars(os), "write": lambda fd, data: os.write(fd, data[:1])})
    monkeypatch.setattr(snapshot_file, "os", half)
    with pytest.raises(OSError, match="1 of 16 bytes written"):
        saved(floor)
    monkeypatch.undo()
    assert len(list(tmp_path.iterdir())) == 2, "the journal and the older snapshot"
    assert used(tmp_path) == older


def test_a_late_fill_of_an_order_that_was_encoded_before_is_known_to_the_next_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways.gate.closed_orders, "CHUNK_ORDERS", 1)
    floor = busy(tmp_path)
    floor.desk.report(closed(submit(2)))
    floor.records.closed.encode_chunk()
    floor.records.closed.encode_chunk()
    floor.desk.report(fill(submit(2), "0.001", "late"))
    saved(floor)
    again = floor.killed_and_restarted()
    assert again.records.orders == floor.records.orders
    again.desk.report(fill(submit(2), "0.001", "late"))
    again.desk.report(fill(submit(1), "0.010"))
    assert again.records.positions() == {SPOT.id: D("0.011")}  # 0.010 + 0.001, each once
    again.submit(submit(2))
    assert again.sends()[len(again.records.open_orders()) :] == [], "its id is known, too"


# --- when -----------------------------------------------------------------------------------------------------------

DUE, OVERDUE = SNAPSHOT_EVERY_RECORDS, SNAPSHOT_OVERDUE_RECORDS


class Inline(SnapshotWriter):
    def write(self, snapshot: Any) -> None:
        self.write_now(snapshot)


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A gateway's snapshots, of a journal with so many records as a test says."""
    monkeypatch.setattr(snapshots, "SnapshotWriter", Inline)
    floor = busy(tmp_path)
    return floor, Snapshots(tmp_path, floor.log, floor.records, floor.gate, lambda: 7)


def count(directory: Path) -> int:
    return len(snapshot_files(directory))


def test_one_is_written_when_nothing_waits_after_so_many_records_and_so_much_rest(desk: Any, tmp_path: Path) -> None:
    floor, due = desk
    floor.log.recorded = DUE - 1
    due.on_idle(0)
    assert count(tmp_path) == 0
    floor.log.recorded = DUE
    due.on_idle(0)
    assert count(tmp_path) == 1
    floor.submit(submit(20))
    floor.log.recorded = 2 * DUE
    due.on_idle(REST_NS_MIN - 1)
    assert count(tmp_path) == 1
    due.on_idle(10 * REST_NS_MIN)
    assert count(tmp_path) == 2
    assert restored(tmp_path).log.last_flatten == 7


def test_a_gateway_that_is_never_idle_writes_one_when_it_is_overdue(desk: Any, tmp_path: Path) -> None:
    floor, due = desk
    floor.log.recorded = OVERDUE - 1
    due.on_pulse(0)
    assert count(tmp_path) == 0
    floor.log.recorded = OVERDUE
    due.on_pulse(0)
    assert count(tmp_path) == 1


def test_closed_orders_are_encoded_a_chunk_at_a_time_first(
    desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateways.gate.closed_orders, "CHUNK_ORDERS", 1)
    floor, due = desk
    for number in (2, 3, 4):
        floor.desk.report(closed(submit(number)))
    floor.log.recorded = OVERDUE
    due.on_idle(0)
    assert (len(floor.records.closed.chunks), count(tmp_path)) == (1, 0)
    monkeypatch.setattr(snapshots, "CHUNKS_A_PULSE", 2)
    due.on_pulse(0)
    assert (len(floor.records.closed.chunks), count(tmp_path)) == (3, 0)
    due.on_pulse(0)
    assert (len(floor.records.closed.chunks), count(tmp_path)) == (4, 1)


def test_one_that_the_disk_did_not_take_is_written_again_after_a_rest(
    desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor, due = desk
    floor.log.recorded = DUE

    def failing() -> None:
        raise JournalFailed("the disk")

    monkeypatch.setattr(due._writer, "_sync", failing)
    with capture_logs() as logs:
        due.on_idle(0)
    assert next(entry["event"] for entry in logs) == "snapshot not written"
    monkeypatch.undo()
    due.on_idle(10 * REST_NS_MIN)
    assert count(tmp_path) == 1


def test_books_that_cannot_be_encoded_stop_no_trading(
    desk: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor, due = desk
    floor.log.recorded = DUE
    monkeypatch.setattr(floor.records, "state", object)
    with capture_logs() as logs:
        due.on_idle(0)
    assert [entry["event"] for entry in logs] == ["no snapshot"]
    assert count(tmp_path) == 0


def test_the_disk_is_waited_for_off_the_actors_thread(tmp_path: Path) -> None:
    floor = busy(tmp_path)
    is_synced = Event()
    writer = SnapshotWriter(tmp_path, lambda: is_synced.wait(10.0) and None, 0)
    assert not writer.is_busy
    writer.stop()
    writer.write(floor.log.snapshot(floor.records, floor.gate, 0))
    assert writer.is_busy
    assert count(tmp_path) == 0, "the journal must be safe before"
    is_synced.set()
    writer.stop()
    assert (count(tmp_path), writer.saved) == (1, floor.log.recorded)


def test_none_is_made_where_nobody_could_know_its_place_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = IntentLog(tmp_path)
    records, gate = log.restore(INSTRUMENTS, OrderGate(INSTRUMENTS)), OrderGate(INSTRUMENTS)
    assert log.snapshot(records, gate, 0) is None, "an empty segment"
    log.intend(encode(submit()))
    log._is_in_doubt = True
    assert log.snapshot(records, gate, 0) is None
    log._is_in_doubt = False

    def unreadable() -> bytes:
        raise OSError("no")

    monkeypatch.setattr(log._journal, "tail", unreadable)
    with capture_logs():
        assert log.snapshot(records, gate, 0) is None
    log.close()


def test_after_a_long_write_that_failed_only_the_journal_knows_what_is_in_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    floor = busy(tmp_path)
    monkeypatch.setattr(gateways.intent_log, "BUFFER_BYTES_MAX", 10)
    with floor.full_disk(), pytest.raises(JournalFailed):
        floor.log.intend(encode(submit(20)))
    assert floor.log.snapshot(floor.records, floor.gate, 0) is None


# --- the drop copy --------------------------------------------------------------------------------------------------


def test_the_ledger_is_told_by_the_numbers_of_the_whole_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Records that it has not confirmed are read from segments that lie before the snapshot, too."""
    floor = DeskFloor(tmp_path)
    monkeypatch.setattr(floor.log._journal, "_segment_bytes_max", 500)
    for number in range(1, 20):
        floor.submit(submit(number))
        floor.desk.report(accepted(submit(number)))
    saved(floor)
    floor.submit(submit(20))
    everything = [record.payload for record in floor.on_disk() if record.channel in COPIED_CHANNELS]
    floor.log.close()
    made = restored(tmp_path)
    assert made.log.saved and len(made.log.segment_starts) > 5
    assert made.log.recorded == len(everything) == 39  # 19 orders and their acceptances, and one order
    for first in range(1, 40):
        reader = IntentReader(tmp_path, COPIED_CHANNELS, made.log.segment_starts)
        assert reader.read(first) == everything[first - 1 :]
        assert reader.read(1) == everything
        reader.close()


def test_a_reader_begins_in_the_last_segment_that_is_not_too_late(tmp_path: Path) -> None:
    floor = DeskFloor(tmp_path)
    floor.log._journal._segment_bytes_max = 500
    for number in range(1, 20):
        floor.submit(submit(number))
    reader = IntentReader(tmp_path, COPIED_CHANNELS, floor.log.segment_starts)
    reader.read(19)
    assert reader.position[0] == max(floor.log.segment_starts)
    assert TO_GATEWAY.decode(reader.read(10)[0]) == submit(10)
