"""Book against report: compared at the same record, and until they agree the worse of the two counts."""

from decimal import Decimal

import pytest

from messages.base import DECIMAL_MAX
from messages.from_child import DropCopy
from messages.orders import Fill
from messages.risk import LeaseRequest, LeaseUse
from supervisor.ledger.entries import LedgerOpened, RecordsApplied
from supervisor.ledger.holding import PositionKey
from supervisor.risk.copy_book import CopyBook
from supervisor.risk.cross_check import BEHIND_NS, MISMATCH_NS, CrossCheck, Difference
from tests.support.orders import INSTRUMENTS, SPOT, fill, submit

D = Decimal
ZERO = D(0)
SIM = "sim"
KEY = PositionKey(SIM, "carry", SPOT.id)


def bought(number: int, quantity: str) -> Fill:
    return fill(submit(number), quantity, f"t-{number}")


def told(position: str, recorded: int, asked: int = 1, *, open_buys: str = "0", open_sells: str = "0") -> LeaseRequest:
    size = D(position)
    long, short = max(size + D(open_buys), ZERO), max(D(open_sells) - size, ZERO)
    use = LeaseUse("carry", SPOT.id, size, long, short, long, short, 100.0, long, short)
    return LeaseRequest(SIM, asked, 0, (use,), recorded)


@pytest.fixture
def check() -> CrossCheck:
    """Whose ledger is open and empty."""
    made = CrossCheck(CopyBook(INSTRUMENTS), [SIM])
    made.opened(LedgerOpened({}), 0)
    return made


def counted(check: CrossCheck) -> tuple[Decimal, Decimal, Decimal]:
    (use,) = check.counted(SIM)
    assert (use.long_held, use.short_held) == (use.long_used, use.short_used)
    return use.position, use.long_used, use.short_used


def test_what_agrees_counts_as_it_is(check: CrossCheck) -> None:
    check.copied(DropCopy(SIM, 1, (bought(1, "2"),)), 0)
    check.reported(told("2", 1, open_buys="3"), 0)
    assert (check.differences, counted(check)) == ({}, (D(2), D(5), D(0)))
    assert check.is_sound("carry")


def test_while_a_copy_is_on_its_way_nothing_is_compared_and_the_larger_counts(check: CrossCheck) -> None:
    check.reported(told("2", 1), 0)
    assert (check.differences, counted(check)) == ({}, (D(2), D(2), D(0)))  # the book has 0
    check.copied(DropCopy(SIM, 1, (bought(1, "2"), bought(2, "5"))), 1)
    assert (check.differences, counted(check)) == ({}, (D(7), D(7), D(0)))  # the report has 2 of record 1 only


def test_a_position_that_was_closed_counts_until_the_copy_says_so(check: CrossCheck) -> None:
    check.copied(DropCopy(SIM, 1, (bought(1, "2"),)), 0)
    check.reported(told("-1", 2), 0)
    assert counted(check) == (D(2), D(2), D(1))
    assert not check.is_sound("carry")


def test_a_dropped_fill_is_a_difference_with_both_figures_from_the_first_comparison_on(check: CrossCheck) -> None:
    check.copied(DropCopy(SIM, 1, (submit(), bought(2, "1"))), 0)  # record 1 should have been a fill of 2
    check.reported(told("3", 2), 10)
    assert check.differences == {KEY: Difference(D(1), D(3), 10)}
    check.reported(told("3", 2, 2), 500)
    assert check.lasting(10 + MISMATCH_NS - 1) == {}
    assert check.lasting(10 + MISMATCH_NS) == {KEY: Difference(D(1), D(3), 10)}
    assert not check.is_sound("carry")


def test_a_difference_is_seen_at_the_very_record_that_a_report_speaks_of(check: CrossCheck) -> None:
    check.reported(told("3", 1), 0)
    check.copied(DropCopy(SIM, 1, (bought(1, "1"), bought(2, "1"))), 5)
    assert check.differences == {KEY: Difference(D(1), D(3), 5)}  # and not 2 against 3


def test_a_report_is_not_lost_to_newer_ones_while_the_copies_lag(check: CrossCheck) -> None:
    check.reported(told("30", 1), 0)
    for number in range(2, 6):
        check.reported(told("30", number, number), 0)
        check.copied(DropCopy(SIM, number - 1, (bought(number - 1, "1"),)), number)
    assert KEY in check.differences


def test_open_orders_come_on_top_of_the_worse_position(check: CrossCheck) -> None:
    check.copied(DropCopy(SIM, 1, (bought(1, "8"),)), 0)
    check.reported(told("3", 1, open_buys="2", open_sells="4"), 0)
    # Long: 8 and the open buys, 2; short: the report's 4 - 3.
    assert counted(check) == (D(8), D(10), D(1))


def test_the_difference_ends_with_the_first_comparison_that_agrees(check: CrossCheck) -> None:
    check.copied(DropCopy(SIM, 1, (bought(1, "1"),)), 0)
    check.reported(told("3", 1), 0)
    assert KEY in check.differences
    check.reported(told("1", 1, 2), 1)
    assert (check.differences, counted(check)) == ({}, (D(1), D(1), D(0)))


def test_what_a_gateway_does_not_name_is_counted_by_the_book(check: CrossCheck) -> None:
    check.copied(DropCopy(SIM, 1, (bought(1, "1"), fill(submit(2, strategy="gone"), "4", "t-2"))), 0)
    check.reported(told("1", 2), 0)
    gone = check.counted(SIM)[1]
    assert (gone.strategy, gone.position, gone.long_used, gone.price) == ("gone", D(4), D(4), 0.0)
    assert check.differences[PositionKey(SIM, "gone", SPOT.id)] == Difference(D(4), D(0), 0)


def test_without_a_ledger_the_report_counts_and_is_no_difference() -> None:
    check = CrossCheck(CopyBook(INSTRUMENTS), [SIM])
    check.reported(told("3", 0), 0)
    assert (check.differences, counted(check)) == ({}, (D(3), D(3), D(0)))
    assert not check.is_sound("carry")
    assert check.far_behind(10 * BEHIND_NS) == {}


def test_the_next_process_of_a_gateway_has_another_clock_and_its_last_word_counts_till_then(check: CrossCheck) -> None:
    check.reported(told("3", 0, asked=1_000), 0)
    check.reported(told("9", 0, asked=999), 0)  # older: refused
    check.began(SIM)
    assert counted(check)[:2] == (D(3), D(3))
    check.reported(told("4", 0, asked=1), 0)
    assert counted(check) == (D(4), D(4), D(4))  # a sale of 4 would close what it reports, and open a short by the book


def test_a_journal_that_has_lost_its_end_is_compared_as_it_is(check: CrossCheck) -> None:
    check.copied(DropCopy(SIM, 1, (bought(1, "1"), bought(2, "1"))), 0)
    check.reported(told("1", 1), 7)
    assert check.differences == {KEY: Difference(D(2), D(1), 7)}


def test_a_book_that_took_over_more_than_a_report_speaks_of_waits_for_the_next(check: CrossCheck) -> None:
    check.reported(told("1", 1), 0)
    check.applied(RecordsApplied({SIM: 2}), 0)
    assert check.differences == {}
    check.reported(told("1", 2, 2), 3)
    assert check.differences == {KEY: Difference(D(0), D(1), 3)}


def test_a_copy_that_does_not_go_on_is_told_of_once_and_again_the_next_time(check: CrossCheck) -> None:
    check.reported(told("1", 4), 0)
    assert check.far_behind(BEHIND_NS - 1) == {}
    assert check.far_behind(BEHIND_NS) == {SIM: (0, 4)}
    assert check.far_behind(2 * BEHIND_NS) == {}
    check.copied(DropCopy(SIM, 1, tuple(bought(number, "1") for number in range(1, 5))), BEHIND_NS)
    check.reported(told("1", 5, 2), 3 * BEHIND_NS)
    assert check.far_behind(4 * BEHIND_NS) == {SIM: (4, 5)}


def test_no_figure_leaves_the_bounds_of_a_message(check: CrossCheck) -> None:
    order = submit(1)
    check.copied(DropCopy(SIM, 1, tuple(fill(order, "6e17", f"t-{number}") for number in range(2))), 0)
    check.reported(told("3", 2), 0)
    assert counted(check)[1] == DECIMAL_MAX


def test_strangers_are_not_heard(check: CrossCheck) -> None:
    check.copied(DropCopy("stranger", 1, (bought(1, "1"),)), 0)
    check.reported(LeaseRequest("stranger", 1, 0, ()), 0)
    check.began(SIM)
    assert (check.counted("stranger"), check.book.held) == ((), {})
