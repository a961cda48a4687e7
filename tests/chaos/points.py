"""A gateway that dies at one exact point of an order's way, again and again: between journal, send and answer."""

from collections.abc import Callable
from random import Random
from time import monotonic, sleep

from messages.from_child import ProcessKind
from messages.health import ClusterStatus
from supervisor.drill.cluster import DrillCluster, DrillFailed
from supervisor.drill.kill import all_run
from tests.chaos.clusters import judged_cluster
from tests.chaos.patched import patched
from tests.chaos.row import Row

POINTS = {
    "journaled": "journaled, not sent",
    "sent": "sent, not answered",
    "unrecorded": "answered, the report not journaled",
    "recorded": "the report journaled, not passed on",
}
SECONDS_PER_KILL_MAX = 30.0
RECONCILED_MS_MAX = 5_000.0


def kill_at_point(point: str) -> Callable[[int, Random, Callable[[str], None]], Row]:
    """A campaign in which every gateway dies at this point after a few orders, whenever it is started."""

    def campaign(runs: int, _random: Random, tell: Callable[[str], None]) -> Row:
        row = Row(fault=f"kill-gateway-{point}", promise=f"{POINTS[point]}: never sent again, reconciled within 5 s")
        with (
            patched(OUTCRY_KILL_POINT=point) as (environment, switch),
            judged_cluster(row, environment=environment) as cluster,
        ):
            switch.touch()
            _count_kills(cluster, row, runs, tell)
            switch.unlink()
            healed_s = monotonic()
            cluster.wait_for("all gateways reconciled", _is_reconciled)
            row.worst_ms = row.median_ms = (monotonic() - healed_s) * 1e3
        if row.worst_ms > RECONCILED_MS_MAX:
            row.broken.append(f"reconciled only after {row.worst_ms:.0f} ms")
        return row

    return campaign


def _count_kills(cluster: DrillCluster, row: Row, runs: int, tell: Callable[[str], None]) -> None:
    end_s = monotonic() + SECONDS_PER_KILL_MAX * runs
    while row.runs < runs:
        sleep(0.2)
        status = cluster.status()
        if status is not None and _restarts(status) > row.runs:
            row.runs = _restarts(status)
            tell(f"{row.fault}: {row.runs} of {runs} kills")
        if monotonic() > end_s:
            raise DrillFailed(f"only {row.runs} kills\n{cluster.output()}")


def _restarts(status: ClusterStatus) -> int:
    return sum(process.restarts for process in status.processes if process.kind == ProcessKind.GATEWAY)


def _is_reconciled(status: ClusterStatus) -> bool:
    return all_run(status) and all(gateway.is_venue_up and not gateway.unknown_orders for gateway in status.gateways)
