"""The faults of the drills: what is done to the cluster, and what must then be so. Each leaves the cluster trading."""

import resource
import signal
from collections.abc import Callable
from time import monotonic, sleep, time, time_ns
from typing import Final

import psutil

from messages.health import ClusterStatus, GatewayStatus, ProcessStatus
from messages.orders import DenyReason
from supervisor.drill.books import increasing_orders, orders_of
from supervisor.drill.cluster import DrillFailed, fills_of, is_back, process_of, strategy_of
from supervisor.drill.fault_proxy import FaultProxy
from supervisor.drill.kill import await_next
from supervisor.drill.stage import Stage, journal_bytes
from supervisor.drill.zombie import old_link, send_stale_orders

BUSY_DEADLINE_S: Final = 30.0
MORE_FILLS: Final = 2
SUPERVISOR: Final = "supervisor"
STALE_ORDERS: Final = 1_000
AWAY_S: Final = 4.0
STALL_S: Final = 3.0
NS_PER_MS: Final = 1_000_000
STALL_NS: Final = 3_000 * NS_PER_MS
LATE_NS: Final = 50 * NS_PER_MS
"""Market time is known to a few milliseconds; what is closer than this to the edge may have been on time."""


def kill_strategy(stage: Stage) -> None:
    """SIGKILL of a strategy that has orders working or a pair in hand: it resumes the same pair, by its journal."""
    _wait_until_busy(stage)
    _kill(stage, stage.subject)


def kill_gateway(stage: Stage) -> None:
    """SIGKILL of a gateway in the middle of orders: each is asked about at the venue, none is sent again."""
    _wait_until_busy(stage)
    _kill(stage, _gateway_of(stage))


def kill_supervisor(stage: Stage) -> None:
    """SIGKILL of the supervisor: trading goes on, and the next one adopts the living children."""
    before = stage.cluster.wait_until_trading()
    children = {process.name: process.pid for process in before.processes if process.name != SUPERVISOR}
    _kill(stage, SUPERVISOR)
    after = stage.cluster.wait_for("all children", lambda status: len(status.processes) == len(children) + 1)
    still = {process.name: process.pid for process in after.processes if process.name != SUPERVISOR}
    stage.expect(children == still, "a child was not adopted but started anew")


def lose_supervisor(stage: Stage) -> None:
    """The supervisor stays dead for a while: when the leases have ended, only orders that reduce pass a gate."""
    status = _wait_until_busy(stage)
    gateways = [gateway.id for gateway in status.gateways]
    stage.cluster.process.send_signal(signal.SIGSTOP)
    killed_ns = time_ns()
    stage.cluster.kill(process_of(status, SUPERVISOR).pid)
    stage.say("killed the supervisor, and stopped its keeper")
    sleep(AWAY_S)
    back_ns = time_ns()
    stage.cluster.process.send_signal(signal.SIGCONT)
    stage.cluster.wait_for("the next supervisor", is_back(SUPERVISOR, process_of(status, SUPERVISOR).pid))
    stage.times_ms["supervisor running again, once it may"] = (time_ns() - back_ns) / NS_PER_MS
    from_ns = killed_ns + stage.lease_ttl_ms * NS_PER_MS + LATE_NS
    for gateway in gateways:
        passed = increasing_orders(stage.cluster.paths.journal_dir, gateway, from_ns, back_ns)
        stage.expect(not passed, f"{gateway} let orders pass after its leases had ended: {', '.join(passed)}")
    stage.say(f"no order that adds risk passed from {stage.lease_ttl_ms} + 50 ms after the death to the return")


def hang(stage: Stage) -> None:
    """SIGSTOP of a strategy: its orders are cancelled, and it is replaced; what wakes up later is fenced."""
    status = _wait_until_busy(stage)
    victim = process_of(status, stage.subject)
    stopped_s = time()
    stage.cluster.kill(victim.pid, signal.SIGSTOP)
    stage.say(f"stopped {stage.subject} (pid {victim.pid}) with SIGSTOP")
    _until_back(stage, victim, stopped_s)


def disk_full(stage: Stage) -> None:
    """A gateway's journal cannot grow: no order leaves it, cancels do; when there is room again, it trades on."""
    stage.cluster.wait_until_trading()
    gateway = _gateway_of(stage)
    status = stage.cluster.wait_for("the gateway", lambda seen: process_of(seen, gateway).pid != 0)
    pid = process_of(status, gateway).pid
    folder = stage.cluster.paths.journal_dir / f"gateway-{gateway}"
    room = journal_bytes(folder)
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (room, hard))
    stage.say(f"no file of {gateway} (pid {pid}) may grow past {room} bytes")
    denied = stage.cluster.wait_for(
        "denials", lambda seen: _gateway(seen, gateway).denials.get(DenyReason.JOURNAL_FAILED, 0) > 0
    )
    stage.say(f"{_gateway(denied, gateway).denials[DenyReason.JOURNAL_FAILED]} orders denied: journal-failed")
    stage.watch(3.0)
    stage.expect(journal_bytes(folder) <= room, "the journal grew past the disk")
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))
    stage.say("there is room again")


def halt(stage: Stage) -> None:
    """The kill switch with the supervisor dead and the strategy hung: nothing is sent any more, all is cancelled."""
    status = _wait_until_busy(stage)
    strategy_pid = process_of(status, stage.subject).pid
    stage.cluster.process.send_signal(signal.SIGSTOP)
    stage.cluster.kill(process_of(status, SUPERVISOR).pid)
    stage.cluster.kill(strategy_pid, signal.SIGSTOP)
    stage.say(f"killed the supervisor, stopped its keeper and {stage.subject} (pid {strategy_pid})")
    started_s = monotonic()
    done = stage.cluster.outcry("halt", "--reason", "drill")
    stage.times_ms["halt command"] = (monotonic() - started_s) * 1e3
    stage.say(f"outcry halt: exit code {done.returncode}")
    stage.expect(done.returncode == 0, f"outcry halt failed: {done.stderr.strip() or done.stdout.strip()}")
    stage.cluster.process.send_signal(signal.SIGCONT)
    halted = stage.cluster.wait_for(
        "the halt at every gateway",
        lambda seen: seen.is_halted and all(gateway.is_halted and not gateway.open_orders for gateway in seen.gateways),
        BUSY_DEADLINE_S,
    )
    sent = _orders_sent(stage, halted)
    stage.watch(2.0)
    stage.expect(_orders_sent(stage, halted) == sent, "orders were sent after the halt")
    undone = stage.cluster.outcry("unhalt", "--reason", "drill", "--yes")
    stage.say(f"outcry unhalt: exit code {undone.returncode}")
    stage.expect(undone.returncode == 0, f"outcry unhalt failed: {undone.stderr.strip() or undone.stdout.strip()}")


def zombie(stage: Stage) -> None:
    """An old incarnation of a strategy sends 1,000 orders, with its key: its epoch is over, none gets past the gate."""
    _wait_until_busy(stage)
    gateway, paths = _gateway_of(stage), stage.cluster.paths
    pattern = next(order for order in orders_of(paths.journal_dir, gateway) if order.strategy == stage.subject)
    _kill(stage, stage.subject)
    before = stage.cluster.wait_for("the gateway", lambda seen: _gateway(seen, gateway).is_venue_up)
    refused = _gateway(before, gateway).denials.get(DenyReason.STALE_EPOCH, 0)
    with old_link(paths, stage.subject, gateway) as link:
        left = send_stale_orders(link, pattern, STALE_ORDERS)
    stage.say(f"sent {left} orders of epoch {pattern.epoch} to {gateway}")
    stage.cluster.wait_for(
        "refusals",
        lambda seen: _gateway(seen, gateway).denials.get(DenyReason.STALE_EPOCH, 0) >= refused + left,
        BUSY_DEADLINE_S,
    )
    passed = [order for order in orders_of(paths.journal_dir, gateway) if "-z" in order.client_order_id]
    stage.expect(not passed, f"{len(passed)} stale orders got past the gate")
    stage.expect(left >= STALE_ORDERS, f"only {left} stale orders could be sent")


def partition(stage: Stage) -> None:
    """The link between a strategy and its gateway stalls for 3 s: its orders are cancelled, and late ones expire."""
    _wait_until_busy(stage)
    gateway, paths = _gateway_of(stage), stage.cluster.paths
    with FaultProxy.in_place_of(paths.socket_path(f"{gateway}.orders")) as proxy:
        _kill(stage, stage.subject)  # the next one connects through the proxy
        _wait_until_busy(stage)
        began_ns = time_ns()
        proxy.stall(STALL_S)
        stage.say(f"nothing moves between {stage.subject} and {gateway} for {STALL_S:g} s")
        stage.watch(STALL_S)
        stage.watch(1.0)
        late = [
            order.client_order_id
            for order in orders_of(paths.journal_dir, gateway)
            if order.strategy == stage.subject
            and order.ts_created > began_ns + LATE_NS
            and order.ts_created + order.valid_for_ms * NS_PER_MS < began_ns + STALL_NS - LATE_NS
        ]
        stage.expect(not late, f"orders that had expired reached the venue: {', '.join(late)}")
    stage.say("the link is whole again")
    status = stage.cluster.wait_for(stage.subject, lambda seen: process_of(seen, stage.subject).pid != 0)
    stage.cluster.kill(process_of(status, stage.subject).pid)  # its connection went with the proxy


DRILLS: Final[dict[str, Callable[[Stage], None]]] = {
    "kill-strategy": kill_strategy,
    "kill-gateway": kill_gateway,
    "kill-supervisor": kill_supervisor,
    "lose-supervisor": lose_supervisor,
    "hang": hang,
    "partition": partition,
    "zombie": zombie,
    "disk-full": disk_full,
    "halt": halt,
}


def _wait_until_busy(stage: Stage) -> ClusterStatus:
    """Wait until the subject has an order working, or holds something; then for a random moment more."""
    status = stage.cluster.wait_for(
        f"orders of {stage.subject}",
        lambda seen: bool(
            strategy_of(seen, stage.subject).open_orders or any(strategy_of(seen, stage.subject).positions.values())
        ),
        BUSY_DEADLINE_S,
    )
    sleep(stage.random.random() * 0.2)
    return status


def _gateway_of(stage: Stage) -> str:
    """The gateway at which the subject trades most of its legs."""
    status = stage.cluster.wait_for("the subject", lambda seen: bool(strategy_of(seen, stage.subject).positions))
    names = [name.rpartition(".")[2] for name in strategy_of(status, stage.subject).positions]
    return max(set(names), key=lambda name: (names.count(name), name))


def _kill(stage: Stage, name: str) -> None:
    victim = process_of(stage.cluster.wait_for(name, lambda seen: process_of(seen, name).pid != 0), name)
    killed_s = time()
    stage.cluster.kill(victim.pid)
    stage.say(f"killed {name} (pid {victim.pid}) with SIGKILL")
    _until_back(stage, victim, killed_s)


def _until_back(stage: Stage, victim: ProcessStatus, since_s: float) -> None:
    times = await_next(stage.cluster, victim, since_s)
    if times.noticed_ms is not None:
        stage.times_ms[f"{victim.name} missed"] = times.noticed_ms
    stage.times_ms[f"{victim.name} running again"] = times.running_ms
    stage.expect(not psutil.pid_exists(victim.pid), f"{victim.name} (pid {victim.pid}) is still there")
    stage.say(f"{victim.name} runs again")


def _orders_sent(stage: Stage, status: ClusterStatus) -> int:
    """How many orders all gateways have ever been about to send."""
    journals = stage.cluster.paths.journal_dir
    return sum(1 for gateway in status.gateways for _ in orders_of(journals, gateway.id))


def _gateway(status: ClusterStatus, name: str) -> GatewayStatus:
    (found,) = (gateway for gateway in status.gateways if gateway.id == name)
    return found


def trade_on(stage: Stage) -> None:
    """After the fault: the cluster must trade again.

    :raises DrillFailed: it does not.
    """
    speaking = stage.cluster.wait_for("everybody's word", lambda seen: all(item.messages for item in seen.strategies))
    fills = fills_of(speaking)
    try:
        stage.cluster.wait_until_trading(fills + MORE_FILLS)
    except DrillFailed as error:
        stage.expect(False, "the cluster does not trade again")
        raise DrillFailed(str(error)) from error
    stage.say("the cluster trades on")
