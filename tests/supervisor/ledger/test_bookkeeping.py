"""What the supervisor's core enters into the ledger, and what it tells gateways of it."""

from decimal import Decimal
from typing import Any

import msgspec

from messages.from_child import DropCopy, GatewayUpdate, StrategyReported, StrategyUpdate, VenuesReported
from messages.health import GatewayReport, OrderCounts, Pnl, StrategyReport
from messages.to_child import DropCopyApplied
from supervisor.actions import EnterLedger, Log, SendNews
from supervisor.ledger.bookkeeping import SAMPLE_NS, Bookkeeping, trouble_of
from supervisor.ledger.entries import (
    CashSampled,
    LedgerOpened,
    LedgerRecovered,
    LedgerTroubled,
    PnlSampled,
    RecordsApplied,
    weight,
)
from tests.supervisor.core_driver import CARRY, PERP, SPOT, Drive
from tests.supervisor.samples import STATUS
from tests.support.orders import submit

SPOT_STATUS = msgspec.structs.replace(STATUS.gateways[0], id=SPOT, balances={"USDT": Decimal(5)})
CARRY_STATUS = msgspec.structs.replace(
    STATUS.strategies[0], id=CARRY, pnls=(Pnl(Decimal(1), Decimal(0), Decimal(0), Decimal(0), "USDT"),)
)
COPY = DropCopy(SPOT, 1, (submit(), submit(2)))
START = 1_000 * SAMPLE_NS


def heard(books: Bookkeeping, message: Any, after_ns: int = 0) -> list[Any]:
    return list(books.heard(message, START + after_ns))


def earning(realised: int) -> StrategyUpdate:
    pnl = Pnl(Decimal(realised), Decimal(0), Decimal(0), Decimal(0), "USDT")
    return StrategyUpdate(CARRY, msgspec.structs.replace(CARRY_STATUS, pnls=(pnl,)))


def samples(actions: list[Any]) -> list[Any]:
    return [action.entry for action in actions if isinstance(action, EnterLedger)]


def test_a_drop_copy_is_passed_on_as_it_is() -> None:
    assert heard(Bookkeeping(), COPY) == [EnterLedger(COPY)]
    assert weight(COPY) == 2


def test_profit_is_sampled_once_a_second_and_when_it_has_changed() -> None:
    books = Bookkeeping()
    assert [sample.pnls[0].realised for sample in samples(heard(books, earning(1)))] == [1]
    assert heard(books, earning(2), SAMPLE_NS - 1) == []
    assert [sample.pnls[0].realised for sample in samples(heard(books, earning(2), SAMPLE_NS))] == [2]
    assert heard(books, earning(2), 5 * SAMPLE_NS) == []


def test_the_last_word_of_a_strategy_is_always_kept() -> None:
    books = Bookkeeping()
    heard(books, earning(1))
    report = StrategyReported("report-1", CARRY, StrategyReport(earning(3).status, ()))
    assert samples(heard(books, report, 1)) == [PnlSampled(CARRY, earning(3).status.pnls)]


def test_cash_is_sampled_from_gateways_and_at_the_end_from_the_venues() -> None:
    books = Bookkeeping()
    assert samples(heard(books, GatewayUpdate(SPOT, SPOT_STATUS))) == [CashSampled(SPOT, {"USDT": Decimal(5)})]
    reports = {SPOT: GatewayReport({}, OrderCounts(), {}, {"USDT": Decimal(4)})}
    assert samples(heard(books, VenuesReported("report-1", "exchange", reports), 1)) == [
        CashSampled(SPOT, {"USDT": Decimal(4)})
    ]


def test_a_gateway_without_an_account_has_no_cash_yet() -> None:
    assert samples(heard(Bookkeeping(), GatewayUpdate(SPOT, msgspec.structs.replace(SPOT_STATUS, balances={})))) == []


def test_what_is_remembered_of_samples_is_bounded(monkeypatch: Any) -> None:
    monkeypatch.setattr("supervisor.ledger.bookkeeping.SAMPLED_MAX", 2)
    books = Bookkeeping()
    for number in range(5):
        heard(books, GatewayUpdate(f"g{number}", SPOT_STATUS))
    assert samples(heard(books, GatewayUpdate("g0", SPOT_STATUS)))  # forgotten, so sampled again


def test_gateways_are_told_again_and_again_what_the_ledger_has() -> None:
    books = Bookkeeping()
    assert not [action for action in heard(books, GatewayUpdate(SPOT, SPOT_STATUS)) if isinstance(action, SendNews)]
    assert list(books.on_news(LedgerOpened({SPOT: 5}))) == [SendNews(SPOT, DropCopyApplied(5))]
    assert list(books.on_news(RecordsApplied({SPOT: 7}))) == [SendNews(SPOT, DropCopyApplied(7))]
    assert heard(books, GatewayUpdate(SPOT, SPOT_STATUS))[0] == SendNews(SPOT, DropCopyApplied(7))
    assert heard(books, GatewayUpdate(PERP, SPOT_STATUS))[0] == SendNews(PERP, DropCopyApplied(0))


def test_trouble_is_told_to_a_person() -> None:
    assert trouble_of(LedgerTroubled("disk full")) == "disk full"
    assert trouble_of(LedgerRecovered("well again")) == "well again"
    assert trouble_of(RecordsApplied({})) == ""


class TestInTheCore:
    def test_a_gateways_drop_copy_reaches_the_ledger_also_after_its_end(self) -> None:
        drive = Drive().trading()
        assert EnterLedger(COPY) in drive.says(SPOT, COPY)
        drive.ends(SPOT)
        assert EnterLedger(COPY) in drive.says(SPOT, COPY)

    def test_the_ledgers_word_goes_back_to_the_gateway(self) -> None:
        drive = Drive().trading()
        assert SendNews(SPOT, DropCopyApplied(1)) in drive.tell(LedgerOpened({SPOT: 1}))
        assert SendNews(SPOT, DropCopyApplied(2)) in drive.tell(RecordsApplied({SPOT: 2}))

    def test_a_ledger_in_trouble_is_an_alert_and_trading_goes_on(self) -> None:
        drive = Drive().trading()
        (told,) = [action for action in drive.tell(LedgerTroubled("disk full")) if isinstance(action, Log)]
        assert (told.level, told.event) == ("error", "disk full")
        assert drive.core.phase == "trading"
