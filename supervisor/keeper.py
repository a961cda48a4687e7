"""`outcry up`: starts the supervisor, starts it again if it dies, shows the status, and passes Ctrl-C on.

The supervisor and its children are in sessions of their own, so Ctrl-C reaches the keeper alone. When the keeper dies
the cluster lives on; `outcry stop` ends it.
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Final

from rich.console import Console

from messages.operator import FromOperator, StatusReply, StatusRequest, StopRequest
from supervisor import registry
from supervisor.actions import EXIT_CLEAN, EXIT_FAILED, EXIT_TROUBLED
from supervisor.alert_reader import AlertReader
from supervisor.commands.up_options import UpOptions
from supervisor.config import load, read
from supervisor.frozen_config import freeze
from supervisor.keys import OPERATOR, keyring_of, prepare_keys
from supervisor.launcher import kill_processes, living_records, open_log
from supervisor.live_status import LiveStatus
from supervisor.lock import AlreadyRunning, ClusterLock
from supervisor.main import EXIT_REFUSED, SupervisorSpec, write_supervisor_spec
from supervisor.operator_link import SOCKET_NAME, OperatorLink, OperatorLinkError, new_command_id
from supervisor.paths import ClusterPaths, UnsafePath

OK, FAILED, ALREADY_RUNNING = 0, 1, 4
SUPERVISOR_COMMAND: Final = (sys.executable, "-m", "supervisor.main")
STOP_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
RESTARTS_MAX: Final = 5
RESTART_PERIOD_S: Final = 60.0
STATUS_INTERVAL_S: Final = 0.5
REQUEST_TIMEOUT_MS: Final = 500
FORCED_DEADLINE_S: Final = 4.0
"""For the supervisor to kill everything and to write the report, before the keeper does the killing itself."""
DEATHS_SETTLE_S: Final = 0.1
"""Whoever kills a whole cluster kills one process after the other; the new supervisor takes longer to begin."""
OUTPUT_TAIL_LINES: Final = 20
PR_SET_CHILD_SUBREAPER: Final = 36


def run(
    config_path: Path | None,
    state_dir: Path,
    options: UpOptions,
    *,
    console: Console | None = None,
    command: Sequence[str] = SUPERVISOR_COMMAND,
) -> int:
    """Keep a cluster running until it has stopped.

    :param command: of the supervisor; the path of its spec file is appended.
    :returns: 0 stopped in good order; 1 by force, it failed, or a strategy ended quarantined or faulted; 4 it runs
        already.
    :raises ConfigError: the config is wrong. :raises UnsafePath: the state directory is open to others, or unusable.
    """
    screen = console or Console()
    text = read(config_path)
    config = load(text)
    paths = ClusterPaths(state_dir)
    paths.create()
    try:
        lock = ClusterLock.acquire(paths.lock_file, config.cluster.name)
    except AlreadyRunning as error:
        Console(stderr=True).print(str(error), highlight=False, soft_wrap=True)
        return ALREADY_RUNNING
    except OSError as error:
        raise UnsafePath(
            f"lock {paths.lock_file} cannot be opened: {error.strerror}; choose another with --state"
        ) from error
    try:
        prepare_keys(config, paths)
        spec = SupervisorSpec(
            config=str(freeze(paths, text)),
            state_dir=str(paths.state_dir),
            for_seconds=options.for_seconds,
            report=None if options.report is None else str(options.report.resolve()),
            stay=options.stay,
            lock_descriptor=lock.descriptor,
            frozen_in=str(Path.cwd()),
        )
        spec_file = write_supervisor_spec(paths, spec)
        display = LiveStatus(screen) if options.show_status else contextlib.nullcontext()
        with (
            OperatorLink(paths.endpoint(SOCKET_NAME), keyring_of(paths, OPERATOR)) as link,
            _subreaper(),
            display as live,
        ):
            return Keeper(paths, lock, (*command, str(spec_file)), link, screen).keep(live)
    finally:
        lock.release()


class Keeper:
    """One supervisor process and its replacements.

    :param command: complete, with the spec file.
    """

    def __init__(
        self, paths: ClusterPaths, lock: ClusterLock, command: Sequence[str], link: OperatorLink, screen: Console
    ) -> None:
        self._screen = screen
        self._paths = paths
        self._lock = lock
        self._command = command
        self._link = link
        self._pid = 0
        self._started_s: list[float] = []
        self._stops_asked = 0
        self._stops_told = 0
        self._kill_at_s: float | None = None
        self._alerts = AlertReader()
        self._errors = Console(stderr=True)

    def keep(self, live: LiveStatus | None) -> int:
        """Keep the supervisor alive until the cluster has stopped. :returns: the exit code of `outcry up`."""
        with self._signals() as wake_up:
            self._start()
            while True:
                code = self._reaped()
                if code is not None:
                    result = self._after(code)
                    if result is not None:
                        if live is not None:
                            self._draw_end(live)
                        return result
                self._pass_stops_on()
                if self._kill_at_s is not None and time.monotonic() >= self._kill_at_s:
                    os.kill(self._pid, signal.SIGKILL)
                self._show(live)
                self._count_stops(_signals_within(wake_up, STATUS_INTERVAL_S))

    # --- the supervisor -----------------------------------------------------------------------------------------

    def _start(self) -> None:
        with open_log(self._paths.log_dir / "supervisor-output.log") as output:
            supervisor = subprocess.Popen(
                self._command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=0o077,
                pass_fds=(self._lock.descriptor,),
            )
        self._pid = supervisor.pid
        supervisor.returncode = 0  # it is reaped here with the orphans, and not by subprocess
        self._started_s.append(time.monotonic())
        self._lock.sign(os.getpid(), self._pid)

    def _reaped(self) -> int | None:
        """Reap whatever has ended, orphans of a dead supervisor too.

        :returns: the supervisor's exit code, if it has ended.
        """
        code = None
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self._pid:
                    code = os.waitstatus_to_exitcode(ended[1])
        return code

    def _after(self, code: int) -> int | None:
        """What follows from the end of the supervisor; None where it was started again."""
        if code in {EXIT_CLEAN, EXIT_TROUBLED} and self._kill_at_s is not None:
            self._say("stopped by force: the supervisor had ended before it heard of it")
            return FAILED
        if code == EXIT_CLEAN:
            self._say("stopped in good order")
            return OK
        cause = "".join(f": {line}" for line in self._last_output(1).splitlines())
        if code == EXIT_TROUBLED:
            self._say(f"stopped in good order after trouble{cause}; see {self._paths.log_dir}")
            return FAILED
        if code == EXIT_FAILED:
            self._say(f"stopped by force or failed{cause}; see {self._paths.log_dir}")
            return FAILED
        if code == EXIT_REFUSED:
            self._say(self._last_output())
            return FAILED
        if self._kill_at_s is not None:
            return self._kill_children()
        now_s = time.monotonic()
        self._started_s = [at_s for at_s in self._started_s if now_s - at_s < RESTART_PERIOD_S]
        if len(self._started_s) > RESTARTS_MAX:
            self._say(f"the supervisor died {len(self._started_s)} times within {RESTART_PERIOD_S:g} s; giving up")
            self._say(self._last_output())
            return self._kill_children()
        children = self._registered()
        self._stops_told = 0
        self._start()
        time.sleep(DEATHS_SETTLE_S)
        self._say(f"the supervisor ended with code {code}; starting it again{_fate_of(children)}")
        return None

    def _registered(self) -> registry.Registry:
        """What the dead supervisor knew."""
        try:
            return registry.load(self._paths.registry_file)
        except registry.RegistryDamaged:
            return registry.Registry()  # the next supervisor refuses, and says why

    def _kill_children(self) -> int:
        """End what the dead supervisor has left behind."""
        try:
            left = kill_processes(registry.load(self._paths.registry_file).children)
        except registry.RegistryDamaged as error:
            self._say(str(error))
            return FAILED
        self._reaped()
        self._say(f"cannot be killed: {', '.join(left)}" if left else "everything was killed")
        return FAILED

    def _last_output(self, lines: int = OUTPUT_TAIL_LINES) -> str:
        text = (self._paths.log_dir / "supervisor-output.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    # --- the operator -------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def _signals(self) -> Iterator[int]:
        """Yields a descriptor from which the number of every signal that matters here can be read."""

        def on_signal(_signal: int, _frame: FrameType | None) -> None:
            """Its number in the descriptor is all that is wanted: of two quick signals, Python may call but one."""

        reader, writer = os.pipe()
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        before = {number: signal.signal(number, on_signal) for number in (*STOP_SIGNALS, signal.SIGHUP, signal.SIGCHLD)}
        wake_up_before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        try:
            yield reader
        finally:
            signal.set_wakeup_fd(wake_up_before)
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(reader)
            os.close(writer)

    def _count_stops(self, numbers: bytes) -> None:
        """Count Ctrl-C and SIGTERM. A terminal that is closed may send SIGHUP twice, so that never forces anything."""
        self._stops_asked += sum(number in STOP_SIGNALS for number in numbers)
        if signal.SIGHUP in numbers:
            self._stops_asked = max(self._stops_asked, 1)

    def _pass_stops_on(self) -> None:
        """Tell the supervisor of the first Ctrl-C, and of the second; again where it did not hear."""
        wanted = min(self._stops_asked, 2)
        if wanted <= self._stops_told:
            return
        is_forced = wanted == 2
        if is_forced and self._kill_at_s is None:
            self._kill_at_s = time.monotonic() + FORCED_DEADLINE_S
            self._say("killing everything")
        elif not is_forced:
            self._say("stopping: orders are cancelled first; Ctrl-C again kills everything at once")
        if self._request(StopRequest(new_command_id(), is_forced=is_forced)):
            self._stops_told = wanted

    def _show(self, live: LiveStatus | None) -> None:
        """Draw the status; where none is drawn, the new alerts are told on standard error, a line each."""
        reply = self._request(StatusRequest(new_command_id()))
        if not isinstance(reply, StatusReply):
            return
        with contextlib.suppress(OSError):
            if live is not None:
                live.show(reply.status)
            if live is None or not self._screen.is_terminal:
                for text in self._alerts.new_ones(reply.status):
                    self._errors.print(text, highlight=False, markup=False, soft_wrap=True)

    def _draw_end(self, live: LiveStatus) -> None:
        with contextlib.suppress(OSError):
            live.end()

    def _request(self, request: FromOperator) -> object:
        """Ask the supervisor; None where it does not answer, being on its way."""
        try:
            return self._link.request(request, REQUEST_TIMEOUT_MS)
        except OperatorLinkError:
            return None

    def _say(self, text: str) -> None:
        with contextlib.suppress(OSError):  # the terminal may be gone, and the cluster is to be stopped all the same
            self._screen.print(text, highlight=False, markup=False, soft_wrap=True)


def _fate_of(known: registry.Registry) -> str:
    """What became of a dead supervisor's children, to be said after that it is started again."""
    if living_records(known.children):
        return ", its children live on"
    return "; none of its children is alive" if known.has_lost_children else ""


def _signals_within(wake_up: int, timeout_s: float) -> bytes:
    """Wait for a signal, or for the time to pass. Returns the numbers of the signals, a byte each."""
    return os.read(wake_up, 4_096) if select.select([wake_up], [], [], timeout_s)[0] else b""


@contextlib.contextmanager
def _subreaper() -> Iterator[None]:
    """Become the parent of orphans below us, so that what a dead supervisor leaves is reaped. Linux only."""
    _set_subreaper(1)
    try:
        yield
    finally:
        _set_subreaper(0)


def _set_subreaper(flag: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, flag, 0, 0, 0)
