"""The intent journal: from it the books are made again as they were, whatever happened to orders, venue and disk."""

import os
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from actors.runtime.journal import JournalFailed, Record, read_journal
from gateways.gate.order_gate import OrderGate
from gateways.intent_log import ACKNOWLEDGED_EVERY, Acknowledged, Fenced, FundingKnown, IntentChannel, IntentLog
from messages.base import Message
from messages.codec import encode
from messages.order_lifecycle import OrderState
from messages.orders import (
    FundingPaid,
    QueryOrder,
)
from messages.to_child import FenceStrategy
from tests.support.desk import DeskFloor
from tests.support.histories import ACTS, steps
from tests.support.limits import files_no_longer_than
from tests.support.orders import (
    INSTRUMENTS,
    NOW_NS,
    PERPETUAL,
    accepted,
    amend,
    cancel,
    fill,
    head,
    status,
    submit,
)

D = Decimal
RUNS = int(os.environ.get("OUTCRY_FUZZ", "150"))
"""Random histories; OUTCRY_FUZZ=100000 for the long run."""

PAID = FundingPaid("carry", PERPETUAL.id, D("0.1"), "BTC", 0.0001, D(1), "3", NOW_NS, 1)


def test_every_record_is_on_disk_when_the_call_returns(tmp_path: Path) -> None:
    log, order = IntentLog(tmp_path), submit()
    written: list[Record] = []

    def wrote(*records: tuple[IntentChannel, Message]) -> None:
        written.extend(Record(channel, encode(message)) for channel, message in records)
        assert list(read_journal(tmp_path)) == written

    for request in (order, cancel(order), amend(order)):
        log.intend(encode(request))
        wrote((IntentChannel.INTENT, request))
    assert log.record(accepted(order)) == encode(accepted(order)), "it is sent as it was recorded"
    wrote((IntentChannel.REPORT, accepted(order)))
    log.record_funding([PAID], 3)
    wrote((IntentChannel.REPORT, PAID), (IntentChannel.NOTE, FundingKnown(3)))
    log.note_fence(FenceStrategy("c1", "carry", 2, False))
    wrote((IntentChannel.NOTE, Fenced("carry", 2)))
    log.sync()
    log.close()


def test_what_could_not_be_written_is_not_written_later(tmp_path: Path) -> None:
    log, order = IntentLog(tmp_path), submit()
    acts = (
        lambda: log.intend(encode(order)),
        lambda: log.record(accepted(order)),
        lambda: log.record_funding([PAID], 1),
        lambda: log.note_fence(FenceStrategy("c1", "carry", 2, False)),
    )
    with files_no_longer_than(8):
        for act in acts:
            with pytest.raises(JournalFailed):
                act()
    log.intend(encode(submit(2)))
    assert list(read_journal(tmp_path)) == [Record(IntentChannel.INTENT, encode(submit(2)))]
    log.close()


def test_an_acknowledgement_is_noted_now_and_then_and_again_where_the_disk_was_full(tmp_path: Path) -> None:
    log = IntentLog(tmp_path)
    log.note_acknowledged("carry", ACKNOWLEDGED_EVERY - 1)
    with files_no_longer_than(8), capture_logs() as logs:
        log.note_acknowledged("carry", ACKNOWLEDGED_EVERY)
    assert [entry["event"] for entry in logs] == ["acknowledgement not noted"]
    for number in range(ACKNOWLEDGED_EVERY + 1, 2 * ACKNOWLEDGED_EVERY + 2):
        log.note_acknowledged("carry", number)
    log.close()
    notes = [Acknowledged("carry", seq) for seq in (ACKNOWLEDGED_EVERY + 1, 2 * ACKNOWLEDGED_EVERY + 1)]
    assert list(read_journal(tmp_path)) == [Record(IntentChannel.NOTE, encode(note)) for note in notes]


def test_an_empty_log_makes_empty_books(tmp_path: Path) -> None:
    records = IntentLog(tmp_path).restore(INSTRUMENTS, OrderGate(INSTRUMENTS))
    assert (records.orders, records.positions(), records.fundings, records.last_seq("carry")) == ({}, {}, 0, 0)


def test_an_intent_without_an_outcome_is_asked_about_and_never_sent_again(tmp_path: Path) -> None:
    log, order = IntentLog(tmp_path), submit()
    log.intend(encode(order))  # and here the process was killed: it may have been sent, or not
    log.close()
    floor = DeskFloor(tmp_path)
    assert floor.sends() == [QueryOrder(*head(order)[:2], order.epoch, order.instrument)]
    assert [record.state for record in floor.records.open_orders()] == [OrderState.IN_FLIGHT]


def test_a_torn_report_is_told_again_by_the_venue_and_keeps_its_number(tmp_path: Path) -> None:
    floor, order = DeskFloor(tmp_path), submit()
    floor.submit(order)
    floor.desk.report(accepted(order))
    floor.desk.report(fill(order, "0.010"))
    told = floor.told[-1]
    floor.log.close()
    (segment,) = tmp_path.glob("*.log")
    segment.write_bytes(segment.read_bytes()[:-1])
    again = DeskFloor(tmp_path)
    assert (again.records.positions(), again.records.last_seq("carry")) == ({}, 1)
    again.desk.on_order_status(status(order, fill(order, "0.010")))
    assert again.told[-1] == told
    assert again.records.positions() == floor.records.positions()


# --- random histories ----------------------------------------------------------------------------------------------


@pytest.mark.timeout(120 + RUNS // 50)
@settings(max_examples=RUNS, deadline=None)
@given(st.lists(steps, max_size=30), st.integers(0, 30))
def test_the_books_of_the_next_process_are_those_of_the_last(plan: list[Any], fence_at: int) -> None:
    with TemporaryDirectory() as directory:
        floor = DeskFloor(Path(directory))
        for number, (act, order, size, is_disk_full) in enumerate(plan):
            if number == fence_at:
                floor.desk.fence(FenceStrategy("c1", "carry", 2, False))
            with floor.full_disk() if is_disk_full else nullcontext():
                ACTS[act](floor, order, size)
        again = floor.killed_and_restarted()
        live, restored = floor.records, again.records
        assert restored.orders == live.orders
        assert [order.request for order in restored.open_orders()] == [order.request for order in live.open_orders()]
        assert restored.cancels_asked == live.cancels_asked
        assert restored.fundings == live.fundings
        assert restored.positions() == live.positions()
        for strategy in ("carry", "other"):
            assert restored.positions(strategy) == live.positions(strategy)
            assert restored.last_seq(strategy) == live.last_seq(strategy)
            assert list(restored.reports_from(strategy, 1)) == list(live.reports_from(strategy, 1))
            assert again.gate.epoch(strategy) == floor.gate.epoch(strategy)
        numbered = [(report.strategy, report.seq) for report in floor.told if report.seq]
        assert sorted(numbered) == [
            (strategy, seq) for strategy in ("carry", "other") for seq in range(1, live.last_seq(strategy) + 1)
        ], "each strategy was told each of its numbers once"
