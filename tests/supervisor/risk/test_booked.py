"""Profit by the drop copies, and what cannot be told."""

from decimal import Decimal

from messages.from_child import DropCopy
from supervisor.ledger.entries import LedgerOpened
from supervisor.ledger.holding import Holding, PositionKey
from supervisor.risk.booked import booked_positions, booked_profit
from supervisor.risk.copy_book import CopyBook
from supervisor.risk.valuation import Valuation
from tests.support.orders import INSTRUMENTS, SPOT, fill, submit

D = Decimal
ORDER = submit()


def valuation(currency: str = "USDT") -> Valuation:
    return Valuation(currency, {}, INSTRUMENTS, guesses={}, marks={})


def bought(quantity: str = "1", **changes: object) -> CopyBook:
    book = CopyBook(INSTRUMENTS)
    book.opened(LedgerOpened({}))
    book.copied(DropCopy("sim", 1, (fill(ORDER, quantity, price=D(100), **changes),)))
    return book


def profit(book: CopyBook, values: Valuation) -> Decimal | None:
    return booked_profit(book, "carry", INSTRUMENTS, values)


def test_the_profit_is_that_at_the_last_price_less_fees() -> None:
    values = valuation()
    values.note(SPOT.id, 107.0)
    assert profit(bought(), values) == D("6.5")  # 1 x (107 - 100) - 0.5


def test_of_nothing_the_profit_is_nothing() -> None:
    book = CopyBook(INSTRUMENTS)
    assert profit(book, valuation()) is None  # the ledger is not open
    book.opened(LedgerOpened({}))
    assert profit(book, valuation()) == 0


def test_without_a_price_or_a_rate_or_an_account_nothing_is_told() -> None:
    assert profit(bought(), valuation()) is None
    values = valuation("EUR")
    values.note(SPOT.id, 107.0)
    assert profit(bought(), values) is None
    values = valuation()
    values.note(SPOT.id, 107.0)
    book = bought()
    key = PositionKey("sim", "carry", SPOT.id)
    book.held[key] = Holding(D(1), None)
    assert profit(book, values) is None
    assert booked_profit(bought(), "carry", {}, values) is None


def test_what_a_decision_was_made_from_is_told_by_strategy_or_for_all() -> None:
    book = bought()
    told = {f"{SPOT.id} of carry": {"quantity": D(1), "average_price": D(100), "realised": D(0)}}
    assert booked_positions(book, "carry", INSTRUMENTS) == booked_positions(book, "", INSTRUMENTS) == told
    assert booked_positions(book, "maker", INSTRUMENTS) == {}
