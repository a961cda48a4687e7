"""Links that fail: one that stalls for a while, and a reader of market data that never reads."""

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from statistics import median
from time import sleep, time_ns

from messages.from_child import ProcessKind
from messages.health import ClusterStatus
from supervisor.config.default import DEFAULT_CONFIG
from supervisor.drill.books import orders_of
from supervisor.drill.cluster import DrillCluster, is_back, process_of
from supervisor.drill.fault_proxy import FaultProxy
from supervisor.drill.kill import all_run
from tests.chaos.clusters import CLUSTER, TOLERANT, judged_cluster
from tests.chaos.row import Row

GATEWAY = "spot-a"
STALL_S_MIN, STALL_S_MAX = 0.1, 30.0
EDGE_NS = 50_000_000
"""Market time is known to a few milliseconds; what is closer than this to the edge may have been on time."""
NS_PER_MS = 1_000_000
RSS_MB_MAX = 50.0
P99_RATIO_MAX = 1.2
CONSUMING_S = 20.0
EVENTS_PER_S = 1_500.0
"""A hundred times the default."""
MAKER_GATEWAY, MAKER = "spot", "maker"
MAKER_ALONE = f"""
[cluster]
name = "alone"

[[gateways]]
id = "{MAKER_GATEWAY}"
kind = "simulated"
latency_ms = 5
balances = {{ USDT = "200000", ETH = "50" }}

[gateways.source]
kind = "synthetic"
seed = 1
profiles.ETHUSDT = {{ spread_bps = 8.0, events_per_second = {EVENTS_PER_S}, level_notional = 10000.0 }}

[[gateways.instruments]]
symbol = "ETHUSDT"
type = "spot"
base = "ETH"
quote = "USDT"
tick_size = "0.01"
lot_size = "0.0001"
min_notional = "5"
maker_fee_bps = 0.0
taker_fee_bps = 1.0

[[strategies]]
id = "{MAKER}"
kind = "market-making"

[strategies.parameters]
instrument = "ETHUSDT.{MAKER_GATEWAY}"
order_size = "0.5"
inventory_max = "5"
opening_inventory = "20"
levels = 2
target_spread_bps = 4.0
min_spread_bps = 2.0
min_profit_bps = 0.2

[risk.prices]
"ETHUSDT.{MAKER_GATEWAY}" = "3000"
"""

Tell = Callable[[str], None]


def link_stall(runs: int, random: Random, tell: Tell) -> Row:
    """Nothing moves between the strategies and one gateway for 0.1 to 30 s, and then all of it does."""
    row = Row(fault="link-stall", promise="orders that have expired do not reach the venue; nothing lost or doubled")
    with judged_cluster(row, DEFAULT_CONFIG.replace(CLUSTER, TOLERANT, 1)) as cluster:
        path = cluster.paths.socket_path(f"{GATEWAY}.orders")
        with FaultProxy.in_place_of(path) as proxy:
            _reconnect(cluster)
            while row.runs < runs:
                seconds = math.exp(random.uniform(math.log(STALL_S_MIN), math.log(STALL_S_MAX)))
                sleep(random.uniform(0.5, 2.0))
                began_ns = time_ns()
                proxy.stall(seconds)
                sleep(seconds + 1.0)
                late = list(_expired_orders(cluster, began_ns, began_ns + int(seconds * 1e9)))
                row.broken += [f"{order} had expired and reached the venue" for order in late]
                row.runs += 1
                tell(f"link-stall: {row.runs} of {runs}, {seconds:.1f} s")
        _reconnect(cluster)
    return row


def slow_consumer(runs: int, _random: Random, tell: Tell) -> Row:
    """A reader that subscribes to everything and never reads, at a hundred times the rate of the market.

    One venue and one strategy, so that it is the reader that is measured and not two cores too few for everybody: as
    many clusters with it as without, in turns, each as long as the other.
    """
    row = Row(
        fault="slow-consumer", promise=f"gateway grows by at most {RSS_MB_MAX:.0f} MB; others' p99 by at most 20 %"
    )
    grown: list[float] = []
    p99_us: dict[bool, list[float]] = {False: [], True: []}
    for number in range(1, runs + 1):
        for is_there in (False, True):
            with judged_cluster(row, MAKER_ALONE) as cluster:
                before = cluster.wait_for("all processes", all_run)
                with _idle_reader(cluster) if is_there else _nobody():
                    sleep(CONSUMING_S)
                    after = cluster.wait_for("the figures", lambda seen: _p99_us(seen) > 0)
            p99_us[is_there].append(_p99_us(after))
            if is_there:
                grown.append(_rss_mb(after) - _rss_mb(before))
        row.runs = number
        without, with_it = p99_us[False][-1], p99_us[True][-1]
        tell(f"slow-consumer: {number} of {runs}, p99 {without:.0f} us without it, {with_it:.0f} with it")
    bare_us, us = median(p99_us[False]), median(p99_us[True])
    row.note = f"grew by {max(grown):.1f} MB; p99 {bare_us:.0f} us without it, {us:.0f} with it ({us / bare_us:.2f})"
    if max(grown) > RSS_MB_MAX:
        row.broken.append(f"the gateway grew by {max(grown):.0f} MB")
    if us / bare_us > P99_RATIO_MAX:
        row.broken.append(f"p99 of the others only after {us / bare_us:.2f} times as long")
    return row


def _reconnect(cluster: DrillCluster) -> None:
    """Have every strategy connect anew: through the proxy, or past one that has gone."""
    for process in cluster.wait_for("all processes", all_run).processes:
        if process.kind == ProcessKind.STRATEGY:
            cluster.kill(process.pid)
            cluster.wait_for(f"{process.name} again", is_back(process.name, process.pid))


def _expired_orders(cluster: DrillCluster, began_ns: int, ended_ns: int) -> Iterator[str]:
    """Orders that were decided while nothing moved, and whose time was over before it did again."""
    for order in orders_of(cluster.paths.journal_dir, GATEWAY):
        expired_ns = order.ts_created + order.valid_for_ms * NS_PER_MS
        if order.ts_created > began_ns + EDGE_NS and expired_ns < ended_ns - EDGE_NS:
            yield order.client_order_id


@contextmanager
def _idle_reader(cluster: DrillCluster) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.chaos.idle_reader", str(cluster.paths.state_dir), MAKER_GATEWAY, MAKER]
    reader = subprocess.Popen(command)
    try:
        yield
    finally:
        reader.kill()
        reader.wait()


@contextmanager
def _nobody() -> Iterator[None]:
    yield


def _rss_mb(status: ClusterStatus) -> float:
    return process_of(status, MAKER_GATEWAY).rss_mb


def _p99_us(status: ClusterStatus) -> float:
    """The slowest strategy's tick to order at the gateway."""
    (gateway,) = (item for item in status.gateways if item.id == MAKER_GATEWAY)
    return max((latency.p99 for latency in gateway.tick_to_order.values()), default=0.0)
