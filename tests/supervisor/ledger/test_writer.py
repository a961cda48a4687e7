"""The ledger's thread: bounded, patient with a database that does not answer, and never in anybody's way."""

import threading
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

import pytest

from messages.from_child import DropCopy
from supervisor.ledger import writer as writer_module
from supervisor.ledger.entries import (
    Audited,
    CashSampled,
    Extract,
    IncidentNoted,
    LedgerNews,
    LedgerOpened,
    LedgerRecovered,
    LedgerTroubled,
    RecordsApplied,
    Stamped,
    weight,
)
from supervisor.ledger.errors import EntryRefused, LedgerDown, LedgerError, LedgerTooNew
from supervisor.ledger.writer import LedgerWriter
from tests.supervisor.ledger.books_of import copy
from tests.support.orders import NOW_NS, submit

pytestmark = pytest.mark.timeout(20)
WAIT_S = 10.0
QUICK = (0.001, 0.002)
AUDITED = Audited("halt", "", {})


class Database:
    """Stands in for the ledger; what it does when it is written to can be set.

    :ivar gate: closed, it holds every write up, as a slow database would.
    """

    def __init__(self) -> None:
        self.written: list[Any] = []
        self.batches: list[int] = []
        self.passed_over: list[DropCopy] = []
        self.gate = threading.Event()
        self.gate.set()
        self.trouble: Callable[[Sequence[Stamped]], None] = lambda _: None
        self.is_closed = False
        self.attempts = 0

    entered = Extract()

    def begin(self, now_ns: int) -> dict[str, int]:
        assert now_ns > 0
        return {"sim": 7}

    def extract(self) -> Extract:
        return Extract()

    def write(self, batch: Sequence[Stamped]) -> dict[str, int]:
        self.attempts += 1
        assert self.gate.wait(WAIT_S)
        self.trouble(batch)
        self.batches.append(sum(weight(entry) for _, entry in batch))
        self.written += [entry for _, entry in batch]
        return {entry.process: entry.first for _, entry in batch if isinstance(entry, DropCopy)}

    def spooled(self, spool: str) -> int:
        raise AssertionError(spool)  # that is asked before the writer begins

    def pass_over(self, copy: DropCopy, reason: str, ts_ns: int) -> dict[str, int]:
        assert (reason, ts_ns) == ("poison", NOW_NS)
        self.passed_over.append(copy)
        return {copy.process: copy.first}

    def close(self) -> None:
        self.is_closed = True


class Desk:
    """A writer, its database and what it has told."""

    def __init__(self, database: Database | None = None, opening: Callable[[], Any] | None = None) -> None:
        self.database = database or Database()
        self.news: SimpleQueue[LedgerNews] = SimpleQueue()
        self.writer = LedgerWriter(opening or (lambda: self.database), self.news.put, QUICK)
        self.writer.start()

    def heard(self) -> LedgerNews:
        return self.news.get(timeout=WAIT_S)

    def silent(self) -> bool:
        try:
            self.news.get_nowait()
        except Empty:
            return True
        return False

    def enter(self, *entries: Any) -> list[bool]:
        return [self.writer.enter(NOW_NS, entry) for entry in entries]


def test_it_tells_what_the_ledger_has_and_then_what_was_committed() -> None:
    desk = Desk()
    assert desk.heard() == LedgerOpened({"sim": 7})
    desk.enter(copy(8, submit()))
    assert desk.heard() == RecordsApplied({"sim": 8})


def test_entering_waits_for_no_database() -> None:
    desk = Desk()
    desk.heard()
    desk.database.gate.clear()
    assert desk.enter(AUDITED, AUDITED) == [True, True]  # the writer stands still, and nobody else does
    desk.database.gate.set()
    assert desk.writer.close(WAIT_S)
    assert desk.database.written == [AUDITED, AUDITED]
    assert desk.database.is_closed


def test_a_batch_holds_no_more_records_than_it_may(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "BATCH_MAX", 4)
    desk = Desk()
    desk.heard()
    desk.database.gate.clear()
    desk.enter(*[copy(number, submit(), submit()) for number in range(1, 6)])
    desk.database.gate.set()
    assert desk.writer.close(WAIT_S)
    assert sum(desk.database.batches) == 10
    assert max(desk.database.batches) <= 4


def test_a_full_queue_refuses_what_comes_again_and_has_room_left_for_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "QUEUE_MAX", 3)
    monkeypatch.setattr(writer_module, "RESERVE", 1)
    desk = Desk()
    desk.heard()
    desk.database.gate.clear()
    copies = [copy(number, submit()) for number in range(1, 5)]
    assert desk.enter(*copies) == [True, True, True, False]
    assert desk.enter(CashSampled("sim", {}), AUDITED, AUDITED) == [False, True, False]
    desk.database.gate.set()
    assert desk.writer.close(WAIT_S)
    entered = desk.database.written
    assert entered[:4] == [*copies[:3], AUDITED]
    lost = entered[4]
    assert isinstance(lost, IncidentNoted)
    assert lost.text == "1 entries are missing in the ledger: it did not take them, or not in time"


def test_a_database_that_fails_is_tried_again_and_both_are_told_once() -> None:
    desk = Desk()
    desk.heard()

    def fails_thrice(_: Sequence[Stamped]) -> None:
        if desk.database.attempts <= 3:
            raise LedgerDown("no space left")

    desk.database.trouble = fails_thrice
    desk.enter(copy(8, submit()))
    assert desk.heard() == LedgerTroubled("no space left; it is tried again, trading goes on")
    assert desk.heard() == LedgerOpened({"sim": 7})  # it may be another database by now
    assert desk.heard() == RecordsApplied({"sim": 8})
    assert desk.heard() == LedgerRecovered("the ledger takes entries again")
    assert desk.writer.close(WAIT_S)
    assert desk.database.attempts == 4
    assert desk.database.written == [copy(8, submit())]


def test_a_database_that_is_not_there_at_first_is_waited_for() -> None:
    answers = iter([LedgerDown("refused"), LedgerDown("refused")])
    database = Database()

    def opening() -> Database:
        for error in answers:
            raise error
        return database

    desk = Desk(database, opening)
    assert isinstance(desk.heard(), LedgerTroubled)
    assert desk.heard() == LedgerOpened({"sim": 7})
    assert isinstance(desk.heard(), LedgerRecovered)
    assert desk.silent()


@pytest.mark.parametrize("error", [LedgerTooNew("schema version 99"), LedgerError("no driver")])
def test_a_database_that_only_a_person_mends_is_told_once_and_taken_when_it_is_mended(error: LedgerError) -> None:
    is_mended, desk_opened = threading.Event(), Database()

    def opening() -> Database:
        if not is_mended.is_set():
            raise error
        return desk_opened

    desk = Desk(desk_opened, opening)
    assert desk.heard() == LedgerTroubled(f"{error}; nothing is entered into it, trading goes on")
    desk.enter(AUDITED)
    is_mended.set()
    assert desk.heard() == LedgerOpened({"sim": 7})
    assert isinstance(desk.heard(), LedgerRecovered)
    assert desk.writer.close(WAIT_S)
    assert desk.database.written == [AUDITED]


def test_the_end_does_not_wait_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    def opening() -> Database:
        raise LedgerTooNew("schema version 99")

    monkeypatch.setattr("tests.supervisor.ledger.test_writer.QUICK", (WAIT_S, WAIT_S))
    desk = Desk(opening=opening)
    desk.heard()
    desk.enter(AUDITED)
    began = monotonic()
    assert not desk.writer.close(WAIT_S)
    assert monotonic() - began < WAIT_S / 2


def test_a_mistake_in_the_writer_is_told_once_and_does_not_end_it() -> None:
    mistakes = iter([KeyError("surprise"), KeyError("surprise")])
    database = Database()

    def opening() -> Database:
        for mistake in mistakes:
            raise mistake
        return database

    desk = Desk(database, opening)
    assert "the ledger's writer failed, see the supervisor's log; it is tried again" in str(desk.heard())
    assert desk.heard() == LedgerOpened({"sim": 7})
    assert isinstance(desk.heard(), LedgerRecovered)
    desk.enter(AUDITED)
    assert desk.writer.close(WAIT_S)
    assert database.written == [AUDITED]


def test_a_database_that_fails_as_it_is_looked_at_first_is_closed_and_opened_again() -> None:
    class Failing(Database):
        def extract(self) -> Extract:
            raise LedgerDown("gone")

    failing, database = Failing(), Database()
    databases = iter([failing, database])
    desk = Desk(database, lambda: next(databases))
    assert isinstance(desk.heard(), LedgerTroubled)
    assert desk.heard() == LedgerOpened({"sim": 7})
    assert failing.is_closed


def test_news_that_nobody_hears_commit_nothing_twice() -> None:
    database = Database()

    def deaf(news: LedgerNews) -> None:
        raise RuntimeError(f"deaf to {type(news).__name__}")

    writer = LedgerWriter(lambda: database, deaf, QUICK)
    writer.start()
    for number in (1, 2):
        writer.enter(NOW_NS, copy(number, submit()))
    assert writer.close(WAIT_S)
    assert database.written == [copy(1, submit()), copy(2, submit())]


def test_a_database_that_cannot_be_closed_has_everything_all_the_same() -> None:
    class Sticky(Database):
        def close(self) -> None:
            raise OSError("busy")

    desk = Desk(Sticky())
    desk.enter(AUDITED)
    assert desk.writer.close(WAIT_S)
    assert desk.database.written == [AUDITED]


def poisoned(*numbers: int) -> Callable[[Sequence[Stamped]], None]:
    """The database refuses every batch with one of these orders, or an audit."""

    def refuse(batch: Sequence[Stamped]) -> None:
        for _, entry in batch:
            records = entry.records if isinstance(entry, DropCopy) else ()
            if isinstance(entry, Audited) or any(submit(number) in records for number in numbers):
                raise EntryRefused("poison")

    return refuse


def test_one_record_that_cannot_be_entered_keeps_no_other_out() -> None:
    desk = Desk()
    desk.heard()
    desk.database.gate.clear()
    desk.database.trouble = poisoned(2)
    desk.enter(copy(1, submit(1), submit(2), submit(3)), CashSampled("sim", {}))
    desk.database.gate.set()
    assert desk.writer.close(WAIT_S)
    assert desk.database.written == [copy(1, submit(1)), copy(3, submit(3)), CashSampled("sim", {})]
    assert desk.database.passed_over == [copy(2, submit(2))]
    assert [desk.heard() for _ in range(3)] == [RecordsApplied({"sim": number}) for number in (1, 2, 3)]


def test_an_audit_that_cannot_be_entered_is_missed_aloud() -> None:
    desk = Desk()
    desk.heard()
    desk.database.trouble = poisoned()
    desk.enter(AUDITED)
    assert desk.writer.close(WAIT_S)
    (lost,) = desk.database.written
    assert "1 entries are missing" in lost.text


def test_a_handler_that_raises_anything_refuses_its_entry_only() -> None:
    desk = Desk()
    desk.heard()

    def surprise(batch: Sequence[Stamped]) -> None:
        if isinstance(batch[0].entry, IncidentNoted):
            raise KeyError("surprise")

    desk.database.trouble = surprise
    desk.enter(IncidentNoted("", "a", {}))
    desk.enter(AUDITED)
    assert desk.writer.close(WAIT_S)
    assert desk.database.written == [AUDITED]


def test_the_end_does_not_wait_for_ever() -> None:
    desk = Desk()
    desk.heard()

    def down(_: Sequence[Stamped]) -> None:
        raise LedgerDown("gone")

    desk.database.trouble = down
    desk.enter(AUDITED)
    assert isinstance(desk.heard(), LedgerTroubled)
    assert not desk.writer.close(0.05)
    assert desk.enter(AUDITED) == [False]
