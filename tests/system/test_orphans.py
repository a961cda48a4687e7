"""A hung strategy, and nobody left to care: its gateway cancels its orders by itself. Real processes."""

import os
import signal
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import pytest

from actors.runtime.journal import read_journal
from gateways.intent_log import IntentChannel
from gateways.safety import halt_latch
from gateways.safety.halt_latch import HaltNote
from messages.codec import TO_GATEWAY
from messages.orders import CancelOrder, SubmitOrder
from supervisor.config.default import DEFAULT_CONFIG
from supervisor.drill.cluster import process_of
from tests.support.running_cluster import RunningCluster

pytestmark = pytest.mark.timeout(120)
STRATEGY, GATEWAY = "maker-eth", "spot-b"
PATIENCE_S = 10.0


def intents(cluster: RunningCluster) -> list[Any]:
    """What the gateway has sent, or was about to, of the strategy's."""
    journal = cluster.paths.journal_dir / f"gateway-{GATEWAY}"
    records = [
        TO_GATEWAY.decode(record.payload) for record in read_journal(journal) if record.channel == IntentChannel.INTENT
    ]
    return [request for request in records if request.strategy == STRATEGY]


def wait_for_silence(cluster: RunningCluster) -> list[Any]:
    deadline = monotonic() + PATIENCE_S
    while monotonic() < deadline:
        sent = intents(cluster)
        if any(isinstance(request, CancelOrder) and request.caused_by == "silent" for request in sent):
            return sent
        sleep(0.05)
    raise AssertionError(f"no cancel within {PATIENCE_S} s\n{cluster.output()}")


def test_a_hung_strategy_loses_its_orders_with_the_supervisor_dead(tmp_path: Path) -> None:
    with RunningCluster(DEFAULT_CONFIG, tmp_path) as cluster:
        status = cluster.wait_for(
            "orders of the market maker",
            lambda status: any(each.id == STRATEGY and each.open_orders for each in status.strategies),
            60.0,
        )
        os.kill(cluster.process.pid, signal.SIGKILL)  # the keeper, which would bring the supervisor back
        (supervisor,) = [each for each in cluster.processes() if "supervisor.main" in each.cmdline()]
        supervisor.kill()
        os.kill(process_of(status, STRATEGY).pid, signal.SIGSTOP)
        sent = wait_for_silence(cluster)
        cancelled = {request.client_order_id for request in sent if isinstance(request, CancelOrder)}
        ordered = {request.client_order_id for request in sent if isinstance(request, SubmitOrder)}
        assert cancelled <= ordered
        sleep(0.5)
        assert {each.client_order_id for each in intents(cluster) if isinstance(each, SubmitOrder)} == ordered


def test_a_file_halts_and_flattens_a_whole_cluster(tmp_path: Path) -> None:
    with RunningCluster(DEFAULT_CONFIG, tmp_path) as cluster:
        cluster.wait_for("positions", lambda status: any(gateway.holdings for gateway in status.gateways), 60.0)
        note = HaltNote(reason="drill", at_ns=1, by="operator", is_flattening=True)
        halt_latch.set_halt(cluster.paths.halt_file, note)
        halted = cluster.wait_for(
            "a flat and halted cluster",
            lambda status: (
                all(each.is_halted and not each.open_orders for each in status.gateways)
                and not any(cluster_positions(status))
            ),
        )
        assert all(not each.mismatches for each in halted.gateways)
        report = cluster.stop()
    venues = report["gateways"]
    # what is left is less than a lot or the venue's minimum: the ledger of the venue is the oracle
    assert all(abs(float(size)) < 0.01 for venue in venues.values() for size in venue["positions"].values()), venues


def cluster_positions(status: Any) -> list[Any]:
    """What is large enough to be traded."""
    return [size for each in status.gateways for size in each.positions.values() if abs(size) >= 0.01]
