"""The supervisor's side of the ledger: runs, requests with their answers, incidents, and no secret kept."""

import stat
from pathlib import Path
from queue import SimpleQueue

import pytest

from messages.operator import (
    CommandAccepted,
    ConfirmationNeeded,
    HaltRequest,
    StatusReply,
    StatusRequest,
    StopRequest,
    UnhaltRequest,
)
from supervisor.ledger import front as front_module
from supervisor.ledger.engine import default_url
from supervisor.ledger.entries import IncidentNoted, LedgerNews, LedgerOpened, LedgerTroubled
from supervisor.ledger.front import NoLedger, WrittenLedger, incident, ledger_of
from supervisor.ledger.run_id import current_run, end_run
from supervisor.ledger.schema import commands, incidents, runs
from tests.supervisor.ledger.books_of import only, rows
from tests.supervisor.samples import STATUS

WAIT_S = 10.0
PEER = b"peer"


class Front:
    """A ledger of the state directory `path`, and what it has told."""

    def __init__(self, path: Path, *, is_new_run: bool = True, url: str = "") -> None:
        self.news: SimpleQueue[LedgerNews] = SimpleQueue()
        self.ledger = ledger_of(url, path, "desk", {})
        self.ledger.begin(self.news.put, is_new_run=is_new_run)

    def opened(self) -> "Front":
        assert isinstance(self.news.get(timeout=WAIT_S), LedgerOpened)
        return self


def test_a_run_goes_on_until_it_is_ended(tmp_path: Path) -> None:
    first = current_run(tmp_path, "desk")
    assert first.startswith("desk-")
    assert current_run(tmp_path, "desk") == first
    end_run(tmp_path)
    assert current_run(tmp_path, "desk") != first
    assert stat.S_IMODE((tmp_path / "ledger-run").stat().st_mode) == 0o600


def test_a_new_run_begins_only_where_nothing_of_the_last_one_lives(tmp_path: Path) -> None:
    for is_new_run in (True, False, True):
        Front(tmp_path, is_new_run=is_new_run).opened().ledger.close()
    assert len(rows(default_url(tmp_path), runs)) == 2


def test_a_request_is_kept_with_its_answer(tmp_path: Path) -> None:
    front = Front(tmp_path).opened()
    front.ledger.asked(PEER, HaltRequest("c-1", "venue maintenance"))
    front.ledger.answered(PEER, CommandAccepted("c-1", "halting"))
    front.ledger.close()
    row = only(rows(default_url(tmp_path), commands))
    assert (row["request"], row["outcome"], row["text"]) == ("HaltRequest", "CommandAccepted", "halting")
    assert '"reason":"venue maintenance"' in row["payload"]


def test_looking_is_not_kept_nor_is_an_answer_to_nobody(tmp_path: Path) -> None:
    front = Front(tmp_path).opened()
    front.ledger.asked(PEER, StatusRequest("c-1"))
    front.ledger.answered(PEER, StatusReply("c-1", STATUS))
    front.ledger.answered(PEER, CommandAccepted("c-9", "stopping"))
    front.ledger.close()
    assert rows(default_url(tmp_path), commands) == []


def test_no_token_is_kept(tmp_path: Path) -> None:
    front = Front(tmp_path).opened()
    front.ledger.asked(PEER, UnhaltRequest("c-1", "mended", "s3cret"))
    front.ledger.answered(PEER, ConfirmationNeeded("c-1", "t0ken", "say it again with t0ken, not with s3cret"))
    front.ledger.close()
    row = only(rows(default_url(tmp_path), commands))
    assert row["text"] == "say it again with ***, not with ***"
    assert not any("s3cret" in str(value) or "t0ken" in str(value) for value in row.values())


def test_requests_that_nobody_answers_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(front_module, "ASKED_MAX", 1)
    front = Front(tmp_path).opened()
    for number in (1, 2):
        front.ledger.asked(PEER, StopRequest(f"c-{number}"))
    for number in (1, 2):
        front.ledger.answered(PEER, CommandAccepted(f"c-{number}", "stopping"))
    front.ledger.close()
    assert only(rows(default_url(tmp_path), commands))["command_id"] == "c-2"


def test_what_is_logged_as_an_error_is_an_incident(tmp_path: Path) -> None:
    noted = incident("carry FAULTED", {"process": "carry", "pid": 7})
    assert noted == IncidentNoted("carry", "carry FAULTED", {"pid": 7})
    front = Front(tmp_path).opened()
    front.ledger.enter(noted)
    front.ledger.close()
    assert only(rows(default_url(tmp_path), incidents))["details"] == '{"pid":7}'


def test_a_password_is_in_no_word_about_the_database(tmp_path: Path) -> None:
    front = Front(tmp_path, url="postgresql://desk:s3cret@127.0.0.1:1/ledger")
    told = front.news.get(timeout=WAIT_S)
    assert isinstance(told, LedgerTroubled)
    assert "desk:***@127.0.0.1" in told.text
    assert "s3cret" not in told.text


def test_a_state_directory_that_takes_no_file_is_trouble_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "ledger-run").mkdir()
    front = Front(tmp_path, is_new_run=False)
    assert "the ledger's run cannot be kept" in str(front.news.get(timeout=WAIT_S))


def test_a_ledger_that_could_not_be_finished_in_time_ends_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("supervisor.ledger.front.CLOSE_TIMEOUT_S", 0.05)
    front = Front(tmp_path, url="sqlite:///gone/ledger.db")
    front.news.get(timeout=WAIT_S)
    front.ledger.enter(IncidentNoted("", "lost", {}))
    front.ledger.close()


def test_a_supervisor_without_a_ledger_enters_nothing(tmp_path: Path) -> None:
    ledger = NoLedger()
    ledger.begin(lambda _: None, is_new_run=True)
    ledger.enter(IncidentNoted("", "halted", {}))
    ledger.asked(PEER, StopRequest("c-1"))
    ledger.answered(PEER, CommandAccepted("c-1", "stopping"))
    ledger.close()
    WrittenLedger(lambda _: None, tmp_path, "desk").close()  # type: ignore[arg-type, return-value]  # never begun
    assert list(tmp_path.iterdir()) == []
