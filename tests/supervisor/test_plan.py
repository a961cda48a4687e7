"""From a config to the processes of a cluster."""

import sys
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from actors.runtime.spec import GatewayEndpoints, HostSpec
from gateways.exchange.spec import ExchangeSpec, RecordedSourceSpec
from gateways.spec import GatewaySpec
from messages.from_child import ProcessKind
from messages.orders import client_order_id, is_forced
from messages.risk import DeathPolicy
from supervisor.child_spec import ChildPlan, ClusterPlan, Restart
from supervisor.config import Config, load
from supervisor.paths import ClusterPaths
from supervisor.plan import cluster_tag, order_prefixes, plan_cluster
from tests.support.carry_cluster import CARRY_CLUSTER


@pytest.fixture
def paths(tmp_path: Path) -> ClusterPaths:
    return ClusterPaths(tmp_path / "state")


def planned(paths: ClusterPaths, config: Config | None = None) -> ClusterPlan:
    return plan_cluster(config or load(CARRY_CLUSTER), paths)


def one(plan: ClusterPlan, name: str) -> ChildPlan:
    return next(child for child in plan.children if child.name == name)


def test_the_embedded_cluster_has_an_exchange_its_gateways_and_its_strategies_in_the_order_of_their_start(
    paths: ClusterPaths,
) -> None:
    config = load(CARRY_CLUSTER)
    plan = planned(paths)
    assert plan.cluster == config.cluster.name
    assert [(child.name, child.kind, child.restart) for child in plan.children] == [
        ("exchange", ProcessKind.EXCHANGE, Restart.TEMPORARY),
        *((gateway.id, ProcessKind.GATEWAY, Restart.PERMANENT) for gateway in config.gateways),
        *((strategy.id, ProcessKind.STRATEGY, Restart.TRANSIENT) for strategy in config.strategies),
    ]
    assert {child.command for child in plan.children} == {
        (sys.executable, "-m", "gateways.exchange"),
        (sys.executable, "-m", "gateways"),
        (sys.executable, "-m", "actors.runtime.host"),
    }


def test_both_ends_of_every_link_are_told_the_same_endpoint(paths: ClusterPaths) -> None:
    plan = planned(paths)
    exchange, gateway, host = one(plan, "exchange").spec, one(plan, "spot").spec, one(plan, "carry-btc").spec
    assert isinstance(exchange, ExchangeSpec)
    assert isinstance(gateway, GatewaySpec)
    assert isinstance(host, HostSpec)
    assert gateway.venue_orders_endpoint == exchange.orders_endpoint
    assert gateway.venue_data_endpoint == exchange.data_endpoints["spot"]
    assert host.gateways["spot"] == GatewayEndpoints(gateway.orders_endpoint, gateway.market_data_endpoint)
    assert {child.spec.supervisor_endpoint for child in plan.children} == {paths.endpoint("children")}
    endpoints = [exchange.orders_endpoint, *exchange.data_endpoints.values()]
    endpoints += [end for link in host.gateways.values() for end in (link.orders, link.market_data)]
    assert len(set(endpoints)) == 1 + 2 + 2 * 2


def test_a_host_knows_the_instruments_and_gateways_that_its_strategy_trades_and_no_others(
    paths: ClusterPaths,
) -> None:
    plan = planned(paths)
    host, gateway = one(plan, "carry-btc").spec, one(plan, "perp").spec
    assert isinstance(host, HostSpec)
    assert isinstance(gateway, GatewaySpec)
    assert [instrument.id for instrument in host.instruments] == ["BTCUSDT.spot", "BTCUSDT.perp"]
    assert set(host.gateways) == {"spot", "perp"}
    assert [instrument.id for instrument in gateway.instruments] == ["BTCUSDT.perp"]
    assert host.kind == one(plan, "carry-btc").strategy_kind == "spot-futures"
    assert Decimal(host.parameters["notional"]) == 10_000


def test_every_spec_survives_its_file(paths: ClusterPaths) -> None:
    for child in planned(paths).children:
        assert msgspec.json.decode(msgspec.json.encode(child.spec), type=type(child.spec)) == child.spec


def test_journals_of_different_processes_do_not_meet(paths: ClusterPaths) -> None:
    plan = planned(paths)
    folders = [child.spec.journal_dir for child in plan.children if isinstance(child.spec, GatewaySpec | HostSpec)]
    assert len(set(folders)) == 3
    assert all(Path(folder).parent == paths.journal_dir for folder in folders)


def test_deadlines_and_restart_policy_come_from_the_config(paths: ClusterPaths) -> None:
    settings = (
        "heartbeat_interval_ms = 50\nheartbeat_timeout_ms = 500\nrestarts_max = 7\nrestart_period_s = 5\n"
        "backoff_min_s = 0.1\nbackoff_max_s = 2\ndrain_deadline_ms = 11\nstop_deadline_ms = 12\n"
    )
    config = load(CARRY_CLUSTER.replace("[cluster]\n", f"[cluster]\n{settings}"))
    plan = planned(paths, config)
    policy = plan.policy
    assert (policy.restarts_max, policy.period_s, policy.backoff_min_s, policy.backoff_max_s) == (7, 5.0, 0.1, 2.0)
    assert (plan.heartbeat_timeout_ms, plan.drain_deadline_ms, plan.stop_deadline_ms) == (500, 11, 12)
    assert {child.spec.heartbeat_interval_ms for child in plan.children} == {50}


def test_a_disabled_strategy_is_not_started(paths: ClusterPaths) -> None:
    config = load(CARRY_CLUSTER.replace('kind = "spot-futures"', 'kind = "spot-futures"\nenabled = false'))
    assert ProcessKind.STRATEGY not in {child.kind for child in planned(paths, config).children}


def test_a_source_of_speed_0_makes_everything_that_reads_from_it_lossless(paths: ClusterPaths) -> None:
    config = load(CARRY_CLUSTER)
    source = RecordedSourceSpec(format="binance-stream", market="spot", files=("spot.gz",), speed=0.0)
    gateways = (msgspec.structs.replace(config.gateways[0], source=source), *config.gateways[1:])
    plan = planned(paths, msgspec.structs.replace(config, gateways=gateways))
    assert {child.name: child.spec.is_lossless for child in plan.children} == {
        "exchange": True,
        "spot": True,
        "perp": False,
        "carry-btc": True,
    }


def test_strategies_with_like_names_have_order_ids_of_their_own() -> None:
    prefixes = order_prefixes("recorded-carry", ["carry-btc-1", "carry-btc-2", "calendar"])
    assert prefixes["calendar"] == "recorded-calendar"
    assert len(set(prefixes.values())) == 3
    longest = f"{prefixes['carry-btc-1']}-e99999-999999"
    assert len(longest) <= 32  # 8 + 1 + 8 letters of prefix leave 15 for epoch and number
    assert order_prefixes("desk", ["carry"])["carry"] + "-e3-7" == client_order_id("desk", "carry", 3, 7)


def test_no_exchange_is_planned_where_no_venue_is_simulated(paths: ClusterPaths) -> None:
    config = msgspec.structs.replace(load(CARRY_CLUSTER), gateways=(), strategies=())
    assert planned(paths, config).children == ()


def test_a_gateway_is_told_how_it_is_halted_and_what_becomes_of_the_dead(paths: ClusterPaths) -> None:
    text = CARRY_CLUSTER.replace("[cluster]", "[cluster]\nlease_ttl_ms = 700", 1)
    text = text.replace("[[strategies]]", '[[strategies]]\non_death = "flatten"', 1)
    plan = plan_cluster(load(text), paths)
    specs = [child.spec for child in plan.children if isinstance(child.spec, GatewaySpec)]
    assert specs
    for spec in specs:
        assert spec.control_endpoint == paths.control_endpoint(spec.venue) != spec.orders_endpoint
        assert spec.halt_file == str(paths.state_dir / "halt.json"), "one for all"
        assert spec.lease_ttl_ms == 700
        assert DeathPolicy.FLATTEN in spec.death_policies.values()


def test_order_ids_of_a_cluster_cannot_pass_for_those_that_no_strategy_made() -> None:
    for name in ("flatten", "autoclose", "flatten-everything"):
        prefix = order_prefixes(name, ["carry"])["carry"]
        assert not is_forced(f"{prefix}-e1-1")
        assert prefix.startswith(f"{cluster_tag(name)}-")
    assert cluster_tag("desk") == "desk"
