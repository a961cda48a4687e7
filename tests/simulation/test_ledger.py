"""The simulation finds a ledger that differs from what happened: each of its promises is broken here on purpose."""

from collections.abc import Iterator
from typing import Any

import pytest

from messages.orders import Fill
from supervisor.ledger.books import Books
from supervisor.ledger.front import WrittenLedger
from supervisor.ledger.spool import Spool
from tests.simulation.patches import patched
from tests.simulation.run import RunResult, run_seed
from tests.simulation.scenario import Kind
from tests.simulation.test_simulation import complaints, strike

AWAY = strike("ledger-away", at_s=3.0, duration_s=5.0)
HALTED = strike("halt", at_s=4.0)
KILLED = strike("kill-supervisor", at_s=5.0)


@pytest.fixture(autouse=True)
def simulation() -> Iterator[None]:
    with patched():
        yield


def play(*strikes: Any, seed: int = 1) -> RunResult:
    return run_seed(seed, strikes, kind=Kind(is_booked=True))


@pytest.mark.parametrize("fault", ["ledger-away", "ledger-deaf"])
def test_the_ledger_is_right_after_its_database_and_its_supervisor_were_away(fault: str) -> None:
    result = play(strike(fault, at_s=3.0, duration_s=5.0), HALTED, KILLED)
    assert not result.violations
    assert result.fills > 0


def test_a_fill_that_is_not_entered_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    apply = Books.apply
    monkeypatch.setattr(
        Books, "apply", lambda self, gateway, record: isinstance(record, Fill) or apply(self, gateway, record)
    )
    found = play()
    assert complaints(found, "ledger: fill", "is missing")
    assert complaints(found, "ledger: position", "entered 0")


def test_an_order_that_is_not_entered_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Books, "apply", lambda *_: None)
    assert complaints(play(), "ledger: order", "is not entered")


def test_a_command_that_is_not_entered_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(WrittenLedger, "answered", lambda *_: None)
    assert complaints(play(HALTED), "ledger: command", "entered None")


def test_an_audit_entry_that_a_killed_supervisor_takes_with_it_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Spool, "after", lambda *_: iter(()))
    assert complaints(play(AWAY, HALTED, KILLED), "ledger: audit: halt 0 times, done 1 times")
