"""The drop copy's bookkeeping: in order, at least once, bounded, and nothing sent before the ledger has spoken."""

from collections import deque
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateways import drop_copy
from gateways.drop_copy import OUTSTANDING_MAX, RESEND_PULSES, DropCopyFrame, DropCopyQueue
from messages.codec import FROM_CHILD, encode
from messages.from_child import DROP_COPY_RECORDS_MAX, DropCopy
from tests.support.orders import accepted, cancel, fill, submit


def frames(count: int) -> list[bytes]:
    """The journal's bytes of so many records; record n is a cancel of order n."""
    return [encode(cancel(submit(number))) for number in range(1, count + 1)]


class Journal:
    """What a gateway has on disk, read from a record on, at most 100 at a time."""

    def __init__(self, records: list[bytes]) -> None:
        self.records = records
        self.reads = 0

    def read(self, first: int) -> list[bytes]:
        self.reads += 1
        return self.records[first - 1 : first + 99]


def queue(journal: list[bytes] | None = None) -> DropCopyQueue:
    """Of a gateway whose journal holds these records already."""
    records = journal or []
    return DropCopyQueue("sim", len(records), Journal(records).read)


def numbers(sent: list[DropCopyFrame]) -> list[int]:
    """The numbers of all records that were sent; each is read back from its order id."""
    found = []
    for frame in sent:
        copy = FROM_CHILD.decode(encode(frame))
        assert isinstance(copy, DropCopy)
        for number, record in enumerate(copy.records, start=copy.first):
            assert record == cancel(submit(number))
            found.append(number)
    return found


def test_intents_and_reports_arrive_as_they_were_journaled() -> None:
    copies = queue()
    copies.applied(0)
    order = submit()
    written = [order, accepted(order), fill(order, "0.01"), cancel(order)]
    for record in written:
        copies.record(encode(record))
    (frame,) = copies.due()
    assert FROM_CHILD.decode(encode(frame)) == DropCopy("sim", 1, tuple(written))


def test_nothing_is_sent_before_the_ledger_has_said_what_it_has() -> None:
    copies = queue(frames(3))
    assert copies.due() == []
    assert copies.last() == []
    copies.applied(1)
    assert numbers(copies.due()) == [2, 3]


def test_numbers_go_on_after_a_restart() -> None:
    copies = queue(frames(3))
    copies.applied(3)
    copies.record(encode(cancel(submit(4))))
    assert numbers(copies.due()) == [4]


def test_what_is_outstanding_is_not_sent_twice_and_is_bounded() -> None:
    copies = queue()
    copies.applied(0)
    for frame in frames(2_000):
        copies.record(frame)
    in_flight = OUTSTANDING_MAX * DROP_COPY_RECORDS_MAX  # 4 x 256 = 1024
    assert numbers(copies.due()) == list(range(1, in_flight + 1))
    assert copies.due() == []
    copies.applied(256)
    assert numbers(copies.due()) == list(range(in_flight + 1, in_flight + 257))


def test_what_stays_unanswered_is_sent_again() -> None:
    copies = queue()
    copies.applied(0)
    copies.record(frames(1)[0])
    assert numbers(copies.due()) == [1]
    later = [copies.due() for _ in range(RESEND_PULSES + 1)]
    assert [numbers(sent) for sent in later if sent] == [[1]]


def test_an_answer_that_repeats_what_is_known_does_not_keep_a_lost_frame_from_being_sent_again() -> None:
    copies = queue()
    copies.applied(0)
    copies.record(frames(1)[0])
    copies.due()
    sent = []
    for _ in range(RESEND_PULSES + 1):
        copies.applied(0)
        sent += copies.due()
    assert numbers(sent) == [1]


def test_a_ledger_that_has_lost_its_end_gets_it_again_from_the_journal() -> None:
    journal = frames(5)
    copies = queue(journal)
    copies.applied(5)
    copies.applied(2)
    assert numbers(copies.due()) == [3, 4, 5]


def test_a_new_supervisor_is_waited_for_and_then_caught_up() -> None:
    copies = queue()
    copies.applied(0)
    for frame in frames(3):
        copies.record(frame)
    copies.due()
    copies.unheard()
    assert copies.due() == []
    copies.applied(1)  # the frame with 1 to 3 is on its way; nobody knows whether it got through
    sent = [frame for _ in range(RESEND_PULSES + 1) for frame in copies.due()]
    assert numbers(sent) == [1, 2, 3]
    copies.applied(3)
    assert copies.due() == []


def test_what_is_no_longer_in_memory_is_read_from_the_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drop_copy, "KEPT_MAX", 4)
    journal = Journal([])
    copies = DropCopyQueue("sim", 0, journal.read)
    for frame in frames(300):
        journal.records.append(frame)
        copies.record(frame)
    copies.applied(0)
    sent = copies.due()
    assert numbers(sent) == list(range(1, 301))  # 100 + 100 + 100 from the journal; with the fourth frame it is through
    assert journal.reads == 3


def test_a_journal_that_is_still_being_read_through_sends_nothing_yet() -> None:
    answers = deque([[], frames(1)])
    copies = DropCopyQueue("sim", 1, lambda _: answers.popleft())
    copies.applied(0)
    assert copies.due() == []
    assert numbers(copies.due()) == [1]


def test_a_frame_holds_no_more_bytes_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(frames(1)[0])
    monkeypatch.setattr(drop_copy, "BATCH_BYTES_MAX", 2 * size)
    copies = queue()
    copies.applied(0)
    for frame in frames(5):
        copies.record(frame)
    assert [len(frame.records) for frame in copies.due()] == [2, 2, 1]


def test_a_record_larger_than_a_frame_should_be_goes_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drop_copy, "BATCH_BYTES_MAX", 1)
    copies = queue()
    copies.applied(0)
    for frame in frames(2):
        copies.record(frame)
    assert [len(frame.records) for frame in copies.due()] == [1, 1]


def test_the_end_of_a_gateway_sends_all_that_was_not_acknowledged() -> None:
    copies = queue()
    copies.applied(0)
    for frame in frames(2_000):
        copies.record(frame)
    copies.due()
    assert numbers(copies.last()) == list(range(1, 2_001))


def test_a_ledger_with_more_than_the_journal_is_noticed() -> None:
    copies = queue(frames(2))
    copies.applied(2)
    assert not copies.is_ahead
    copies.applied(3)
    assert copies.is_ahead
    assert copies.due() == []


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_is_lost_or_repeated_every_record_arrives_once_and_in_order(seed: int) -> None:
    """A lossy link, a ledger that takes what follows its last record, gateways and supervisors that restart."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drop_copy, "KEPT_MAX", 30)
        patch.setattr(drop_copy, "DROP_COPY_RECORDS_MAX", 7)
        assert _ledger_after(Random(seed), count=120) == list(range(1, 121))


def _ledger_after(random: Random, count: int) -> list[int]:
    journal, written = Journal([]), frames(count)
    copies = DropCopyQueue("sim", 0, journal.read)
    ledger: list[int] = []
    wire: deque[DropCopyFrame] = deque()
    for _ in range(10_000):
        for frame in written[len(journal.records) :][: random.randrange(20)]:
            journal.records.append(frame)
            copies.record(frame)
        chance = random.random()
        if chance < 0.05:  # the gateway dies: what was on its way is gone, the journal is not
            copies = DropCopyQueue("sim", len(journal.records), journal.read)
            wire.clear()
        elif chance < 0.1:
            copies.unheard()
        wire.extend(frame for frame in copies.due() if random.random() < 0.8)
        while wire and random.random() < 0.8:
            frame = wire[0] if random.random() < 0.2 else wire.popleft()
            if frame.first <= len(ledger) + 1:
                ledger += numbers([frame])[len(ledger) + 1 - frame.first :]
        if random.random() < 0.7:
            copies.applied(len(ledger))
        if len(ledger) == count:
            return ledger
    return ledger
