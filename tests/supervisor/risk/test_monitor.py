"""Losses and oddities as the supervisor's core sees them: messages in, actions out."""

from decimal import Decimal

import msgspec
import pytest

from messages.from_child import DropCopy
from messages.operator import (
    ConfirmationNeeded,
    StrategyAction,
    StrategyActionRequest,
)
from messages.orders import DenyReason, OrderDenied
from messages.risk import PositionMismatch, TradingState
from messages.to_child import Flatten, FlattenPosition, Halt
from supervisor.actions import Audit, SaveRegistry
from supervisor.config.risk import (
    ConcentrationRule,
    LatencyRule,
    MismatchRule,
    OrderStormRule,
    PnlJumpRule,
    RejectBurstRule,
    RiskAction,
    RiskConfig,
    Rules,
    StaleFeedRule,
)
from supervisor.pending_commands import Dispatch
from supervisor.risk.stages import Stage
from tests.supervisor.core_driver import CARRY, EXCHANGE, OTHER, PERP, SPOT
from tests.supervisor.risk.risk_floor import BTC_PERP, BTC_SPOT, ETH_SPOT, LOSSES, RiskFloor, states, trading

D = Decimal


def rule(**changes: object) -> RiskConfig:
    return RiskConfig(rules=msgspec.structs.replace(Rules(), **changes))


# --- losses ------------------------------------------------------------------------------------------------------


def test_losses_tighten_step_by_step_and_every_step_is_audited_with_its_inputs() -> None:
    floor = trading()
    for profit in ("0", "-25", "-50", "-80"):
        floor.earns(CARRY, profit)
        floor.look()
    assert states(floor) == [
        (SPOT, CARRY, TradingState.REDUCING),
        (PERP, CARRY, TradingState.REDUCING),
        (SPOT, CARRY, TradingState.HALTED),
        (PERP, CARRY, TradingState.HALTED),
    ]
    assert floor.audits() == [
        ("loss-tier", CARRY, "warned"),
        ("loss-tier", CARRY, "reducing"),
        ("loss-tier", CARRY, "halted"),
    ]
    payload = floor.of(Audit)[0].payload
    assert payload["measured"].last == D(-25)
    assert payload["limits"].daily_loss.warn == D(20)
    assert "25.00 USDT lost today, of 20 for warn" in floor.alerts[-3]


def test_a_state_is_on_the_disk_before_a_gateway_is_told_and_outlives_the_supervisor() -> None:
    floor = trading()
    floor.earns(CARRY, "0")
    floor.look()
    floor.earns(CARRY, "-60")
    asked = floor.look()
    at = next(index for index, item in enumerate(asked) if isinstance(item, Dispatch))
    saved = [item for item in asked[:at] if isinstance(item, SaveRegistry)]
    assert saved[-1].registry.risk.states[CARRY].stage == "reducing"
    back = RiskFloor(LOSSES, registry=floor.saved(), first_pid=500)
    back.begin([EXCHANGE, SPOT, PERP, CARRY, OTHER])
    back.register(SPOT)
    assert back.core.risk.trading_state(CARRY) is TradingState.REDUCING
    asked = back.ready(SPOT)
    assert (SPOT, CARRY, TradingState.REDUCING) in states(back, asked)


def test_a_warning_is_over_when_the_loss_is() -> None:
    floor = trading()
    for profit in ("0", "-25", "-17"):
        floor.earns(CARRY, profit)
        floor.look()
    assert floor.core.risk.stage(CARRY) is Stage.WARNED
    floor.earns(CARRY, "-16")
    floor.look()
    assert floor.core.risk.stage(CARRY) is Stage.NORMAL
    assert states(floor) == []


def test_a_restriction_stays_though_the_loss_is_made_good() -> None:
    floor = trading()
    for profit in ("0", "-60", "500"):
        floor.earns(CARRY, profit)
        floor.look()
    assert floor.core.risk.stage(CARRY) is Stage.REDUCING


def test_the_last_tier_has_the_strategy_close_what_it_holds() -> None:
    floor = trading()
    for profit in ("0", "-100"):
        floor.earns(CARRY, profit)
        floor.look()
    assert [name for name, _ in floor.commands(Flatten)] == [CARRY]
    assert {state for _, _, state in states(floor)} == {TradingState.REDUCING}, "orders that close must pass"


def test_a_strategy_that_is_being_stopped_is_not_flattened_in_between() -> None:
    floor = trading()
    floor.earns(CARRY, "0")
    floor.look()
    request = StrategyActionRequest("s1", CARRY, StrategyAction.STOP)
    reply = floor.operator(request)
    if isinstance(reply, ConfirmationNeeded):
        floor.operator(msgspec.structs.replace(request, command_id="s2", token=reply.token))
    floor.earns(CARRY, "-100")
    floor.look()
    assert floor.commands(Flatten) == []
    assert floor.alerts[-1].startswith("not flattened: carry: stop is under way")


def test_the_last_tier_has_the_gateways_close_what_a_dead_strategy_holds() -> None:
    floor = trading()
    floor.earns(CARRY, "0")
    floor.look()
    floor.earns(CARRY, "-100")
    for _ in range(4):
        floor.ends(CARRY, 3)
        floor.pass_time(3)
    floor.actions.clear()
    floor.look()
    assert [(name, item.instrument, item.target) for name, item in floor.commands(FlattenPosition)] == [
        (SPOT, BTC_SPOT.id, D(0)),
        (PERP, BTC_PERP.id, D(0)),
    ]


def test_a_loss_of_the_portfolio_halts_the_cluster_by_the_kill_switch() -> None:
    floor = trading()
    for profit in ("0", "-220"):
        floor.earns(OTHER, profit)
        floor.look()
    assert states(floor) == [(SPOT, "", TradingState.REDUCING), (PERP, "", TradingState.REDUCING)]
    assert floor.status().trading_state is TradingState.REDUCING
    floor.earns(OTHER, "-300")
    floor.look()
    assert {name for name, _ in floor.commands(Halt)} == {SPOT, PERP, CARRY, OTHER}
    assert floor.status().trading_state is TradingState.HALTED
    floor.earns(OTHER, "-400")
    floor.look()
    assert floor.commands(Halt)[-1][1].is_flattening


def test_what_is_lost_in_another_currency_is_converted() -> None:
    config = msgspec.structs.replace(LOSSES, rates={"EUR": D(2)})
    floor = trading(config)
    floor.earns(CARRY, "0", currency="EUR")
    floor.look()
    floor.earns(CARRY, "-26", currency="EUR")
    floor.look()
    assert floor.core.risk.stage(CARRY) is Stage.REDUCING, "26 x 2 = 52"


def test_a_loss_in_a_currency_of_unknown_worth_is_not_guessed_at_and_told_of() -> None:
    floor = trading()
    floor.earns(CARRY, "-1000", currency="EUR")
    floor.look(60)
    assert floor.core.risk.stage(CARRY) is Stage.NORMAL
    text = "losses of carry cannot be measured: no worth of EUR is known"
    assert floor.alerts.count(text) == 1
    floor.look(600)
    assert floor.alerts.count(text) == 2


def test_a_currency_of_unknown_worth_hides_no_storm_and_no_burst() -> None:
    storm = OrderStormRule(action=RiskAction.HALT, orders_per_s=10.0, window_s=5.0)
    burst = RejectBurstRule(action=RiskAction.REDUCING, count=10, window_s=20.0)
    floor = trading(rule(order_storm=storm, reject_burst=burst))
    floor.says(SPOT, refused(1, 1))
    for orders in (0, 40, 80):
        floor.earns(CARRY, "-1000", orders=orders, currency="EUR")
        floor.look()
    assert floor.core.risk.stage(CARRY) is Stage.HALTED
    floor.earns(OTHER, "-1000", currency="EUR")
    floor.says(SPOT, refused(2, 10, OTHER))
    floor.look()
    assert floor.core.risk.stage(OTHER) is Stage.REDUCING


def test_what_fails_for_one_subject_keeps_nobody_from_judging_the_others() -> None:
    floor = trading()
    for name in (CARRY, OTHER):
        floor.earns(name, "0")
    floor.look()

    def broken(_strategy: str) -> None:
        raise KeyError("nobody")

    floor.core.risk.flatten = broken
    floor.earns(CARRY, "-150")
    floor.earns(OTHER, "-150")
    floor.look(3)
    assert floor.core.risk.stage("") is Stage.HALTED, "150 and 150 lost"
    told = [alert for alert in floor.alerts if alert.startswith("risk of carry cannot be judged: KeyError('nobody')")]
    assert len(told) == 1


def test_a_new_day_begins_with_what_there_is() -> None:
    floor = trading()
    for profit in ("0", "-45"):
        floor.earns(CARRY, profit)
        floor.look()
    floor.day += 1
    floor.earns(CARRY, "-90")
    floor.look()
    assert floor.core.risk.stage(CARRY) is Stage.WARNED, "45 lost on the second day"


def test_a_strategy_that_comes_late_with_an_old_loss_is_no_loss_of_the_portfolio() -> None:
    floor = trading()
    floor.earns(OTHER, "0")
    floor.look()
    floor.earns(CARRY, "-10000")
    floor.look()
    assert floor.core.risk.stage("") is Stage.NORMAL


def test_what_losses_are_measured_from_is_saved_now_and_then() -> None:
    floor = trading()
    floor.earns(CARRY, "70")
    floor.look(32)
    assert floor.saved().risk.losses[CARRY].peak == D(70)


# --- oddities ----------------------------------------------------------------------------------------------------


def test_a_jump_of_profit_is_told_once_in_a_cooldown() -> None:
    floor = trading(rule(pnl_jump=PnlJumpRule(amount=D(100), window_s=5.0, cooldown_s=30.0)))
    floor.earns(CARRY, "0")
    floor.look()
    floor.earns(CARRY, "-150")
    floor.look(4)
    assert len(floor.audits()) == 1
    assert "carry: its profit moved by 150.00 USDT" in floor.alerts[-1]
    floor.look(30)
    floor.earns(CARRY, "50")
    floor.look()
    assert len(floor.audits()) == 2


def test_a_rule_that_is_off_finds_nothing() -> None:
    floor = trading(rule(pnl_jump=PnlJumpRule(action=RiskAction.OFF, amount=D(1))))
    for profit in ("0", "-150"):
        floor.earns(CARRY, profit)
        floor.look()
    assert floor.audits() == []


def test_a_storm_of_orders_halts_where_the_config_says_so() -> None:
    floor = trading(rule(order_storm=OrderStormRule(action=RiskAction.HALT, orders_per_s=10.0, window_s=5.0)))
    for orders in (0, 40, 80):
        floor.earns(CARRY, "0", orders=orders)
        floor.look()
    assert states(floor) == [(SPOT, CARRY, TradingState.HALTED), (PERP, CARRY, TradingState.HALTED)]


def test_a_finding_about_what_is_halted_already_is_told_as_such() -> None:
    floor = trading(rule(order_storm=OrderStormRule(action=RiskAction.REDUCING, orders_per_s=10.0, window_s=5.0)))
    floor.core.risk.tighten(CARRY, Stage.HALTED, "as a test")
    for orders in (0, 80):
        floor.earns(CARRY, "0", orders=orders)
        floor.look()
    assert "carry is halted already, and: it sends 16 orders a second" in floor.alerts[-1]


def refused(first: int, count: int, strategy: str = CARRY) -> DropCopy:
    records = tuple(
        OrderDenied(f"x-{number}", strategy, BTC_SPOT.id, DenyReason.PRICE_COLLAR, "", 5)
        for number in range(first, first + count)
    )
    return DropCopy(SPOT, first, records)


def test_a_burst_of_refusals_is_counted_from_the_drop_copy_each_once() -> None:
    floor = trading(rule(reject_burst=RejectBurstRule(action=RiskAction.REDUCING, count=10, window_s=20.0)))
    floor.earns(CARRY, "0")
    floor.says(SPOT, refused(1, 50))  # from before this supervisor: nobody's burst
    floor.look()
    floor.says(SPOT, refused(51, 6))
    floor.says(SPOT, refused(51, 6))  # said again
    floor.look()
    assert states(floor) == []
    floor.says(SPOT, refused(55, 6))  # 57 to 60 are new: 10 in all
    floor.look()
    assert {strategy for _, strategy, _ in states(floor)} == {CARRY}


def test_a_stale_feed_is_found_while_something_is_held() -> None:
    floor = trading(rule(stale_feed=StaleFeedRule(action=RiskAction.REDUCING, after_s=10.0)))
    floor.earns(CARRY, "0")
    floor.ask_all()
    del floor.prices[BTC_SPOT.id]
    floor.ask(SPOT)
    floor.look(15)
    assert states(floor) == [], "nothing is held"
    floor.held[CARRY, BTC_SPOT.id] = D(1)
    floor.ask(SPOT)
    floor.look(5)
    assert states(floor) == []
    floor.look(7)
    assert {strategy for _, strategy, _ in states(floor)} == {CARRY}


def test_slow_orders_are_told() -> None:
    floor = trading(rule(latency=LatencyRule(p99_ms=5.0)))
    floor.earns(CARRY, "0")
    floor.measures(SPOT, CARRY, 8_000.0)
    floor.look()
    assert floor.audits() == [("latency", CARRY, "alert")]


def test_too_much_of_one_asset_is_a_matter_of_the_cluster() -> None:
    floor = trading(rule(concentration=ConcentrationRule(action=RiskAction.REDUCING, share_max=0.6)))
    floor.held = {(CARRY, BTC_SPOT.id): D(1), (OTHER, ETH_SPOT.id): D(10)}  # 100 and 100
    floor.ask_all()
    floor.look()
    assert states(floor) == []
    floor.held[CARRY, BTC_SPOT.id] = D(2)
    floor.ask_all()
    floor.look()
    assert states(floor) == [(SPOT, "", TradingState.REDUCING), (PERP, "", TradingState.REDUCING)]


def test_what_is_held_above_a_limit_is_told() -> None:
    floor = trading()  # 10,000 for everything
    floor.earns(CARRY, "0")
    floor.held[CARRY, BTC_SPOT.id] = D(99)
    floor.ask_all()
    floor.look()
    assert floor.audits() == [("limit_passed", "", "alert")]  # 99 x 102 = 10,098
    assert "portfolio.gross_notional_max: 10098 USDT of 10000" in floor.alerts[-1]


def test_a_mismatch_tightens_everybody_who_trades_there_what_differs() -> None:
    floor = trading(rule(position_mismatch=MismatchRule(action=RiskAction.HALT)))
    floor.says(SPOT, PositionMismatch(SPOT, BTC_SPOT.id, D(1), D(2), 5))
    assert {strategy for _, strategy, _ in states(floor)} == {CARRY}
    floor.says(SPOT, PositionMismatch(SPOT, "ETH", D(1), D(2), 5))
    assert {strategy for _, strategy, _ in states(floor)} == {CARRY, OTHER}


@pytest.mark.parametrize("config", [None, RiskConfig()])
def test_a_mismatch_that_concerns_nobody_is_an_alert(config: RiskConfig | None) -> None:
    floor = trading(config)
    floor.says(SPOT, PositionMismatch(SPOT, "USDT", D(1), D(2), 5))
    assert floor.alerts[-1] == "USDT: our books say 1, spot says 2"
    assert states(floor) == []


def test_without_a_risk_config_nothing_is_watched() -> None:
    floor = trading(None)
    for profit in ("0", "-1e6"):
        floor.earns(CARRY, profit)
        floor.look()
    assert floor.audits() == []
    assert floor.status().limits == ()


def test_a_warning_about_the_portfolio_restricts_nobody() -> None:
    floor = trading()
    for profit in ("0", "-150"):
        floor.earns(OTHER, profit)
        floor.look()
    assert floor.core.risk.stage("") is Stage.WARNED
    assert states(floor) == []
    assert floor.alerts[-1].startswith("the cluster is warned: 150.00 USDT lost today")
