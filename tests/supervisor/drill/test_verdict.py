"""The oracle: what counts as lost, as doubled and as a wrong position, and what does not."""

from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

from actors.runtime.input_journal import InputChannel, InputJournal
from gateways.intent_log import IntentLog
from messages.codec import encode
from messages.orders import VENUE_ORDER_PREFIXES, CloseReason
from supervisor.drill.books import FillKey, GatewayBooks, gateway_books, strategy_fills
from supervisor.drill.verdict import judge
from tests.support.orders import accepted, closed, fill, submit

ORDER = submit()
NAME, GATEWAY = ORDER.strategy, ORDER.instrument.rpartition(".")[2]
SYMBOL = ORDER.instrument.rpartition(".")[0]
FILL = FillKey(NAME, ORDER.instrument, "t-1")
BOOKS = GatewayBooks(Counter({"a": 1}), frozenset({"a"}), Counter({FILL: 1}))


def report(*, accepted: int = 1, position: str = "0.010", held: str = "0.010") -> dict[str, Any]:
    return {
        "gateways": {GATEWAY: {"orders": {"accepted": accepted}, "positions": {SYMBOL: position}}},
        "strategies": {NAME: {"positions": {ORDER.instrument: held}}},
    }


def test_three_ledgers_that_agree_are_good() -> None:
    verdict = judge(report(), {GATEWAY: BOOKS}, Counter({FILL: 1}))
    assert verdict.is_good
    assert (verdict.orders, verdict.fills) == (1, 1)


def test_a_fill_that_its_strategy_was_not_told_is_lost() -> None:
    assert judge(report(), {GATEWAY: BOOKS}, Counter()).lost == 1


def test_a_fill_that_no_gateway_passed_on_is_lost_too() -> None:
    assert judge(report(), {GATEWAY: BOOKS}, Counter({FILL: 1, FillKey(NAME, ORDER.instrument, "t-2"): 1})).lost == 1


def test_a_fill_told_twice_and_an_order_sent_twice_are_duplicates() -> None:
    books = BOOKS._replace(intents=Counter({"a": 2}))
    assert judge(report(), {GATEWAY: books}, Counter({FILL: 2})).duplicated == 2


def test_an_order_of_the_venue_that_no_journal_knows_is_lost() -> None:
    assert judge(report(accepted=3), {GATEWAY: BOOKS}, Counter({FILL: 1})).lost == 2
    assert judge(report(), {}, Counter()).lost == 1


def test_a_position_that_differs_from_the_venues_is_told_with_all_three_figures() -> None:
    books = BOOKS._replace(positions={(NAME, ORDER.instrument): Decimal("0.010")})
    (told,) = judge(report(held="0.009"), {GATEWAY: books}, Counter({FILL: 1})).positions_wrong
    assert told == f"{ORDER.instrument}: strategies hold 0.009, the venue says 0.010, its gateway's books 0.010"
    (told,) = judge(report(held="0.009"), {}, Counter()).positions_wrong
    assert told.endswith("the venue says 0.010, its gateway's books None")


def test_of_a_dead_strategy_the_books_of_its_gateway_speak() -> None:
    dead = report(held="0")
    dead["strategies"][NAME]["lifecycle"] = "quarantined"
    books = BOOKS._replace(positions={(NAME, ORDER.instrument): Decimal("0.010")})
    assert judge(dead, {GATEWAY: books}, Counter({FILL: 1})).is_good
    assert not judge(report(held="0"), {GATEWAY: books}, Counter({FILL: 1})).is_good


def test_the_books_are_read_from_the_journals_of_gateways_and_strategies(tmp_path: Path) -> None:
    intents = IntentLog(tmp_path / f"gateway-{GATEWAY}")
    intents.intend(encode(ORDER))
    forced = fill(ORDER, "0.002", "t-9", client_order_id=f"{VENUE_ORDER_PREFIXES[0]}1")
    reports = [accepted(ORDER), fill(ORDER, "0.010"), closed(ORDER, "0.010", CloseReason.FILLED), forced]
    for told in reports:
        intents.record(told)
    intents.close()
    journal = InputJournal(tmp_path / f"strategy-{NAME}")
    for told in reports:
        journal.append(InputChannel.EXECUTION, encode(told))
    journal.close()
    (tmp_path / "run-1").mkdir()  # of an earlier run; not looked at

    books = gateway_books(tmp_path)[GATEWAY]
    assert books.intents == Counter({ORDER.client_order_id: 1})
    assert books.taken == {ORDER.client_order_id}, "what the venue does by itself is no order of ours"
    assert books.fills == strategy_fills(tmp_path)
    assert sum(books.fills.values()) == 2
    assert books.positions == {(NAME, ORDER.instrument): Decimal("0.012")}  # 0.010 of ours, 0.002 forced
