"""What was decided is on the disk before it waits for the database, and enters it once, whoever was killed."""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue

import pytest

from actors.runtime.journal import JournalDamaged, JournalFailed
from supervisor.ledger import spool as spool_module
from supervisor.ledger.audit_chain import AuditRow, first_broken
from supervisor.ledger.engine import default_url
from supervisor.ledger.entries import (
    Audited,
    CommandAnswered,
    IncidentNoted,
    LedgerNews,
    LedgerOpened,
    Spooled,
    Stamped,
)
from supervisor.ledger.errors import EntryRefused, LedgerDown
from supervisor.ledger.front import WrittenLedger, ledger_of
from supervisor.ledger.ledger import Ledger
from supervisor.ledger.schema import audit, commands, incidents
from supervisor.ledger.spool import Spool
from tests.supervisor.ledger.books_of import CLUSTER, enter, only, opened, rows
from tests.supervisor.ledger.test_ledger import execute
from tests.support.limits import files_no_longer_than
from tests.support.orders import NOW_NS, submit

HALT = Audited("halt", "", {"loss": Decimal("1.50"), "ratio": 0.25, "order": submit()})
ANSWERED = CommandAnswered("c-1", "StopRequest", {"is_forced": False}, "CommandAccepted", "stopping")
NOTED = IncidentNoted("carry", "FAULTED", {"pid": 7})


def front(path: Path, *troubles: str) -> WrittenLedger:
    """A ledger that has opened, after it has told of these troubles."""
    news: SimpleQueue[LedgerNews] = SimpleQueue()
    ledger = ledger_of("", path, CLUSTER, {})
    ledger.begin(news.put, is_new_run=False)
    for trouble in troubles:
        assert trouble in str(news.get(timeout=10))
    assert isinstance(news.get(timeout=10), LedgerOpened)
    return ledger


def spooled_by_a_dead_supervisor(path: Path, *entries: Audited | CommandAnswered | IncidentNoted) -> None:
    spool = Spool(path)
    for entry in entries:
        spool.add(NOW_NS, entry)
    spool.close()


def write_with(monkeypatch: pytest.MonkeyPatch, look: Callable[[object], None]) -> None:
    """From now on each entry is looked at before the ledger writes its batch."""
    write = Ledger.write

    def written(ledger: Ledger, batch: Sequence[Stamped]) -> dict[str, int]:
        for _, entry in batch:
            look(entry.entry if isinstance(entry, Spooled) else entry)
        return write(ledger, batch)

    monkeypatch.setattr(Ledger, "write", written)


def test_what_is_written_down_comes_back_as_it_was(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    assert [spool.add(NOW_NS, entry).number for entry in (HALT, ANSWERED, NOTED)] == [1, 2, 3]
    first, *others = spool.after(0)
    assert others == [Stamped(NOW_NS, Spooled(spool.id, 2, ANSWERED)), Stamped(NOW_NS, Spooled(spool.id, 3, NOTED))]
    assert isinstance(first.entry, Spooled)
    assert isinstance(first.entry.entry, Audited)
    assert first.entry.entry.payload["loss"] == "1.50"
    assert list(spool.after(3)) == []


def test_numbers_go_on_in_the_next_life(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    spool.add(NOW_NS, HALT)
    spool.close()
    assert Spool(tmp_path).add(NOW_NS, NOTED).number == 2


def test_the_spool_is_bounded_and_its_numbers_are_not_forgotten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_module, "SEGMENT_BYTES_MAX", 200)
    monkeypatch.setattr(spool_module, "SEGMENTS_KEPT_MAX", 3)
    spool = Spool(tmp_path)
    for _ in range(50):
        spool.add(NOW_NS, NOTED)
    assert len(list((tmp_path / "ledger-spool").glob("*.log"))) == 3
    assert Spool(tmp_path).add(NOW_NS, NOTED).number == 51


def test_an_entry_that_cannot_be_written_down_leaves_no_half_of_it(tmp_path: Path) -> None:
    spool = Spool(tmp_path)
    with files_no_longer_than(60), pytest.raises(JournalFailed):
        spool.add(NOW_NS, HALT)
    assert spool.add(NOW_NS, NOTED).number == 1
    assert list(spool.after(0)) == [Stamped(NOW_NS, Spooled(spool.id, 1, NOTED))]


def test_the_audit_of_a_supervisor_that_was_killed_is_entered_by_the_next(tmp_path: Path) -> None:
    spool = Spool(tmp_path)  # of a supervisor that dies before the database has any of it
    for entry in (HALT, ANSWERED, NOTED):
        spool.add(NOW_NS, entry)
    spool.close()
    for _ in range(2):  # once, however often it starts
        front(tmp_path).close()
    url = default_url(tmp_path)
    assert only(rows(url, audit))["kind"] == "halt"
    assert only(rows(url, commands))["command_id"] == "c-1"
    assert only(rows(url, incidents))["ts_ns"] == NOW_NS


def test_what_waits_in_queue_and_spool_is_entered_once(tmp_path: Path) -> None:
    ledger = front(tmp_path)
    ledger.enter(HALT)
    ledger.close()
    front(tmp_path).close()
    found = rows(default_url(tmp_path), audit)
    assert [row["number"] for row in found] == [1]
    assert first_broken(AuditRow(**row) for row in found) is None


def test_a_spool_that_cannot_be_used_keeps_nothing_out_of_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "ledger-spool").touch()
    ledger = front(tmp_path)
    ledger.enter(HALT)
    ledger.close()
    assert only(rows(default_url(tmp_path), audit))["kind"] == "halt"


def test_a_full_disk_under_the_spool_keeps_nothing_out_of_the_ledger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Spooled:
        raise JournalFailed("disk full")

    ledger = front(tmp_path)
    monkeypatch.setattr(Spool, "add", full)
    ledger.enter(HALT)
    ledger.close()
    assert only(rows(default_url(tmp_path), audit))["kind"] == "halt"


def test_a_refused_spool_does_not_keep_the_ledger_shut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Spool(tmp_path).add(NOW_NS, HALT)

    def refuse(*_: object) -> dict[str, int]:
        raise EntryRefused("poison")

    monkeypatch.setattr(Ledger, "write", refuse)
    front(tmp_path, "1 entries of the spool are refused")


@pytest.mark.parametrize("error", [EntryRefused("poison"), KeyError("a surprise")])
def test_a_refused_entry_of_the_spool_keeps_no_other_out_and_is_missed_aloud_and_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    poison = CommandAnswered("poison", "StopRequest", {}, "CommandAccepted", "stopping")
    spooled_by_a_dead_supervisor(tmp_path, HALT, poison, ANSWERED, NOTED, HALT, poison)

    def look(entry: object) -> None:
        if entry == poison:
            raise error

    with monkeypatch.context() as poisoned:
        write_with(poisoned, look)
        front(tmp_path, "2 entries of the spool are refused by the ledger").close()
    front(tmp_path).close()  # told once
    url = default_url(tmp_path)
    assert [row["number"] for row in rows(url, audit)] == [1, 2]
    assert first_broken(AuditRow(**row) for row in rows(url, audit)) is None
    assert only(rows(url, commands))["command_id"] == "c-1"
    missing, noted, last = rows(url, incidents)
    assert "entry 2 of the ledger's spool (CommandAnswered) is missing in the ledger" in missing["text"]
    assert "'poison', 'StopRequest'" in missing["details"]
    assert noted["text"] == NOTED.text
    assert "entry 6 of the ledger's spool" in last["text"]


def test_a_database_that_fails_amid_the_spool_has_each_entry_and_each_incident_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled_by_a_dead_supervisor(tmp_path, HALT, ANSWERED, NOTED)
    fails = {"entry 2", "FAULTED"}  # each once

    def look(entry: object) -> None:
        if entry == ANSWERED:
            raise EntryRefused("poison")
        if isinstance(entry, IncidentNoted) and entry.text[:7] in fails:
            fails.remove(entry.text[:7])
            raise LedgerDown("no space left")

    write_with(monkeypatch, look)
    front(tmp_path, "no space left", "1 entries of the spool are refused").close()
    assert not fails
    url = default_url(tmp_path)
    assert len(rows(url, audit)) == 1
    assert [row["text"][:7] for row in rows(url, incidents)] == ["entry 2", "FAULTED"]


def test_a_spool_that_cannot_be_read_just_now_is_read_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spooled_by_a_dead_supervisor(tmp_path, HALT)
    after, fails = Spool.after, iter([True])

    def failing(spool: Spool, number: int) -> Iterator[Stamped]:
        if next(fails, False):
            raise FileNotFoundError("segment 1")
        return after(spool, number)

    monkeypatch.setattr(Spool, "after", failing)
    front(tmp_path, "the ledger's spool cannot be read: segment 1; it is tried again").close()
    assert only(rows(default_url(tmp_path), audit))["kind"] == "halt"


def test_what_precedes_damage_in_a_spool_is_entered_and_the_rest_is_missed_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spooled_by_a_dead_supervisor(tmp_path, HALT, NOTED)
    after = Spool.after

    def damaged(spool: Spool, number: int) -> Iterator[Stamped]:
        yield next(after(spool, number))
        raise JournalDamaged("segment 1")

    monkeypatch.setattr(Spool, "after", damaged)
    front(tmp_path, "the rest of the ledger's spool cannot be read and is missing").close()
    assert only(rows(default_url(tmp_path), audit))["kind"] == "halt"


def test_an_entry_of_a_kind_that_is_not_known_is_missed_aloud(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spooled_by_a_dead_supervisor(tmp_path, ANSWERED, HALT)
    monkeypatch.delitem(spool_module._KINDS, "CommandAnswered")
    front(tmp_path).close()
    url = default_url(tmp_path)
    assert only(rows(url, audit))["kind"] == "halt"
    assert "entry 1 of the ledger's spool (CommandAnswered) is missing" in only(rows(url, incidents))["text"]


def test_the_database_says_what_it_has_of_the_spool(database: str) -> None:
    ledger = opened(database)
    assert ledger.spooled("a") == 0
    enter(ledger, *(Spooled("a", *entry) for entry in ((4, HALT), (4, HALT), (3, HALT), (5, NOTED))))
    assert ledger.spooled("a") == 5
    assert len(rows(database, audit)) == 1
    enter(ledger, Spooled("b", 1, HALT))  # of another state directory, which begins at 1
    assert len(rows(database, audit)) == 2
    execute(database, "ALTER TABLE meta RENAME TO gone")
    with pytest.raises(LedgerDown):
        ledger.spooled("a")
