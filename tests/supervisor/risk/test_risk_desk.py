"""Risk as the supervisor's core has it: messages in, actions out."""

from decimal import Decimal

import msgspec
import pytest

from messages.operator import (
    CommandFinished,
    CommandRefused,
    ConfirmationNeeded,
    HaltRequest,
    SetLimitRequest,
    SetPriorityRequest,
    StrategyAction,
    StrategyActionRequest,
    UnhaltRequest,
)
from messages.risk import LeaseGrant, TradingState
from messages.to_child import Resume
from supervisor.actions import ClearLatch, SaveRegistry, SendNews
from supervisor.occurrences import Begun, Latch
from supervisor.operations.risk_port import UnknownLimit
from supervisor.registry import Registry
from supervisor.risk.stages import Stage
from tests.supervisor.core_driver import CARRY, EXCHANGE, OTHER, PERP, SPOT
from tests.supervisor.risk.risk_floor import BTC_SPOT, ETH_SPOT, LOSSES, RiskFloor, states, trading

D = Decimal


# --- leases ------------------------------------------------------------------------------------------------------


def test_a_gateway_is_answered_before_any_strategy_is_started_and_finds_its_leases() -> None:
    floor = RiskFloor(None)
    floor.begin()
    floor.ready(EXCHANGE)
    floor.register(SPOT)
    floor.ask(SPOT)
    assert floor.books[SPOT].lease(CARRY, BTC_SPOT.id) is not None
    assert floor.books[SPOT].lease(OTHER, BTC_SPOT.id) is None, "it does not trade that"
    assert not floor.started([]) and CARRY not in floor.started()


def test_a_changed_grant_is_on_the_disk_before_it_is_sent() -> None:
    floor = trading()
    asked = floor.ask(SPOT)
    kinds = [type(action) for action in asked]
    assert kinds.index(SaveRegistry) < kinds.index(SendNews)
    (grant,) = [item.news for item in floor.of(SendNews, asked)]  # type: ignore[arg-type]
    assert isinstance(grant, LeaseGrant)
    kept = floor.saved().risk.gateways[SPOT]
    assert (kept.serial, kept.leases) == (grant.serial, grant.leases)
    assert grant.ttl_ms == 1_000


def test_a_grant_that_changes_nothing_writes_nothing() -> None:
    floor = trading().ask_all()
    assert SaveRegistry not in {type(action) for action in floor.ask(SPOT)}


def test_a_new_epoch_of_a_strategy_is_told_with_the_next_lease() -> None:
    floor = trading().ask_all()
    floor.ends(CARRY)
    floor.ask(SPOT)
    lease = floor.books[SPOT].lease(CARRY, BTC_SPOT.id)
    assert lease is not None
    assert lease.epoch == 2


def test_a_strategy_in_quarantine_has_no_lease() -> None:
    floor = trading().ask_all()
    for _ in range(4):
        floor.ends(CARRY, 3)
        floor.pass_time(3)
    floor.ask(SPOT)
    assert floor.books[SPOT].lease(CARRY, BTC_SPOT.id) is None
    assert floor.books[SPOT].lease(OTHER, ETH_SPOT.id) is not None


def test_a_supervisor_that_comes_back_goes_on_from_what_it_has_saved() -> None:
    floor = trading().ask_all()
    floor.core.floor.save()
    serial = floor.books[SPOT].serial
    back = RiskFloor(LOSSES, registry=floor.saved(), first_pid=500)
    back.books, back.now_ns = floor.books, floor.now_ns
    back.begin([EXCHANGE, SPOT, PERP, CARRY, OTHER])
    for name in (SPOT, PERP, CARRY, OTHER):
        back.register(name)
    back.ask(SPOT)
    assert back.books[SPOT].serial >= serial
    assert back.books[SPOT].lease(CARRY, BTC_SPOT.id) is not None


def test_the_status_tells_the_limits_and_the_state_of_everybody() -> None:
    floor = trading()
    floor.held[CARRY, BTC_SPOT.id] = D(5)
    floor.ask_all()
    status = floor.status()
    (gross,) = status.limits
    assert gross.name == "portfolio.gross_notional_max"
    assert gross.used == pytest.approx(5 * 102)
    assert gross.used < gross.granted <= gross.max == 10_000.0
    assert status.trading_state is TradingState.ACTIVE
    floor.core.risk.tighten(CARRY, Stage.REDUCING, "as a test")
    by_name = {item.id: item.trading_state for item in floor.status().strategies}
    assert by_name == {CARRY: TradingState.REDUCING, OTHER: TradingState.ACTIVE}


# --- the operator loosens ----------------------------------------------------------------------------------------


def resume(floor: RiskFloor, strategy: str = CARRY) -> None:
    floor.actions.clear()
    request = StrategyActionRequest("r1", strategy, StrategyAction.RESUME)
    reply = floor.operator(request)
    if isinstance(reply, ConfirmationNeeded):
        floor.operator(msgspec.structs.replace(request, command_id="r2", token=reply.token))


def unhalt(floor: RiskFloor, id: str = "u") -> None:
    reply = floor.operator(UnhaltRequest(id, "seen"))
    assert isinstance(reply, ConfirmationNeeded), reply
    floor.operator(UnhaltRequest(f"{id}2", "seen", reply.token))


def test_the_operator_resumes_and_losses_are_measured_from_there() -> None:
    floor = trading()
    for profit in ("0", "-80"):
        floor.earns(CARRY, profit)
        floor.look()
    resume(floor)
    assert {(strategy, state) for _, strategy, state in states(floor)} == {(CARRY, TradingState.ACTIVE)}
    assert [name for name, _ in floor.commands(Resume)] == [CARRY]
    assert ("risk-resumed", CARRY, "") in floor.audits()
    floor.look(3)
    assert floor.core.risk.stage(CARRY) is Stage.NORMAL, "80 have been seen"
    floor.earns(CARRY, "-130")
    floor.look()
    assert floor.core.risk.stage(CARRY) is Stage.REDUCING, "50 more"


def test_what_was_under_way_to_tighten_is_not_said_again_after_the_operators_word() -> None:
    floor = trading()
    floor.core.risk.tighten(CARRY, Stage.HALTED, "as a test")
    floor.core.risk.tighten(OTHER, Stage.HALTED, "as a test")
    resume(floor)
    floor.actions.clear()
    floor.pass_time(1)
    told = {(strategy, state) for _, strategy, state in states(floor)}
    assert (CARRY, TradingState.HALTED) not in told
    assert (OTHER, TradingState.HALTED) in told, "and what holds is said until it is heard"


def test_a_reducing_cluster_is_let_go_by_unhalt_said_twice() -> None:
    floor = trading()
    floor.core.risk.tighten("", Stage.REDUCING, "as a test")
    floor.actions.clear()
    reply = floor.operator(UnhaltRequest("u1", "seen"))
    assert isinstance(reply, ConfirmationNeeded)
    assert floor.status().trading_state is TradingState.REDUCING
    reply = floor.operator(UnhaltRequest("u2", "seen", reply.token))
    assert isinstance(reply, CommandFinished)
    assert floor.status().trading_state is TradingState.ACTIVE
    assert states(floor)[-2:] == [(SPOT, "", TradingState.ACTIVE), (PERP, "", TradingState.ACTIVE)]


def test_when_the_operator_has_ended_the_halt_the_portfolio_begins_anew() -> None:
    floor = trading()
    for profit in ("0", "-300"):
        floor.earns(OTHER, profit)
        floor.look()
    unhalt(floor)
    assert floor.core.risk.stage("") is Stage.NORMAL
    floor.look(3)
    assert floor.status().trading_state is TradingState.ACTIVE


def test_to_resume_what_no_rule_has_restricted_is_nothing_to_risk() -> None:
    floor = trading()
    floor.actions.clear()
    floor.core.risk.on_resumed(CARRY)
    assert floor.actions == []


def test_a_limit_is_set_and_survives_the_supervisor() -> None:
    floor = trading().ask_all()
    reply = floor.operator(SetLimitRequest("l1", "portfolio.gross_notional_max", D(1_020)))
    assert isinstance(reply, CommandFinished)
    floor.ask_all(5)
    (gross,) = floor.status().limits
    assert gross.granted <= gross.max == 1_020.0
    floor.core.floor.save()
    back = RiskFloor(LOSSES, registry=floor.saved())
    assert back.core.risk.limit("portfolio.gross_notional_max") == D(1_020)


def test_a_limit_that_does_not_fit_any_more_is_left_out() -> None:
    registry = msgspec.structs.replace(RiskFloor(LOSSES).core._registry, limits={"portfolio.nothing": D(1)})
    floor = RiskFloor(LOSSES, registry=registry)
    assert floor.core.risk.config == LOSSES
    assert "portfolio.nothing = 1, as the operator had set it, does not hold any more" in floor.alerts[-1]
    floor = RiskFloor(None, registry=registry)
    assert floor.core.risk.config is None
    assert "there is no [risk]; set it again" in floor.alerts[-1]


def test_tiers_that_were_lowered_hold_after_a_restart_in_whatever_order_they_were_set() -> None:
    floor = trading()  # warn at 20, reducing at 50, halted at 80, flatten at 100
    path = f"strategies.{CARRY}.daily_loss"
    for number, (tier, value) in enumerate((("reducing", 30), ("halted", 40), ("warn", 5), ("reducing", 10))):
        assert floor.operator(SetLimitRequest(f"l{number}", f"{path}.{tier}", D(value))).is_ok
    assert next(iter(floor.saved().limits)).endswith("reducing"), "10 while warn is 20 would not fit"
    back = RiskFloor(LOSSES, registry=floor.saved())
    assert [back.core.risk.limit(f"{path}.{tier}") for tier in ("warn", "reducing", "halted")] == [D(5), D(10), D(40)]
    assert back.alerts == []


@pytest.mark.parametrize(
    ("path", "value"),
    [("portfolio.nothing", "5"), ("nowhere.x.gross_notional_max", "5"), ("portfolio.daily_loss.warn", "900")],
)
def test_a_limit_that_cannot_be_is_refused(path: str, value: str) -> None:
    floor = trading()
    reply = floor.operator(SetLimitRequest("l1", path, D(value)))
    if isinstance(reply, ConfirmationNeeded):
        reply = floor.operator(SetLimitRequest("l2", path, D(value), reply.token))
    assert isinstance(reply, CommandRefused)
    assert floor.core.risk.config == LOSSES


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("instruments.BTCUSD.spot.position_max", "there is no BTCUSD.spot; expected one of BTCUSDT.perp, BTCUSDT.spot"),
        ("assets.btc.gross_notional_max", "there is no btc; expected one of BTC, ETH; did you mean BTC?"),
        ("venues.spott.net_notional_max", "there is no spott; expected one of perp, spot; did you mean spot?"),
        ("strategies.cary.daily_loss.warn", "there is no cary; expected one of carry, other; did you mean carry?"),
        ("strategies.carry.position_max.BTCUSDT.spto", "there is no BTCUSDT.spto; expected one of BTCUSDT.perp"),
    ],
)
def test_a_limit_of_what_is_not_there_is_refused_with_the_nearest_name(path: str, told: str) -> None:
    floor = trading()
    reply = floor.operator(SetLimitRequest("l1", path, D(5)))
    assert isinstance(reply, CommandRefused)
    assert reply.text.startswith(f"{path}: {told}")
    assert floor.core.risk.config == LOSSES
    with pytest.raises(UnknownLimit, match="there is no"):
        floor.core.risk.set_limit(path, D(5))


def test_a_limit_of_everything_that_is_there_can_be_set() -> None:
    floor = trading()
    floor.opens()
    floor.fills(SPOT, "gone", BTC_SPOT, "1", "100")
    for number, path in enumerate(
        (
            "instruments.BTCUSDT.spot.position_max",
            "assets.ETH.gross_notional_max",
            "venues.perp.net_notional_max",
            "strategies.other.drawdown.warn",
            "strategies.carry.position_max.BTCUSDT.perp",
            "strategies.gone.daily_loss.warn",  # it holds something
        )
    ):
        assert floor.operator(SetLimitRequest(f"l{number}", path, D(5))).is_ok


def test_a_bound_of_messages_is_set_at_once_and_taken_away_when_confirmed() -> None:
    floor, path = trading(), f"strategies.{CARRY}.messages_per_s"
    assert floor.operator(SetLimitRequest("l0", path, D(0))).is_ok, "there is no bound already"
    assert floor.operator(SetLimitRequest("l1", path, D(10))).is_ok, "the first bound"
    assert floor.operator(SetLimitRequest("l2", path, D(5))).is_ok
    assert isinstance(floor.operator(SetLimitRequest("l3", path, D(7))), ConfirmationNeeded)
    reply = floor.operator(SetLimitRequest("l4", path, D(0)))
    assert isinstance(reply, ConfirmationNeeded)
    assert reply.text == f"{path} was 5.0, and 0 is no bound at all"
    assert floor.core.risk.limit(path) == 5
    assert floor.operator(SetLimitRequest("l5", path, D(0), reply.token)).is_ok
    assert floor.core.risk.limit(path) == 0


def test_a_limit_of_notional_of_nothing_is_the_tightest_there_is() -> None:
    floor = trading()
    assert floor.operator(SetLimitRequest("l1", "portfolio.gross_notional_max", D(0))).is_ok
    assert isinstance(floor.operator(SetLimitRequest("l2", "portfolio.gross_notional_max", D(1))), ConfirmationNeeded)


def test_without_a_risk_config_there_is_no_limit_to_set() -> None:
    reply = trading(None).operator(SetLimitRequest("l1", "portfolio.gross_notional_max", D(5)))
    assert isinstance(reply, CommandRefused)
    assert "no [risk]" in reply.text


def test_a_priority_counts_from_the_next_grant() -> None:
    floor = trading().ask_all()
    floor.operator(SetPriorityRequest("p1", CARRY, 10))
    floor.ask(SPOT)
    lease = floor.books[SPOT].lease(CARRY, BTC_SPOT.id)
    assert lease is not None
    assert lease.priority == 10


# --- older words and newer ones ----------------------------------------------------------------------------------


def last_state(floor: RiskFloor, gateway: str, strategy: str, asked: object = None) -> TradingState:
    """What a gateway was told last of a strategy, or of itself."""
    return [state for name, subject, state in states(floor, asked) if (name, subject) == (gateway, strategy)][-1]


def come_back(before: RiskFloor, registry: Registry | None = None, latch: Latch | None = None) -> RiskFloor:
    """The next supervisor, of a cluster of which everything lives."""
    back = RiskFloor(LOSSES, registry=registry or before.saved(), first_pid=500)
    back.now_ns = before.now_ns
    back.tell(Begun(frozenset({EXCHANGE, SPOT, PERP, CARRY, OTHER}), latch=latch))
    return back


def test_a_rule_ends_a_resume_that_a_gateway_which_is_away_has_not_heard() -> None:
    floor = trading()
    floor.core.risk.tighten(CARRY, Stage.REDUCING, "as a test")
    floor.ends(SPOT)
    resume(floor)
    floor.core.risk.tighten(CARRY, Stage.HALTED, "again")
    assert last_state(floor, SPOT, CARRY, floor.ready(SPOT)) is TradingState.HALTED
    floor.actions.clear()
    floor.pass_time(1)
    assert TradingState.ACTIVE not in {state for _, strategy, state in states(floor) if strategy == CARRY}
    ended = floor.operator(StrategyActionRequest("r1", CARRY, StrategyAction.RESUME))
    assert isinstance(ended, CommandFinished)
    assert not ended.is_ok
    assert "a risk rule has restricted carry meanwhile" in ended.text


def test_a_warning_does_not_end_a_resume() -> None:
    floor = trading()
    resume(floor)
    floor.core.risk.tighten(CARRY, Stage.WARNED, "as a test")
    ended = floor.operator(StrategyActionRequest("r1", CARRY, StrategyAction.RESUME))
    assert not isinstance(ended, CommandFinished), "under way"


def test_what_was_under_way_to_loosen_is_not_said_again_after_a_rule_has_tightened() -> None:
    floor = trading()
    floor.core.risk.tighten("", Stage.REDUCING, "as a test")
    unhalt(floor)
    floor.core.risk.tighten("", Stage.REDUCING, "again")
    floor.actions.clear()
    floor.pass_time(1)
    assert {state for _, subject, state in states(floor) if not subject} == {TradingState.REDUCING}


def test_a_resume_that_a_rule_has_ended_does_not_begin_again_under_the_next_supervisor() -> None:
    floor = trading()
    floor.core.risk.tighten(CARRY, Stage.REDUCING, "as a test")
    resume(floor)
    asked = len(floor.actions)
    floor.core.risk.tighten(CARRY, Stage.HALTED, "again")
    floor.actions += floor.core.floor.actions
    saves = floor.of(SaveRegistry, floor.actions[asked:])
    stricter = [save.registry for save in saves if save.registry.risk.states.get(CARRY)]
    assert [registry.jobs for registry in stricter] == [()] * len(stricter), "gone with the first that has the state"
    back = come_back(floor, stricter[0])
    assert back.core.risk.stage(CARRY) is Stage.HALTED
    assert last_state(back, SPOT, CARRY, back.ready(SPOT)) is TradingState.HALTED


def test_a_halt_by_a_rule_is_in_force_after_a_death_at_any_moment_of_it() -> None:
    floor = trading()
    for profit in ("0", "-300"):
        floor.earns(OTHER, profit)
        floor.actions.clear()
        floor.look()
    saves = [save.registry for save in floor.of(SaveRegistry)]
    assert any(save.run.is_halted for save in saves)
    assert all(save.run.is_halted == ("" in save.risk.states) for save in saves), "both in one save"
    for kept in saves:
        back = come_back(floor, kept)
        back.look()
        is_halted = back.core.floor.run.is_halted
        assert is_halted == (back.core.risk.stage("") is Stage.HALTED)
        assert is_halted or "" not in kept.risk.states


def test_a_supervisor_that_finds_a_stage_without_its_halt_halts() -> None:
    floor = trading()
    floor.core.risk.tighten("", Stage.FLATTENED, "as a test")
    floor.core.floor.save()
    floor.actions += floor.core.floor.actions
    kept = floor.saved()
    back = come_back(floor, msgspec.structs.replace(kept, run=msgspec.structs.replace(kept.run, is_halted=False)))
    assert back.core.floor.run.is_halted
    assert back.core.floor.run.is_flattening
    back.look()
    assert back.core.risk.stage("") is Stage.FLATTENED, "nobody has ended it"


def test_an_unhalt_ends_the_stage_of_the_cluster_in_the_same_save() -> None:
    floor = trading()
    for profit in ("0", "-300"):
        floor.earns(OTHER, profit)
        floor.look()
    floor.actions.clear()
    unhalt(floor)
    kept = [save.registry for save in floor.of(SaveRegistry)]
    assert {(save.run.is_halted, "" in save.risk.states) for save in kept} == {(False, False)}


def test_a_halt_that_is_ended_while_nothing_runs_ends_the_stage_of_the_cluster_and_of_nobody_else() -> None:
    floor = trading()
    floor.core.risk.tighten("", Stage.HALTED, "as a test")
    floor.core.risk.tighten(CARRY, Stage.HALTED, "as a test")
    floor.actions += floor.core.floor.actions
    assert set(floor.saved().without_halt().risk.states) == {CARRY}


def test_a_gateway_that_was_away_when_a_restriction_of_the_cluster_ended_is_told_so() -> None:
    floor = trading()
    floor.core.risk.tighten("", Stage.REDUCING, "as a test")
    floor.ends(SPOT)
    unhalt(floor)
    assert last_state(floor, SPOT, "", floor.ready(SPOT)) is TradingState.ACTIVE


def test_a_gateway_that_came_back_into_a_halt_is_told_at_its_end_that_no_older_restriction_holds() -> None:
    floor = trading()
    floor.core.risk.tighten("", Stage.REDUCING, "as a test")
    floor.ends(SPOT)
    unhalt(floor)
    floor.operator(HaltRequest("h", "storm"))
    floor.ready(SPOT)
    floor.actions.clear()
    unhalt(floor, "v")
    assert last_state(floor, SPOT, "") is TradingState.ACTIVE


def test_a_gateway_is_not_told_that_the_cluster_is_free_while_it_is_not() -> None:
    floor = trading()
    floor.core.risk.tighten("", Stage.REDUCING, "as a test")
    floor.ends(SPOT)
    assert last_state(floor, SPOT, "", floor.ready(SPOT)) is TradingState.REDUCING
    floor.core.risk.tighten("", Stage.HALTED, "as a test")
    floor.ends(SPOT)
    floor.pass_time(1)
    assert not [subject for _, subject, _ in states(floor, floor.ready(SPOT)) if not subject]


def test_a_latch_that_was_set_while_there_was_no_supervisor_outlives_an_unhalt_that_was_under_way() -> None:
    floor = trading()
    floor.operator(HaltRequest("h", "storm"))
    unhalt(floor)
    assert floor.saved().jobs
    back = come_back(floor, latch=Latch("by hand"))
    assert back.core.floor.run.halt_reason == "by hand"
    assert back.of(ClearLatch) == []
    ended = back.operator(UnhaltRequest("u2", "seen"))
    assert ended == CommandFinished("u2", is_ok=False, text="the cluster was halted again meanwhile")
    assert back.core.floor.run.is_halted


def test_a_supervisor_that_is_back_raises_no_lease_before_it_has_heard_every_gateway_that_lives() -> None:
    floor = trading().ask_all()
    floor.core.floor.save()
    floor.actions += floor.core.floor.actions
    kept = floor.saved()
    back = come_back(floor, msgspec.structs.replace(kept, risk=msgspec.structs.replace(kept.risk, gateways={})))
    for name in (SPOT, PERP, CARRY, OTHER):
        back.register(name)
    back.ask(SPOT)
    lease = back.books[SPOT].lease(CARRY, BTC_SPOT.id)
    assert lease is not None
    assert lease.long_max == 0
    back.ask_all(6)
    lease = back.books[SPOT].lease(CARRY, BTC_SPOT.id)
    assert lease is not None
    assert lease.long_max > 0


# --- over the end of a run ---------------------------------------------------------------------------------------


def test_a_run_that_did_not_end_in_good_order_leaves_its_restrictions_to_the_next() -> None:
    floor = trading().ask_all()
    floor.core.risk.tighten(CARRY, Stage.HALTED, "as a test")
    floor.look()
    left = floor.saved()
    assert left.without_run(keeps_halt=True).risk.states == left.risk.states
    assert not left.without_run(keeps_halt=False).risk.states


def test_what_is_out_is_remembered_over_the_end_of_a_run_for_positions_may_outlive_it() -> None:
    floor = trading().ask_all()
    left = floor.saved().without_run(keeps_halt=False)
    assert left.risk.gateways == floor.saved().risk.gateways
    floor = RiskFloor(LOSSES, registry=left)
    floor.begin()
    floor.ready(EXCHANGE)
    floor.register(SPOT)
    before = left.risk.gateways[PERP].outs
    floor.ask(SPOT)
    (gross,) = floor.status().limits
    assert gross.granted > 0
    assert floor.core.risk.leases.records()[PERP].outs == before, "nothing was heard of the other one yet"


def test_a_new_run_measures_losses_anew() -> None:
    floor = trading()
    floor.earns(CARRY, "500")
    floor.look(32)
    again = RiskFloor(LOSSES, registry=floor.saved(), first_pid=500)
    again.trading()
    again.earns(CARRY, "0")
    again.look()
    assert again.core.risk.stage(CARRY) is Stage.NORMAL, "its profit began anew: that is no loss of 500"
