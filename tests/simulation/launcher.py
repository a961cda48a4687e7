"""The supervisor's launcher in the simulation: starts, kills and watches simulated processes."""

from pathlib import Path
from typing import Any, Final

import msgspec

from actors.runtime.child import Outcome
from supervisor.occurrences import ProcessEnded, ProcessStarted
from tests.simulation.processes import FD_BASE, ProcessTable, SimulatedProcess

NO_CHILDREN: Final = ("supervisor", "operator")


class SimulatedLauncher:
    """What the supervisor's shell takes for its launcher: starts, kills and watches simulated processes.

    :param kinds: by module name of the command: how an actor is made from the path of its spec file.
    """

    def __init__(self, table: ProcessTable, kinds: dict[str, tuple[Any, Any]], start_ns: tuple[int, int]) -> None:
        self._table, self._kinds, self._start_ns = table, kinds, start_ns
        self._watched: dict[str, SimulatedProcess] = {}

    def start(self, name: str, command: Any) -> ProcessStarted:
        actor_class, spec_type = self._kinds[command[-2]]
        content = Path(command[-1]).read_bytes()
        process = self._table.add(name)
        self._watched[name] = process
        wait_ns = self._table.world.between_ns(*self._start_ns)

        def make(outcome: Any) -> Any:
            return actor_class(msgspec.json.decode(content, type=spec_type), outcome)

        self._table.world.after(wait_ns, process.start, make, Outcome())
        return ProcessStarted(name, process.pid, float(process.pid))

    def adopt(self, records: Any) -> frozenset[str]:
        for name, record in records.items():
            process = self._table.processes.get(record.pid)
            if record.pid and process is not None and process.is_alive and process not in self._table.zombies:
                self._watched[name] = process
        return frozenset(self._watched)

    def kill_strays(self, _spec_files: Any) -> list[int]:
        known = {process.pid for process in self._watched.values()}
        killed = []
        for process in self._table.processes.values():
            is_stray = process.is_alive and process.name not in NO_CHILDREN and process.pid not in known
            if is_stray and process not in self._table.zombies:
                process.die(-9)
                killed.append(process.pid)
        return killed

    def kill(self, name: str) -> None:
        process = self._watched.get(name)
        if process is None or not process.is_alive:
            return
        if name in self._table.unkillable:
            self._table.unkillable.discard(name)
            self._table.make_zombie(process)
        else:
            process.die(-9)

    def descriptors(self) -> set[int]:
        return {FD_BASE + process.pid for process in self._watched.values()}

    def sweep(self) -> list[Any]:
        ended = []
        for name, process in list(self._watched.items()):
            fd = FD_BASE + process.pid
            if fd in self._table.network.ready_fds:
                self._table.network.ready_fds.discard(fd)
                del self._watched[name]
                code = process.exit_code if process.exit_code is not None else -9
                ended.append(ProcessEnded(name, process.pid, code))
        return ended

    def measure(self) -> dict[str, Any]:
        return {}

    def close(self) -> None:
        """Processes live on when their supervisor ends."""
