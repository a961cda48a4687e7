"""Risk by the drop copies, in the supervisor's core: what is held, what is lost, and where a gateway contradicts."""

from decimal import Decimal

import msgspec
import pytest

from messages.from_child import DropCopy, StrategyUpdate
from messages.health import Lifecycle
from messages.risk import TradingState
from supervisor.actions import Audit, Log
from supervisor.config.risk import ConcentrationRule, MismatchRule, RiskAction, RiskConfig, Rules
from supervisor.ledger.entries import Extract, LedgerOpened
from supervisor.ledger.holding import Account, Holding, PositionKey
from supervisor.risk.cross_check import BEHIND_NS, MISMATCH_NS, NS_PER_S
from supervisor.risk.stages import Stage
from tests.supervisor.core_driver import CARRY, EXCHANGE, OTHER, PERP, SPOT
from tests.supervisor.risk.risk_floor import BTC_SPOT, ETH_SPOT, LOSSES, RiskFloor, states, trading

D = Decimal
MISMATCH_S = MISMATCH_NS // NS_PER_S


def opened(config: RiskConfig | None = LOSSES) -> RiskFloor:
    """Trading, with an empty ledger that is open; both strategies have earned nothing."""
    floor = trading(config)
    floor.opens()
    floor.ask_all()
    for name in (CARRY, OTHER):
        floor.earns(name, "0")
    floor.look()
    floor.actions.clear()
    return floor


def check_for(floor: RiskFloor, seconds: int, gateway: str = SPOT) -> None:
    for _ in range(seconds):
        floor.ask(gateway)
        floor.look()


# --- losses ------------------------------------------------------------------------------------------------------


def test_tiers_follow_what_the_drop_copies_make_of_it_though_the_strategy_tells_nothing() -> None:
    floor = opened()
    floor.fills(SPOT, CARRY, BTC_SPOT, "2", "100")
    for price in (95.0, 80.0, 65.0, 55.0):  # 2 bought at 100: -10, -40, -70, -90
        floor.prices[BTC_SPOT.id] = price
        floor.ask(SPOT)
        floor.look()
    assert floor.audits() == [
        ("loss-tier", CARRY, "warned"),
        ("loss-tier", CARRY, "reducing"),
        ("loss-tier", CARRY, "halted"),
    ]
    assert "40.00 USDT lost today, of 20 for warn" in "".join(floor.alerts)
    assert states(floor)[-1] == (PERP, CARRY, TradingState.HALTED)


def test_a_decision_is_audited_with_the_positions_that_it_was_made_from() -> None:
    floor = opened()
    floor.fills(SPOT, CARRY, BTC_SPOT, "2", "100")
    floor.fills(SPOT, CARRY, BTC_SPOT, "-1", "70")
    floor.ask(SPOT)
    floor.look()
    (audit,) = floor.of(Audit)
    assert audit.payload["positions"] == {
        f"{BTC_SPOT.id} of {CARRY}": {"quantity": D(1), "average_price": D(100), "realised": D(-30)}
    }
    assert audit.payload["measured"].last == D(-30)  # 1 x (70 - 100), and 1 at 100 that was bought at 100


def test_what_a_strategy_had_lost_by_its_own_word_it_has_lost_still_when_the_ledger_opens() -> None:
    floor = trading()
    floor.ask_all()
    floor.earns(CARRY, "0")
    floor.look()
    floor.earns(CARRY, "-30")
    floor.look()
    floor.opens()  # the ledger has nothing of it: another beginning, no gain of 30
    floor.look()
    record = floor.core.risk.monitor.records[CARRY]
    assert (record.last, record.day_start, record.is_booked, record.offset) == (D(0), D(30), True, D(30))
    assert floor.core.risk.monitor.records[""].day_start == D(30)


def test_a_supervisor_that_comes_back_measures_by_the_same_yardstick_before_its_ledger_is_open() -> None:
    floor = opened()
    floor.fills(SPOT, CARRY, BTC_SPOT, "2", "100")
    floor.ask(SPOT)
    floor.earns(CARRY, "7")  # it counts from elsewhere
    floor.look(40)  # so that it is saved
    back = RiskFloor(LOSSES, registry=floor.saved(), first_pid=500)
    back.begin(floor.core.floor.children)
    back.earns(CARRY, "1")
    back.look()
    assert back.core.risk.monitor.records[CARRY].last == D(-6)  # 1 told, and the drop copies make it 7 less


def test_while_the_drop_copy_is_in_doubt_the_worse_profit_counts() -> None:
    floor = opened()
    floor.fills(SPOT, CARRY, BTC_SPOT, "2", "100")
    floor.ask(SPOT)
    floor.earns(CARRY, "0")
    floor.look()
    floor.fills(SPOT, CARRY, BTC_SPOT, "-2", "75", is_told=False)  # -50, of which the book knows nothing yet
    floor.earns(CARRY, "-50")
    floor.ask(SPOT)
    floor.look()
    assert floor.core.risk.monitor.records[CARRY].last == D(-50)
    assert floor.core.risk.stage(CARRY) is Stage.REDUCING


def lost_while(floor: RiskFloor) -> RiskFloor:
    """2 were bought at 100, and the price falls by 40: 80 lost."""
    floor.prices[BTC_SPOT.id] = 60.0
    floor.ask(SPOT)
    floor.look()
    return floor


def holding_two(floor: RiskFloor) -> RiskFloor:
    floor.fills(SPOT, CARRY, BTC_SPOT, "2", "100")
    floor.ask(SPOT)
    floor.look(40)  # so that it is saved
    return floor


@pytest.mark.parametrize("lifecycle", [Lifecycle.STARTING, Lifecycle.RECOVERING])
def test_losses_of_a_strategy_that_is_not_up_yet_are_measured_by_the_book(lifecycle: Lifecycle) -> None:
    floor = holding_two(opened())
    floor.earns(CARRY, "5")
    floor.look()
    status = floor.core.floor.telemetry.strategy_statuses[CARRY]
    floor.says(CARRY, StrategyUpdate(CARRY, msgspec.structs.replace(status, lifecycle=lifecycle)))
    lost_while(floor)
    record = floor.core.risk.monitor.records[CARRY]
    assert (record.last, record.offset, floor.core.risk.stage(CARRY)) == (D(-80), D(-5), Stage.HALTED)
    assert floor.core.risk.monitor.records[""].last == D(-80)


def test_losses_of_a_dead_strategy_are_measured_by_the_book_and_its_offset_is_kept() -> None:
    floor = holding_two(opened())
    floor.earns(CARRY, "5")
    floor.look()
    floor.ends(CARRY)
    lost_while(floor)
    record = floor.core.risk.monitor.records[CARRY]
    assert (record.last, record.offset, floor.core.risk.stage(CARRY)) == (D(-80), D(-5), Stage.HALTED)


def test_losses_of_a_strategy_that_no_supervisor_of_this_run_has_heard_are_measured_by_the_book() -> None:
    floor = holding_two(opened())
    back = RiskFloor(LOSSES, registry=floor.saved(), first_pid=500)
    back.books, back.held, back.recorded, back.now_ns = floor.books, floor.held, floor.recorded, floor.now_ns
    back.begin([EXCHANGE, SPOT, PERP])  # both strategies have died meanwhile
    back.register(SPOT)
    back.tell(LedgerOpened({SPOT: 1}, Extract(dict(floor.core.risk.positions.book.held))))
    assert lost_while(back).core.risk.stage(CARRY) is Stage.HALTED


def test_what_a_stranger_lost_is_a_loss_of_the_portfolio_and_restricts_nobody_else() -> None:
    floor = opened()
    floor.fills(SPOT, "gone", BTC_SPOT, "10", "100")
    floor.look()
    assert floor.core.risk.monitor.records["gone"].last == D(0)
    floor.prices[BTC_SPOT.id] = 85.0
    floor.ask(SPOT)
    floor.look()
    assert floor.core.risk.monitor.records[""].last == D(-150)  # 10 x (85 - 100)
    assert floor.core.risk.stage("") is Stage.WARNED
    assert floor.core.risk.stage(CARRY) is Stage.NORMAL


def test_without_a_word_a_book_that_is_in_doubt_makes_nothing_better() -> None:
    floor = holding_two(opened())
    floor.prices[BTC_SPOT.id] = 95.0
    floor.ask(SPOT)
    floor.look()
    status = floor.core.floor.telemetry.strategy_statuses[CARRY]
    floor.says(CARRY, StrategyUpdate(CARRY, msgspec.structs.replace(status, lifecycle=Lifecycle.RECOVERING)))
    floor.fills(SPOT, CARRY, BTC_SPOT, "-1", "95", is_told=False)
    floor.prices[BTC_SPOT.id] = 110.0
    floor.ask(SPOT)
    floor.look()
    assert floor.core.risk.monitor.records[CARRY].last == D(-10)  # 2 x (95 - 100), and not 2 x (110 - 100)
    floor.prices[BTC_SPOT.id] = 90.0
    floor.ask(SPOT)
    floor.look()
    assert floor.core.risk.monitor.records[CARRY].last == D(-20)


def test_losses_that_nobody_can_tell_are_told_of() -> None:
    floor = holding_two(opened())
    back = RiskFloor(LOSSES, registry=floor.saved(), first_pid=500)
    back.now_ns = floor.now_ns
    back.begin([EXCHANGE, SPOT, PERP])  # its ledger does not open
    back.look(5)
    text = "losses of carry cannot be measured: neither it nor the drop copies of its gateways can tell"
    assert text not in back.alerts, "that may take a moment"
    back.look(60)
    assert back.alerts.count(text) == 1


# --- exposures ---------------------------------------------------------------------------------------------------


def test_exposures_are_those_of_the_book_before_any_gateway_has_reported() -> None:
    floor = RiskFloor(LOSSES)
    floor.trading()
    held = {PositionKey(SPOT, CARRY, BTC_SPOT.id): Holding(D(3), Account())}
    floor.core.risk.valuation.note(BTC_SPOT.id, 100.0)
    floor.tell(LedgerOpened({SPOT: 9}, Extract(held)))
    assert floor.core.risk.monitor.exposures().portfolio == (D(300), D(300))  # 3 x 100
    (use,) = floor.core.risk.limit_uses()
    assert use.used == 306.0  # at the mark, 102


def test_a_fill_counts_as_soon_as_its_copy_is_heard() -> None:
    concentrated = RiskConfig(rules=Rules(concentration=ConcentrationRule(share_max=0.9)))
    floor = opened(concentrated)
    floor.fills(SPOT, CARRY, BTC_SPOT, "3", "100")
    floor.look()
    assert ("concentration", "", "alert") in floor.audits()
    assert floor.core.risk.monitor.exposures().strategies[CARRY].gross == D(300)


def test_a_copy_that_is_missing_makes_no_exposure_smaller() -> None:
    floor = opened()
    floor.fills(SPOT, CARRY, BTC_SPOT, "3", "100", is_told=False)
    floor.ask(SPOT)
    assert floor.core.risk.monitor.exposures().portfolio.gross == D(300)
    check_for(floor, MISMATCH_S + 1)
    assert floor.audits() == []  # it is on its way
    check_for(floor, BEHIND_NS // NS_PER_S)
    told = [alert for alert in floor.alerts if "does not go on" in alert]
    assert told == [
        "the drop copy of spot has come to record 0 of 1 and does not go on; its gateway's word counts beside it"
    ]


# --- where a gateway contradicts ---------------------------------------------------------------------------------


def lacking_one(config: RiskConfig | None = LOSSES) -> RiskFloor:
    """The copy of a fill is lost, the next one has come."""
    floor = opened(config)
    floor.fills(SPOT, CARRY, BTC_SPOT, "1", "100")
    floor.fills(SPOT, CARRY, BTC_SPOT, "2", "100", is_told=False)
    floor.fills(SPOT, OTHER, ETH_SPOT, "1", "10")
    return floor


def mismatched(config: RiskConfig | None = LOSSES) -> RiskFloor:
    """Sabotage: of 1 and 2 bought, the supervisor forgets the second, though it has heard of it."""
    floor = opened(config)
    floor.fills(SPOT, CARRY, BTC_SPOT, "1", "100")
    key, held = PositionKey(SPOT, CARRY, BTC_SPOT.id), floor.core.risk.positions.book.held
    before = held[key]
    floor.fills(SPOT, CARRY, BTC_SPOT, "2", "100")
    held[key] = before
    return floor


def test_a_dropped_fill_is_found_told_with_both_figures_and_restricts_its_strategy() -> None:
    floor = mismatched()
    check_for(floor, MISMATCH_S - 1)
    assert floor.audits() == []  # not yet
    check_for(floor, 1)
    assert floor.audits() == [("position_mismatch", CARRY, "reducing")]
    text = "BTCUSDT.spot: the drop copy says 1, spot reports 3; the worse of the two counts"
    assert floor.of(Audit)[0].payload["why"] == text
    assert states(floor) == [(SPOT, CARRY, TradingState.REDUCING), (PERP, CARRY, TradingState.REDUCING)]
    assert floor.core.risk.monitor.exposures().portfolio.gross == D(300)


def test_a_fill_that_a_gateway_has_forgotten_counts_for_the_limits() -> None:
    floor = opened()
    floor.fills(SPOT, CARRY, BTC_SPOT, "3", "100")
    floor.held[CARRY, BTC_SPOT.id] = D(1)
    check_for(floor, MISMATCH_S + 1)
    assert floor.core.risk.monitor.exposures().portfolio.gross == D(300)
    (use,) = floor.core.risk.limit_uses()
    assert use.used == 306.0  # 3 at the mark of 102, though the gateway says 1


def test_a_gap_that_is_refilled_is_no_mismatch() -> None:
    floor = lacking_one()
    check_for(floor, 2 * MISMATCH_S)
    assert floor.core.risk.positions.book.number(SPOT) == 1  # what comes behind the gap waits
    assert floor.core.risk.monitor.exposures().portfolio.gross == D(310)  # and counts: 3 x 100 and 1 x 10
    records = tuple(record for copy in floor.copies for record in copy.records)
    floor.says(SPOT, DropCopy(SPOT, 1, records))
    check_for(floor, 2 * MISMATCH_S)
    assert floor.core.risk.positions.book.number(SPOT) == 3
    assert floor.audits() == []


def test_the_end_of_a_mismatch_is_audited_and_loosens_nothing() -> None:
    floor = mismatched()
    check_for(floor, MISMATCH_S + 1)
    floor.actions.clear()
    floor.held[CARRY, BTC_SPOT.id] = D(1)
    check_for(floor, 1)
    assert floor.audits() == [("position-mismatch-over", CARRY, "")]
    assert any("agree again" in item.event for item in floor.of(Log))
    assert floor.core.risk.stage(CARRY) is Stage.REDUCING
    floor.held[CARRY, BTC_SPOT.id] = D(5)
    check_for(floor, MISMATCH_S + 1)
    assert ("position_mismatch", CARRY, "reducing") in floor.audits()  # news again, whatever the cooldown


def test_a_mismatch_may_only_be_told_or_not_even_that() -> None:
    floor = mismatched(RiskConfig(rules=Rules(position_mismatch=MismatchRule(action=RiskAction.ALERT))))
    check_for(floor, MISMATCH_S + 1)
    assert (states(floor), floor.audits()) == ([], [("position_mismatch", CARRY, "alert")])
    floor = mismatched(RiskConfig(rules=Rules(position_mismatch=MismatchRule(action=RiskAction.OFF))))
    check_for(floor, MISMATCH_S + 1)
    assert floor.audits() == []


def test_of_a_strategy_that_is_gone_a_mismatch_is_told_and_restricts_nobody() -> None:
    floor = opened()
    floor.fills(SPOT, "gone", BTC_SPOT, "3", "100")
    floor.held.clear()
    check_for(floor, MISMATCH_S + 1)
    assert (states(floor), floor.audits()) == ([], [("position_mismatch", "gone", "alert")])
