"""Processes of the simulation: an actor object each, run by its own handlers whenever it has something to do."""

from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from pykka.messages import _ActorStop

from actors.runtime.child import EXIT_FAULT
from actors.runtime.mailbox import Delivery
from tests.simulation.network import ZMTP_TIMEOUT_NS, Network
from tests.simulation.sockets import SimulatedSocket
from tests.simulation.world import NS_PER_MS, Killed, World, WouldBlock

STEPS_MAX: Final = 200_000
"""Messages that a process handles without time going on; past it, it goes round in circles."""
NOTICE_NS: Final = (50_000, 2 * NS_PER_MS)
"""From the death of a process until its peers and its parent know."""
FD_BASE: Final = 1_000_000


class SimulatedProcess:
    """One incarnation of one process.

    :ivar frozen_until_ns: not scheduled before this (SIGSTOP where `is_frozen`, else a hang).
    :ivar thawed_ns: when it was last scheduled again.
    :ivar doom: how many of its effects (writes, sends) it may still have before it is killed; None: it is not doomed.
    :ivar on_sent: told of every frame that leaves, before it does.
    """

    def __init__(self, floor: "ProcessTable", name: str, pid: int) -> None:
        self.floor, self.name, self.pid = floor, name, pid
        self.user = name
        self.world: World = floor.world
        self.actor: Any = None
        self.outcome: Any = None
        self.sockets: list[SimulatedSocket] = []
        self.fds: list[int] = []
        self.is_alive = True
        self.is_frozen = False
        self.frozen_until_ns = self.thawed_ns = 0
        self.doom: int | None = None
        self.exit_code: int | None = None
        self._wake_serial = 0
        self._is_running = False

    # --- life ---------------------------------------------------------------------------------------------------

    def start(self, make: Callable[[Any], Any], outcome: Any) -> None:
        """Make the actor and let it begin, as `actor_class.start` does."""
        self.outcome = outcome
        if not self.is_alive:
            return
        self._guarded(self._begin, make)
        self.run()

    def _begin(self, make: Callable[[Any], Any]) -> None:
        try:
            self.actor = make(self.outcome)
            self.actor.on_start()
        except Exception as error:  # noqa: BLE001  # ends the process; it is for the supervisor to try again
            self.world.note(self.name, f"does not start: {error!r}")
            self.die(EXIT_FAULT)

    def run(self) -> None:
        """Handle what there is, until there is nothing left."""
        if self._is_running or not self.is_alive or self.actor is None:
            return
        if self.world.now_ns < self.frozen_until_ns:
            return
        self._guarded(self._work)

    def _work(self) -> None:
        actor, world = self.actor, self.world
        inbox = actor.actor_inbox
        for _ in range(STEPS_MAX):
            try:
                message = inbox.get().message
            except WouldBlock as blocked:
                self._sleep(blocked.timeout_ms)
                return
            if type(message) is _ActorStop:
                actor.actor_stopped.set()
                self._guarded_stop()
                return
            if type(message) is Delivery:
                world.note(self.name, f"{message.port} {message.sender!r}", message.frame)
            else:
                world.note(self.name, str(message))
            actor.on_receive(message)
            if world.now_ns < self.frozen_until_ns:
                return
        self.floor.violation(f"{self.name} goes round in circles")
        self.die(-9)

    def _guarded_stop(self) -> None:
        with suppress(Exception):  # pykka logs what is raised there, and the process ends all the same
            self.actor.on_stop()
        self.world.current = None
        self._end(self.outcome.exit_code)

    def _guarded(self, do: Callable[..., None], *arguments: Any) -> None:
        before, self.world.current, self._is_running = self.world.current, self, True
        try:
            do(*arguments)
        except Killed:
            self.die(-9)
        except Exception as error:  # noqa: BLE001  # what leaves a handler ends the process, as in pykka's loop
            self.floor.escaped(self, error)
            self.die(EXIT_FAULT)
        finally:
            self.world.current, self._is_running = before, False

    def _sleep(self, timeout_ms: int) -> None:
        self._wake_serial += 1
        self.world.after(timeout_ms * NS_PER_MS, self._wake, self._wake_serial)

    def _wake(self, serial: int) -> None:
        if serial == self._wake_serial:
            self.run()

    # --- death --------------------------------------------------------------------------------------------------

    def die(self, exit_code: int) -> None:
        """Gone at once: what it had not written or handed to the network is lost."""
        if not self.is_alive:
            return
        self.world.note(self.name, f"dies {exit_code}")
        at_ns = self.world.now_ns + self.world.between_ns(*NOTICE_NS)
        self.is_alive = False
        for socket in self.sockets:
            if not socket.is_closed:
                socket.abandon(at_ns)
        self._end(exit_code)

    def _end(self, exit_code: int) -> None:
        self.is_alive = False
        self.exit_code = exit_code
        self.world.note(self.name, f"ended {exit_code}")
        self.floor.disk.close_all(self)
        self.world.after(self.world.between_ns(*NOTICE_NS), self.floor.told_of_end, self)

    def freeze(self, duration_ns: int, *, is_stopped: bool) -> None:
        """Not scheduled for a while: stopped whole, or only stuck in its own code while its sockets live on."""
        if not self.is_alive:
            return
        until_ns = self.world.now_ns + duration_ns
        self.frozen_until_ns = max(self.frozen_until_ns, until_ns)
        if is_stopped:
            self.is_frozen = True
            for connection in self.floor.network.connections:
                if connection.is_up and self in (connection.client.owner, connection.server.owner):  # type: ignore[union-attr]
                    self.world.after(ZMTP_TIMEOUT_NS, self._time_out, connection, connection.life)
        self.world.at(until_ns, self._thaw)

    def _time_out(self, connection: Any, life: int) -> None:
        if self.is_frozen:
            connection.cut_life(life)

    def _thaw(self) -> None:
        if self.world.now_ns >= self.frozen_until_ns:
            self.is_frozen = False
            self.thawed_ns = self.world.now_ns
            self.run()

    # --- effects ------------------------------------------------------------------------------------------------

    def before_send(self, socket: SimulatedSocket, parts: tuple[bytes, ...]) -> None:
        self.before_effect()
        self.floor.on_send(self, socket, parts)

    def before_effect(self) -> None:
        """A process that is doomed dies before one of its effects, or right after it."""
        if self.doom is not None:
            self.doom -= 1
            if self.doom <= 0:
                raise Killed

    after_effect = before_effect


class ProcessTable:
    """All processes of a run, dead ones too, and the launcher's view of them.

    :ivar unkillable: names whose next kill is not obeyed: the machine that they run on is cut off, and they live on.
    """

    def __init__(self, world: World, network: Network, disk: Any) -> None:
        self.world, self.network, self.disk = world, network, disk
        self.processes: dict[int, SimulatedProcess] = {}
        self.by_name: dict[str, SimulatedProcess] = {}
        self.zombies: list[SimulatedProcess] = []
        self.unkillable: set[str] = set()
        self.problems: list[str] = []
        self.send_watchers: list[Callable[[SimulatedProcess, SimulatedSocket, tuple[bytes, ...]], None]] = []
        self._pids = 100

    def add(self, name: str) -> SimulatedProcess:
        self._pids += 1
        process = SimulatedProcess(self, name, self._pids)
        self.processes[process.pid] = self.by_name[name] = process
        return process

    def living(self, name: str) -> SimulatedProcess | None:
        process = self.by_name.get(name)
        return process if process is not None and process.is_alive else None

    def violation(self, text: str) -> None:
        self.problems.append(f"{self.world.now_ns / 1e9:.3f} s: {text}")

    def escaped(self, process: SimulatedProcess, error: Exception) -> None:
        self.violation(f"exception left {process.name}: {error!r}")

    def on_send(self, process: SimulatedProcess, socket: SimulatedSocket, parts: tuple[bytes, ...]) -> None:
        for watcher in self.send_watchers:
            watcher(process, socket, parts)

    def told_of_end(self, process: SimulatedProcess) -> None:
        """The parent of a process hears that it has ended."""
        self.network.ready_fds.add(FD_BASE + process.pid)
        supervisor = self.living("supervisor")
        if supervisor is not None:
            supervisor.run()

    def make_zombie(self, process: SimulatedProcess) -> None:
        """Everybody takes it for dead; it is only stopped, and wakes up when its time has come."""
        self.zombies.append(process)
        self.disk.cut_off(process)
        self.network.ready_fds.add(FD_BASE + process.pid)
