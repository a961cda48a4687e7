"""Links that fail: one that stalls for a while, and a reader of market data that never reads."""

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from time import sleep, time_ns

from messages.control import ProcessKind
from messages.health import ClusterStatus
from supervisor.config.default import DEFAULT_CONFIG
from supervisor.drill.books import orders_of
from supervisor.drill.cluster import DrillCluster, is_back, process_of
from supervisor.drill.fault_proxy import FaultProxy
from supervisor.drill.kill import all_run
from tests.chaos.clusters import CLUSTER, SOURCE, TOLERANT, judged_cluster
from tests.chaos.row import Row

GATEWAY, READER = "spot-a", "carry-btc"
STALL_S_MIN, STALL_S_MAX = 0.1, 30.0
EDGE_NS = 50_000_000
"""Market time is known to a few milliseconds; what is closer than this to the edge may have been on time."""
NS_PER_MS = 1_000_000
RSS_MB_MAX = 50.0
P99_RATIO_MAX = 1.2
CONSUMING_S = 20.0
EVENTS_PER_S = 1_500.0
"""Of each instrument, a hundred times the default."""

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
    """A reader that subscribes to everything and never reads, at a hundred times the rate of the market."""
    row = Row(
        fault="slow-consumer", promise=f"gateway grows by at most {RSS_MB_MAX:.0f} MB; others' p99 by at most 20 %"
    )
    config = DEFAULT_CONFIG.replace(SOURCE, SOURCE + f"events_per_second = {EVENTS_PER_S}\n")
    for number in range(1, runs + 1):
        figures = []
        for is_there in (False, True):
            with judged_cluster(row, config) as cluster:
                before = cluster.wait_for("all processes", all_run)
                with _idle_reader(cluster) if is_there else _nobody():
                    sleep(CONSUMING_S)
                    after = cluster.wait_for("the figures", lambda seen: _p99_us(seen) > 0)
                figures.append((_rss_mb(after) - _rss_mb(before), _p99_us(after)))
        (_, bare_us), (grown_mb, us) = figures
        row.note = f"grew by {grown_mb:.1f} MB; p99 {bare_us:.0f} us without it, {us:.0f} with it ({us / bare_us:.2f})"
        if grown_mb > RSS_MB_MAX:
            row.broken.append(f"the gateway grew by {grown_mb:.0f} MB")
        if us / bare_us > P99_RATIO_MAX:
            row.broken.append(f"p99 of the others only after {us / bare_us:.2f} times as long")
        row.runs = number
        tell(f"slow-consumer: {number} of {runs}, {row.note}")
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
    command = [sys.executable, "-m", "tests.chaos.idle_reader", str(cluster.paths.state_dir), GATEWAY, READER]
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
    return process_of(status, GATEWAY).rss_mb


def _p99_us(status: ClusterStatus) -> float:
    """The slowest strategy's tick to order at the gateway."""
    (gateway,) = (item for item in status.gateways if item.id == GATEWAY)
    return max((latency.p99 for latency in gateway.tick_to_order.values()), default=0.0)
