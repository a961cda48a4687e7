"""From a config to the children of a cluster: who runs, with which sockets, and what each of them is told. Pure."""

import hashlib
import sys
from collections import Counter
from collections.abc import Iterable
from typing import Final

import msgspec

from actors.runtime.spec import GatewayEndpoints, HostSpec, KeyFiles
from actors.runtime.strategy_kinds import strategy_class
from gateways.exchange.spec import ExchangeSpec, RecordedSourceSpec
from gateways.spec import GatewaySpec
from messages.from_child import ProcessKind
from messages.orders import is_forced, order_tag
from supervisor.child_spec import CHILDREN_SOCKET, EXCHANGE, ChildPlan, ClusterPlan, Restart, RestartPolicy
from supervisor.config import Config, GatewayConfig, StrategyConfig, instruments, venue_specs
from supervisor.keys import children_server, key_files
from supervisor.paths import ClusterPaths

TAG_LENGTH: Final = 8
UNIQUE_TAG_LENGTH: Final = 4


def plan_cluster(config: Config, paths: ClusterPaths) -> ClusterPlan:
    """Lay out the processes of a cluster."""
    planner = _Planner(config, paths)
    cluster = config.cluster
    return ClusterPlan(
        cluster=cluster.name,
        children=(*planner.exchange(), *planner.gateways(), *planner.strategies()),
        policy=RestartPolicy(
            restarts_max=cluster.restarts_max,
            period_s=cluster.restart_period_s,
            backoff_min_s=cluster.backoff_min_s,
            backoff_max_s=cluster.backoff_max_s,
        ),
        heartbeat_timeout_ms=cluster.heartbeat_timeout_ms,
        drain_deadline_ms=cluster.drain_deadline_ms,
        stop_deadline_ms=cluster.stop_deadline_ms,
        risk=config.risk,
        lease_ttl_ms=cluster.lease_ttl_ms,
    )


class _Planner:
    def __init__(self, config: Config, paths: ClusterPaths) -> None:
        self._config = config
        self._paths = paths
        self._instruments = instruments(config)
        self._gateways = {gateway.id: gateway for gateway in config.gateways}
        self._enabled = [strategy for strategy in config.strategies if strategy.enabled]
        self._prefixes = order_prefixes(config.cluster.name, [strategy.id for strategy in config.strategies])
        self._supervisor = paths.endpoint(CHILDREN_SOCKET)

    def exchange(self) -> tuple[ChildPlan, ...]:
        """The process of all simulated venues; nothing where there are none."""
        venues = venue_specs(self._config)
        if not venues:
            return ()
        spec = ExchangeSpec(
            process=EXCHANGE,
            cluster=self._config.cluster.name,
            supervisor_endpoint=self._supervisor,
            heartbeat_interval_ms=self._config.cluster.heartbeat_interval_ms,
            is_lossless=any(is_lossless(gateway) for gateway in self._config.gateways),
            keys=self._keys(EXCHANGE, {}),
            venues=venues,
            orders_endpoint=self._paths.endpoint(f"{EXCHANGE}.orders"),
            data_endpoints={venue.id: self._venue_data_endpoint(venue.id) for venue in venues},
        )
        command = (sys.executable, "-m", "gateways.exchange")
        kind = ProcessKind.EXCHANGE
        return (ChildPlan(name=EXCHANGE, kind=kind, restart=Restart.TEMPORARY, command=command, spec=spec),)

    def gateways(self) -> Iterable[ChildPlan]:
        for gateway in self._config.gateways:
            endpoints = self._endpoints(gateway.id)
            spec = GatewaySpec(
                process=gateway.id,
                cluster=self._config.cluster.name,
                supervisor_endpoint=self._supervisor,
                heartbeat_interval_ms=self._config.cluster.heartbeat_interval_ms,
                cpus=gateway.cpus,
                is_lossless=is_lossless(gateway),
                keys=self._keys(gateway.id, self._exchange_endpoints(gateway.id)),
                venue=gateway.id,
                instruments=tuple(item for item in self._instruments.values() if item.venue == gateway.id),
                orders_endpoint=endpoints.orders,
                market_data_endpoint=endpoints.market_data,
                venue_orders_endpoint=self._paths.endpoint(f"{EXCHANGE}.orders"),
                venue_data_endpoint=self._venue_data_endpoint(gateway.id),
                journal_dir=str(self._paths.journal_dir / f"gateway-{gateway.id}"),
                control_endpoint=self._paths.control_endpoint(gateway.id),
                halt_file=str(self._paths.halt_file),
                lease_ttl_ms=self._config.cluster.lease_ttl_ms,
                order_prefix=f"{cluster_tag(self._config.cluster.name)}-",
                death_policies={strategy.id: strategy.on_death for strategy in self._enabled},
                rate_limits=gateway.rate_limits,
                checks=gateway.checks,
                is_leased=not is_lossless(gateway),  # as fast as possible is no time that a lease could be measured in
            )
            command = (sys.executable, "-m", "gateways")
            yield ChildPlan(
                name=gateway.id, kind=ProcessKind.GATEWAY, restart=Restart.PERMANENT, command=command, spec=spec
            )

    def strategies(self) -> Iterable[ChildPlan]:
        for strategy in self._enabled:
            yield ChildPlan(
                name=strategy.id,
                kind=ProcessKind.STRATEGY,
                restart=Restart.TRANSIENT,
                command=(sys.executable, "-m", "actors.runtime.host"),
                spec=self._host_spec(strategy),
                strategy=strategy.id,
                strategy_kind=strategy.kind,
                priority=strategy.priority,
                on_death=strategy.on_death.value,
            )

    def _host_spec(self, strategy: StrategyConfig) -> HostSpec:
        names = strategy_class(strategy.kind).instrument_ids(strategy.parameters)
        traded = tuple(self._instruments[name] for name in dict.fromkeys(names))
        venues = dict.fromkeys(instrument.venue for instrument in traded)
        return HostSpec(
            process=strategy.id,
            cluster=self._config.cluster.name,
            supervisor_endpoint=self._supervisor,
            heartbeat_interval_ms=self._config.cluster.heartbeat_interval_ms,
            cpus=strategy.cpus,
            is_lossless=any(is_lossless(self._gateways[venue]) for venue in venues),
            keys=self._keys(strategy.id, {end: id for id in venues for end in self._gateway_endpoints(id)}),
            strategy=strategy.id,
            kind=strategy.kind,
            epoch=0,
            order_prefix=self._prefixes[strategy.id],
            parameters=msgspec.to_builtins(strategy.parameters, str_keys=True),
            instruments=traded,
            gateways={venue: self._endpoints(venue) for venue in venues},
            journal_dir=str(self._paths.journal_dir / f"strategy-{strategy.id}"),
        )

    def _keys(self, name: str, servers: dict[str, str]) -> KeyFiles | None:
        """Where a child finds its keys. :param servers: whom it connects to, beside the supervisor, by endpoint."""
        if not self._config.cluster.curve:
            return None
        return key_files(self._paths, name, children_server(self._paths) | servers)

    def _gateway_endpoints(self, gateway: str) -> tuple[str, ...]:
        """What a strategy connects to."""
        ends = self._endpoints(gateway)
        return (ends.orders, ends.market_data)

    def _exchange_endpoints(self, gateway: str) -> dict[str, str]:
        """What a gateway connects to."""
        ends = (self._paths.endpoint(f"{EXCHANGE}.orders"), self._venue_data_endpoint(gateway))
        return dict.fromkeys(ends, EXCHANGE)

    def _endpoints(self, gateway: str) -> GatewayEndpoints:
        return GatewayEndpoints(
            orders=self._paths.endpoint(f"{gateway}.orders"), market_data=self._paths.endpoint(f"{gateway}.market")
        )

    def _venue_data_endpoint(self, venue: str) -> str:
        return self._paths.endpoint(f"{EXCHANGE}.{venue}.market")


def is_lossless(gateway: GatewayConfig) -> bool:
    """Whether its source waits for the slowest reader and may lose nothing."""
    return isinstance(gateway.source, RecordedSourceSpec) and gateway.source.speed == 0


def order_prefixes(cluster: str, strategies: Iterable[str]) -> dict[str, str]:
    """The opening of each strategy's order ids: the tags of cluster and strategy, different for each strategy.

    Where the tags of two strategies are alike, a digest of the id takes the place of their second half.
    """
    ids = list(strategies)
    counts = Counter(order_tag(id) for id in ids)
    return {id: f"{cluster_tag(cluster)}-{_tag(id, is_shared=counts[order_tag(id)] > 1)}" for id in ids}


def cluster_tag(cluster: str) -> str:
    """The opening of all order ids of a cluster: never that of orders in which no strategy has a hand."""
    tag = order_tag(cluster)
    return f"c{order_tag(cluster, TAG_LENGTH - 1)}" if is_forced(f"{tag}-") else tag


def _tag(strategy: str, *, is_shared: bool) -> str:
    if not is_shared:
        return order_tag(strategy)
    digest = hashlib.sha256(strategy.encode()).hexdigest()[:UNIQUE_TAG_LENGTH]
    return f"{order_tag(strategy, UNIQUE_TAG_LENGTH)}{digest}"
