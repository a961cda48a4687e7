"""Puts the simulation in place of time, sockets, threads, ids and chance in the production modules, for a while.

Modules keep what they imported under names of their own, so that every module of the four packages is looked through.
"""

import gc
import os
import secrets
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FunctionType, ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

import structlog
import zmq

import actors.runtime.group_sync
import actors.runtime.journal
import actors.runtime.links
import actors.runtime.mailbox
import gateways.exchange.exchange
import gateways.gate.closed_orders
import gateways.gateway
import gateways.intent_log
import gateways.snapshot_file
import gateways.snapshots
import supervisor.actor
import supervisor.ledger.front
import supervisor.ledger.ledger
from gateways.safety import halt_latch
from supervisor.operations import desk
from tests.simulation.restoring import compared
from tests.simulation.world import NS_PER_MS, World

if TYPE_CHECKING:
    from tests.simulation.cluster import Cluster

WATCH_NS: Final = 100 * NS_PER_MS
"""How often a gateway looks at the halt file here: looking costs most of a run's time otherwise."""
PACKAGES: Final = ("messages", "actors", "gateways", "supervisor")


SMALL: Final = (
    (gateways.snapshots, "SNAPSHOT_EVERY_RECORDS", 8),
    (gateways.snapshots, "SNAPSHOT_OVERDUE_RECORDS", 24),
    (gateways.snapshots, "REST_NS_MIN", 50 * NS_PER_MS),
    (gateways.gate.closed_orders, "CHUNK_ORDERS", 2),
    (gateways.gate.closed_orders, "LATE_MAX", 3),
)
"""A gateway here journals some hundreds of records in its life, and writes snapshots all the same."""

UNEXPECTED: Final = ("handler failed", "strategy failed", "the supervisor failed to handle a message")
"""Log events of exceptions that reached a shell."""
EXPECTED: Final = ("InjectedFault", "JournalFailed")
"""Unless the simulation itself made them."""


class _Stage:
    """The run that the patches speak to; one at a time."""

    def __init__(self) -> None:
        self.world = World(0)
        self.cluster: Any = None

    def put(self, cluster: "Cluster") -> None:
        self.cluster, self.world = cluster, cluster.world


STAGE: Final = _Stage()


class _Os:
    """`os` for everything but the journal: its own pid, pipes that nobody reads."""

    def __getattr__(self, name: str) -> Any:
        return getattr(os, name)

    def getpid(self) -> int:
        current = STAGE.world.current
        return os.getpid() if current is None else current.pid  # type: ignore[no-any-return]

    def pipe(self) -> tuple[int, int]:
        return -1, -2

    def set_blocking(self, _fd: int, _is_blocking: bool) -> None:
        """No pipe is there."""

    def write(self, _fd: int, data: bytes) -> int:
        return len(data)

    def close(self, _fd: int) -> None:
        """No pipe is there."""


class _Silent(structlog.BoundLoggerBase):
    """A logger that says nothing, but to somebody who reads the trace."""

    def info(self, event: str, **fields: Any) -> None:
        trace = STAGE.world.trace
        if trace.is_kept:
            who = getattr(STAGE.world.current, "name", "-")
            trace.lines.append(f"{STAGE.world.now_ns / 1e9:11.6f} {who:12} LOG {event} {fields}")

    debug = warning = info

    def error(self, event: str, **fields: Any) -> None:
        """Exceptions that a shell has caught and must not see are broken promises, too."""
        text = str(fields)
        if event in UNEXPECTED and not any(word in text for word in EXPECTED):
            STAGE.cluster.table.violation(
                f"{event}: {fields.get('error', '')} {str(fields.get('traceback', ''))[-500:]}"
            )
        self.info(event, **fields)

    critical = exception = error


class _SnapshotWriter(gateways.snapshots.SnapshotWriter):
    """Writes at once: a process may die at any step of it."""

    def write(self, snapshot: Any) -> None:
        self.write_now(snapshot)


class _Group:
    """Group syncs without a thread: what is written survives the death of a process anyway."""

    def __init__(self, sync: Any, *_: Any) -> None:
        self._sync = sync

    def start(self) -> None:
        """Nothing runs behind the actor."""

    def stop(self) -> None:
        """Nothing runs behind the actor."""


def _replacements() -> dict[int, Any]:
    """What takes the place of what, by the identity of what is replaced."""
    clock = SimpleNamespace(
        monotonic_ns=lambda: STAGE.world.now_ns,
        time_ns=lambda: STAGE.world.wall_ns,
        monotonic=lambda: STAGE.world.now_ns / 1e9,
        time=lambda: STAGE.world.wall_ns / 1e9,
        perf_counter_ns=lambda: STAGE.world.now_ns,
        strftime=lambda form, *_: f"{STAGE.world.wall_ns}",
        gmtime=time.gmtime,
        sleep=lambda _s: None,
    )
    chance = SimpleNamespace(
        randbelow=lambda bound: STAGE.world.random.randrange(0, bound),
        token_hex=lambda size=16: STAGE.world.random.randbytes(size).hex(),
        token_bytes=lambda size=16: STAGE.world.random.randbytes(size),
    )
    return {
        id(time.monotonic_ns): clock.monotonic_ns,
        id(time.time_ns): clock.time_ns,
        id(time.perf_counter_ns): clock.monotonic_ns,
        id(time): clock,
        id(secrets): chance,
        id(gc): SimpleNamespace(
            collect=lambda *_: 0, freeze=lambda: None, disable=lambda: None, get_count=lambda: (0, 0, 0)
        ),
        id(uuid.uuid4): lambda: SimpleNamespace(hex=STAGE.world.uuid()),
        id(actors.runtime.group_sync.GroupSync): _Group,
        id(gateways.snapshots.SnapshotWriter): _SnapshotWriter,
        id(actors.runtime.links.open_context): lambda *_: STAGE.cluster.context(),
        id(actors.runtime.links.is_secured): lambda _socket: STAGE.cluster.is_secured,
        id(supervisor.actor.Launcher): lambda *_: STAGE.cluster.launcher(),
        id(gateways.exchange.exchange.SimulatedVenue): lambda spec: STAGE.cluster.venue(spec=spec),
    }


_EVERYWHERE_BUT_HOME: Final = {"SimulatedVenue": "gateways.exchange.simulated_venue", "Launcher": "supervisor.launcher"}


def _modules() -> list[ModuleType]:
    return [
        module
        for name, module in sorted(sys.modules.items())
        if name.partition(".")[0] in PACKAGES and isinstance(module, ModuleType)
    ]


def _functions() -> Iterator[FunctionType]:
    """Every function and method: a clock may be the default of a parameter."""
    for module in _modules():
        for value in list(vars(module).values()):
            members = list(vars(value).values()) if isinstance(value, type) else [value]
            yield from (member for member in members if isinstance(member, FunctionType))


def _observe(put: Callable[[Any, str, Any], None]) -> None:
    """Let the cluster hear of what no frame tells: of the halt file, and of what the operator's desk has done."""
    set_halt, clear_halt = halt_latch.set_halt, halt_latch.clear_halt
    if set_halt.__module__ == __name__:  # a simulation within a simulation hears of everything already
        return

    def observed_set(*arguments: Any, **options: Any) -> None:
        set_halt(*arguments, **options)
        STAGE.cluster.latch_written()

    def observed_clear(path: Any) -> None:
        clear_halt(path)
        STAGE.cluster.latch_cleared()

    put(halt_latch, "set_halt", observed_set)
    put(halt_latch, "clear_halt", observed_clear)
    put(desk, "_REQUESTS", {kind: _observed(handle) for kind, handle in desk._REQUESTS.items()})


def _complain(text: str) -> None:
    STAGE.cluster.table.violation(text)


def _writer(*arguments: Any) -> Any:
    """What takes the place of the ledger's writer: without a thread."""
    return STAGE.cluster.writer(*arguments)


def _observed(handle: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    def observed(who: Any, request: Any) -> Any:
        reply = handle(who, request)
        STAGE.cluster.operator.heard(request, reply)
        return reply

    return observed


@contextmanager
def patched() -> Iterator[None]:
    """Everything in the production modules speaks to the simulation that stands on the `STAGE`."""
    replacements = _replacements()
    undo: list[tuple[Any, str, Any]] = []

    def put(owner: Any, name: str, value: Any) -> None:
        undo.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    for module in _modules():
        for name, value in list(vars(module).items()):
            found = replacements.get(id(value))
            if found is not None and _EVERYWHERE_BUT_HOME.get(name) != module.__name__:
                put(module, name, found)
            elif value is os and module.__name__ in {"actors.runtime.mailbox", "actors.runtime.child"}:
                put(module, name, _Os())
    for function in _functions():
        defaults = function.__kwdefaults__ or {}
        if any(id(value) in replacements for value in defaults.values()):
            put(
                function,
                "__kwdefaults__",
                {name: replacements.get(id(value), value) for name, value in defaults.items()},
            )
    put(actors.runtime.journal, "os", SimpleNamespaceProxy())
    put(gateways.snapshot_file, "os", SimpleNamespaceProxy())
    for owner, name, value in SMALL:
        put(owner, name, value)
    log = gateways.intent_log.IntentLog
    put(log, "restore", compared(log.restore, _complain))
    put(gateways.gateway, "WATCH_NS", WATCH_NS)
    put(supervisor.ledger.front, "LedgerWriter", _writer)
    _observe(put)
    put(zmq, "zmq_poll", lambda pollables, timeout=-1: STAGE.cluster.network.poll(pollables, timeout))
    log_config = structlog.get_config()
    structlog.configure(wrapper_class=_Silent, cache_logger_on_first_use=False)
    was_collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        for owner, name, value in reversed(undo):
            setattr(owner, name, value)
        structlog.configure(**log_config)
        if was_collecting:
            gc.enable()


class SimpleNamespaceProxy:
    """The `os` of journal and snapshots of the run that stands on the stage."""

    def __getattr__(self, name: str) -> Any:
        return getattr(STAGE.cluster.journal_os, name)
