"""The book of the drop copies is the sum of their fills, whatever comes twice, too early, too late or not at all."""

from collections import defaultdict
from decimal import Decimal
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from messages.from_child import DropCopy
from messages.orders import FundingPaid, Side
from supervisor.ledger.books import Books, FillKey, FundingKey
from supervisor.ledger.entries import Extract, LedgerOpened, RecordsApplied
from supervisor.ledger.holding import Holding, PositionKey, position_change
from supervisor.ledger.ledger import unseen
from supervisor.risk.copy_book import CopyBook
from tests.support.orders import INSTRUMENTS, NOW_NS, PERPETUAL, SPOT, accepted, fill, submit

D = Decimal
GATEWAYS = ("sim", "other")
STRATEGIES = ("carry", "maker")


def records_of(number: int, side: Side, lots: int, strategy: str, kind: int) -> list[Any]:
    """An order and what became of it: nothing, a fill, or a fill in the base currency's fee; or a funding."""
    order = submit(number, side=side, strategy=strategy, instrument=(SPOT, PERPETUAL)[kind % 2].id)
    fee = {"fee": D("0.0001"), "fee_currency": "BTC"} if kind == 2 else {}
    paid = FundingPaid(strategy, PERPETUAL.id, D("0.001"), "BTC", 0.0001, D(5), str(number), NOW_NS)
    return [order, accepted(order), fill(order, f"0.{lots}", f"t-{number}", **fee), paid][: kind + 2]


class ModelLedger:
    """The ledger without a database: entered in order, each record once, and read when it is opened."""

    def __init__(self) -> None:
        self.applied: dict[str, int] = {}
        self.books = Books(INSTRUMENTS)

    def write(self, copy: DropCopy) -> RecordsApplied:
        self.books.moved.clear()
        fills, paid = len(self.books.new_fills), len(self.books.new_fundings)
        last = self.applied.get(copy.process, 0)
        news = unseen(copy, last)
        for record in news:
            self.books.apply(copy.process, record)
        self.applied[copy.process] = last + len(news)
        moved = {key: self.books.positions[key] for key in self.books.moved}
        return RecordsApplied({copy.process: self.applied[copy.process]}, Extract(moved, self.known(fills, paid)))

    def opened(self) -> LedgerOpened:
        return LedgerOpened(dict(self.applied), Extract(dict(self.books.positions), self.known(0, 0)))

    def known(self, fills: int, paid: int) -> tuple[FillKey | FundingKey, ...]:
        """Behind so many of each."""
        rows = self.books
        return (
            *(FillKey(**{name: row[name] for name in FillKey._fields}) for row in rows.new_fills[fills:]),
            *(FundingKey(**{name: row[name] for name in FundingKey._fields}) for row in rows.new_fundings[paid:]),
        )


class Desk(RuleBasedStateMachine):
    """Gateways that journal and send; a supervisor that hears, dies and comes back; a ledger that is behind."""

    @initialize()
    def begin(self) -> None:
        self.journals: dict[str, list[Any]] = {name: [] for name in GATEWAYS}
        self.ledger = ModelLedger()
        self.queue: list[DropCopy] = []
        self.book = CopyBook(INSTRUMENTS)
        self.orders = 0

    @rule(
        gateway=st.sampled_from(GATEWAYS), side=st.sampled_from(Side), lots=st.integers(1, 9),
        strategy=st.sampled_from(STRATEGIES), kind=st.integers(0, 2), is_twice=st.booleans(),
    )  # fmt: skip
    def journal(self, gateway: str, side: Side, lots: int, strategy: str, kind: int, is_twice: bool) -> None:
        self.orders += 1
        records = records_of(self.orders, side, lots, strategy, kind)
        self.journals[gateway] += records + (records[-1:] if is_twice else [])

    @rule(gateway=st.sampled_from(GATEWAYS), data=st.data())
    def send(self, gateway: str, data: Any) -> None:
        """Any stretch of the journal comes: again, in part, or ahead of what was lost."""
        journal = self.journals[gateway]
        if journal:
            first = data.draw(st.integers(1, len(journal)))
            last = data.draw(st.integers(first, min(len(journal), first + 6)))
            self.hear(DropCopy(gateway, first, tuple(journal[first - 1 : last])))

    def hear(self, copy: DropCopy) -> None:
        self.book.copied(copy)
        self.queue.append(copy)

    @precondition(lambda self: self.queue)
    @rule(is_refused=st.booleans())
    def commit(self, is_refused: bool) -> None:
        """The ledger's writer takes the next entry; one that found no room comes again."""
        copy = self.queue.pop(0)
        if not is_refused and self.book.is_open:
            self.book.applied(self.ledger.write(copy))

    @rule()
    def open(self) -> None:
        """The database is there; or it was away, and is there again."""
        self.book.opened(self.ledger.opened())

    @rule()
    def restart(self) -> None:
        """The supervisor dies with all that waits; copies may come before the ledger is open."""
        self.queue.clear()
        self.book = CopyBook(INSTRUMENTS)

    @rule()
    def refill(self) -> None:
        """Gateways send again whatever the ledger lacks."""
        if self.book.is_open:
            for gateway, journal in self.journals.items():
                rest = tuple(journal[self.ledger.applied.get(gateway, 0) :])
                if rest:
                    self.hear(DropCopy(gateway, self.ledger.applied.get(gateway, 0) + 1, rest))
                assert self.book.number(gateway) == len(journal), "nothing is missing"

    @invariant()
    def the_book_is_the_sum_of_the_fills(self) -> None:
        expected: defaultdict[PositionKey, Decimal] = defaultdict(Decimal)
        for gateway, journal in self.journals.items():
            once = {(item.trade_id, item.client_order_id): item for item in journal[: self.book.number(gateway)]
                    if hasattr(item, "trade_id")}  # fmt: skip
            for item in once.values():
                expected[PositionKey(gateway, item.strategy, item.instrument)] += position_change(
                    item, INSTRUMENTS[item.instrument]
                )
        booked = {key: holding.quantity for key, holding in self.book.held.items() if holding.quantity}
        assert booked == {key: size for key, size in expected.items() if size}

    @invariant()
    def an_open_book_is_never_behind_the_ledger_and_equals_it_where_they_are_as_far(self) -> None:
        if not self.book.is_open:
            assert not self.book.held
            return
        for gateway, number in self.ledger.applied.items():
            assert self.book.number(gateway) >= number
            if self.book.number(gateway) == number:
                mine = {key: held for key, held in self.ledger.books.positions.items() if key.gateway == gateway}
                assert self.book.of_gateway(gateway) == mine  # average price, profit and charges, too


TestAnyInterleaving = Desk.TestCase
TestAnyInterleaving.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


def test_a_copy_that_came_before_the_ledger_was_open_is_taken_over_when_it_is_committed() -> None:
    ledger, book = ModelLedger(), CopyBook(INSTRUMENTS)
    order = submit()
    copy = DropCopy("sim", 1, (order, fill(order, "0.004")))
    book.copied(copy)
    assert not book.held
    book.opened(ledger.opened())
    book.applied(ledger.write(copy))
    assert book.held[PositionKey("sim", "carry", SPOT.id)].quantity == D("0.004")


def test_a_database_that_was_set_back_takes_nothing_out_of_the_book() -> None:
    ledger, book = ModelLedger(), CopyBook(INSTRUMENTS)
    book.opened(ledger.opened())
    order = submit()
    book.copied(DropCopy("sim", 1, (order, fill(order, "0.004"))))
    book.opened(LedgerOpened({"sim": 1}))
    assert book.number("sim") == 2
    assert book.held[PositionKey("sim", "carry", SPOT.id)].quantity == D("0.004")


def test_a_database_that_is_further_is_believed_whole() -> None:
    book = CopyBook(INSTRUMENTS)
    book.opened(LedgerOpened({"sim": 1}, Extract({PositionKey("sim", "carry", SPOT.id): Holding(D(1), None)})))
    book.opened(LedgerOpened({"sim": 4}, Extract({PositionKey("sim", "maker", SPOT.id): Holding(D(2), None)})))
    assert book.held == {PositionKey("sim", "maker", SPOT.id): Holding(D(2), None)}


def test_what_is_remembered_of_fills_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr("supervisor.risk.copy_book.SEEN_MAX", 2)
    book = CopyBook(INSTRUMENTS)
    book.opened(LedgerOpened({}))
    order = submit()
    book.copied(DropCopy("sim", 1, tuple(fill(order, "0.001", f"t-{number}") for number in (1, 2, 2, 3, 1))))
    assert book.held[PositionKey("sim", "carry", SPOT.id)].quantity == D("0.004")  # t-1 is forgotten, so counts anew
