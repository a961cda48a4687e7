"""A cluster that was killed as a whole: what only its journals know is entered into the run that they are of."""

import os
from collections.abc import Sequence
from contextlib import nullcontext
from decimal import Decimal
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from actors.runtime.journal import Journal, segment_files
from gateways.intent_log import IntentChannel
from messages.base import Message
from messages.codec import encode
from messages.orders import SubmitOrder
from supervisor.ledger.catch_up import catch_up
from supervisor.ledger.engine import default_url
from supervisor.ledger.entries import LedgerNews, LedgerOpened, Stamped
from supervisor.ledger.errors import EntryRefused, LedgerDown
from supervisor.ledger.front import ledger_of
from supervisor.ledger.run_id import current_run
from supervisor.ledger.schema import cursors, orders, positions, runs
from tests.supervisor.ledger.books_of import RUN, copy, enter, only, opened, rows
from tests.supervisor.ledger.test_ledger import story
from tests.support.orders import submit

D = Decimal
RECORDS = story(3)


def journaled(archive: Path, records: Sequence[Message] = RECORDS) -> Path:
    """An intent journal as a gateway leaves it."""
    directory = archive / "gateway-sim"
    journal = Journal(directory)
    for record in records:
        channel = IntentChannel.INTENT if isinstance(record, SubmitOrder) else IntentChannel.REPORT
        journal.append(channel, encode(record))
        journal.append(IntentChannel.NOTE, b"a note")
    journal.close()
    return directory


def test_what_the_ledger_lacks_is_entered_from_the_journals(tmp_path: Path) -> None:
    url = default_url(tmp_path)
    ledger = opened(url)
    enter(ledger, copy(1, *RECORDS[:4]))
    journaled(tmp_path)
    for _ in range(2):  # a second time, all of it is known
        catch_up(ledger, tmp_path)
        assert only(rows(url, positions))["quantity"] == D("0.015")  # 3 orders x 0.005
        assert only(rows(url, cursors))["number"] == len(RECORDS) == 18


def test_a_torn_end_is_left_out(tmp_path: Path) -> None:
    (segment,) = segment_files(journaled(tmp_path))
    os.truncate(segment, segment.stat().st_size - 40)  # the last report is cut in two
    ledger = opened(default_url(tmp_path))
    catch_up(ledger, tmp_path)
    assert only(rows(default_url(tmp_path), cursors))["number"] == 17


def test_a_damaged_journal_ends_where_it_is_damaged_and_harms_no_other(tmp_path: Path) -> None:
    other = journaled(tmp_path).rename(tmp_path / "gateway-aaa")
    (segment,) = segment_files(other)
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 0xFF
    segment.write_bytes(bytes(data[:200] + b"\xff" * 200 + data[400:]))
    journaled(tmp_path)
    catch_up(opened(default_url(tmp_path)), tmp_path)
    applied = {row["gateway"]: row["number"] for row in rows(default_url(tmp_path), cursors)}
    assert applied["sim"] == 18
    assert applied.get("aaa", 0) < 18


@pytest.mark.parametrize("error", [EntryRefused("poison"), KeyError("a surprise"), LedgerDown("gone")])
def test_what_is_refused_ends_its_journal_only_and_a_ledger_that_is_down_is_waited_for(
    tmp_path: Path, error: Exception
) -> None:
    journaled(tmp_path)

    class Refusing:
        def begin(self, now_ns: int) -> dict[str, int]:
            assert now_ns
            return {}

        def write(self, batch: Sequence[Stamped]) -> dict[str, int]:
            assert batch
            raise error

    ledger: Any = Refusing()  # what is needed of it
    with pytest.raises(LedgerDown) if isinstance(error, LedgerDown) else nullcontext():
        catch_up(ledger, tmp_path)


def test_a_new_run_begins_when_the_last_one_is_complete(tmp_path: Path) -> None:
    last = current_run(tmp_path, "desk")
    url = default_url(tmp_path)
    enter(opened(url, last), copy(1, submit(1)))
    journaled(tmp_path / "archive")
    news: SimpleQueue[LedgerNews] = SimpleQueue()
    ledger = ledger_of("", tmp_path, "desk", {})
    ledger.begin(news.put, is_new_run=True, archive=str(tmp_path / "archive"))
    assert news.get(timeout=10) == LedgerOpened({})
    ledger.close()
    assert {row["run"] for row in rows(url, orders)} == {last}
    assert len(rows(url, orders)) == 3
    assert len(rows(url, runs)) == 2


def test_an_unreadable_run_is_told_and_no_crash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreadable(_: Any) -> str:
        raise PermissionError("no")

    monkeypatch.setattr("supervisor.ledger.front.known_run", unreadable)
    news: SimpleQueue[LedgerNews] = SimpleQueue()
    ledger = ledger_of("", tmp_path, "desk", {})
    ledger.begin(news.put, is_new_run=True)
    assert news.get(timeout=10) == LedgerOpened({})
    ledger.close()
    assert only(rows(default_url(tmp_path), runs))["run"] != RUN
