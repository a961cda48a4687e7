"""Gateways know what to do with the position of every strategy, also of one that they did not know at their start."""

import msgspec

from gateways.spec import GatewaySpec
from messages.risk import DeathPolicy
from supervisor.actions import StartChild
from tests.supervisor.core_driver import CARRY, OTHER, SPOT
from tests.supervisor.risk.risk_floor import BTC_SPOT, ETH_SPOT, RiskFloor, trading

ADDED = "added"


def with_added(floor: RiskFloor, on_death: str = "flatten") -> RiskFloor:
    """A strategy is added to the running cluster."""
    like = floor.core.floor.children[OTHER].plan
    spec = msgspec.structs.replace(like.spec, process=ADDED, strategy=ADDED)
    added = msgspec.structs.replace(like, name=ADDED, strategy=ADDED, spec=spec, on_death=on_death)
    floor.core.floor.hire(added)
    return floor


def test_the_policy_of_a_strategy_that_was_added_is_told_with_its_lease() -> None:
    floor = with_added(trading()).ask_all()
    added, known = floor.books[SPOT].lease(ADDED, ETH_SPOT.id), floor.books[SPOT].lease(CARRY, BTC_SPOT.id)
    assert added is not None
    assert known is not None
    assert (added.on_death, known.on_death) == (DeathPolicy.FLATTEN, DeathPolicy.HOLD)


def test_the_policy_of_one_that_was_added_is_told_where_nothing_is_limited_too() -> None:
    floor = with_added(trading(None)).ask_all()
    lease = floor.books[SPOT].lease(ADDED, ETH_SPOT.id)
    assert lease is not None
    assert lease.on_death is DeathPolicy.FLATTEN


def test_a_gateway_that_is_started_again_knows_the_strategies_that_were_added_from_its_start_on() -> None:
    floor = with_added(trading(), "complete")
    floor.ends(SPOT)
    floor.pass_time(1.0)
    (started,) = [action for action in floor.of(StartChild) if action.name == SPOT]
    assert isinstance(started.spec, GatewaySpec)
    policies = {CARRY: DeathPolicy.HOLD, OTHER: DeathPolicy.HOLD, ADDED: DeathPolicy.COMPLETE}
    assert started.spec.death_policies == policies
