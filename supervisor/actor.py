"""The supervisor's shell: a pykka actor that hears children, operators, the ends of processes and the clock, tells the
core, and does what the core answers. It decides nothing.
"""

import contextlib
import secrets
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic_ns
from typing import Any, Final

import pykka
import structlog

from actors.runtime.address_book import AddressBook
from actors.runtime.keys import CHILDREN, Role
from actors.runtime.links import Context, Socket, open_context, router, try_send_to
from actors.runtime.mailbox import Delivery, FdReady, Mailbox, Priority, Wake, Wire
from actors.runtime.refusals import Refusals
from actors.runtime.spec import write_spec
from gateways.safety import halt_latch
from messages.codec import FROM_CHILD, FROM_OPERATOR, FrameError, encode
from messages.from_child import FromChild, Register
from messages.operator import UnhaltRequest
from messages.risk import LeaseGrant
from supervisor import registry
from supervisor.actions import (
    EXIT_CLEAN,
    EXIT_FAILED,
    SUPERVISOR,
    Action,
    Audit,
    ClearLatch,
    EnterLedger,
    Exit,
    KillChild,
    Log,
    MeasureUsage,
    ReplyOperator,
    SaveRegistry,
    SendNews,
    SetAlarm,
    SetLatch,
    StartChild,
    WriteReport,
)
from supervisor.child_spec import CHILDREN_SOCKET, EXCHANGE
from supervisor.core import Core
from supervisor.journal_archive import archive_journals
from supervisor.keys import admit, keyring_of, role_of
from supervisor.launcher import Launcher, LaunchFailed
from supervisor.ledger.entries import Audited, LedgerNews
from supervisor.ledger.front import LedgerFront, NoLedger, incident
from supervisor.occurrences import (
    AlarmRang,
    Begun,
    ChildSaid,
    Latch,
    Measured,
    Occurrence,
    OperatorAsked,
    StartFailed,
    StopSignalled,
)
from supervisor.operator_link import SOCKET_NAME as OPERATOR
from supervisor.paths import ClusterPaths, UnsafePath
from supervisor.pending_commands import Dispatch
from supervisor.plain import to_plain
from supervisor.registry import Registry
from supervisor.report import build_cluster_report, write_report

FAREWELL_MS: Final = 500
"""For the last answers to leave."""
RETRY_NS: Final = 100_000_000
"""After a failure, the core is told the time again this soon, since it may not have set its alarm."""
RANDOM_STEPS: Final = 2**32

log = structlog.get_logger()


@dataclass
class Outcome:
    """How the supervisor ended.

    :ivar exit_code: of its process; None unless the core has said so.
    :ivar cause: why the run was no success; empty where it was one.
    :ivar is_finished: set when everything that the actor held is given back.
    """

    exit_code: int | None = None
    cause: str = ""
    is_finished: threading.Event = field(default_factory=threading.Event)


class SupervisorActor(pykka.ThreadingActor):
    """The one supervisor of a cluster.

    :param found: the registry that the core was made from.
    :param report_file: where the core's report goes.
    """

    def __init__(
        self,
        core: Core,
        found: Registry,
        paths: ClusterPaths,
        outcome: Outcome,
        report_file: Path | None = None,
        *,
        ledger: LedgerFront | None = None,
    ) -> None:
        super().__init__()
        self._core = core
        self._found = found
        self._paths = paths
        self._outcome = outcome
        self._report_file = report_file
        self._report_failure = ""
        self._ledger = ledger or NoLedger()
        self._launcher = Launcher(paths.log_dir)
        self._occurrences: deque[Occurrence] = deque()
        self._watched: set[int] = set()
        self._refusals = Refusals()
        self._unsaved: SaveRegistry | None = None
        self._latch_seen = ""

    @staticmethod
    def _create_actor_inbox() -> Mailbox:
        return Mailbox()

    @property
    def mailbox(self) -> Mailbox:
        assert isinstance(self.actor_inbox, Mailbox)
        return self.actor_inbox

    # --- the actor ----------------------------------------------------------------------------------------------

    def on_start(self) -> None:
        self._context: Context = open_context(keyring_of(self._paths, SUPERVISOR))
        self._children = self._bind(CHILDREN_SOCKET, *CHILDREN)
        self._addresses = AddressBook(self._children)
        self._operators = self._bind(OPERATOR, Role.OPERATOR)
        planned = self._core.floor.children.keys()
        living = self._launcher.adopt(
            {name: record for name, record in self._found.children.items() if name in planned}
        )
        spec_files = [self._spec_file(name) for name in planned | self._found.children.keys()]
        for pid in self._launcher.kill_strays(spec_files):
            log.warning("killed a process that is not one of the children", pid=pid)
        archive = "" if living or EXCHANGE not in planned else self._put_journals_away()
        self._ledger.begin(self._on_ledger_news, is_new_run=not living and EXCHANGE in planned, archive=archive)
        self._hear(Begun(living, archive, self._latch()))

    def on_receive(self, message: Any) -> None:
        try:
            if isinstance(message, Delivery):
                self._on_frame(message)
            elif message is Wake.DUE:
                self._occurrences.append(AlarmRang())
            elif isinstance(message, StopSignalled | LedgerNews):
                self._occurrences.append(message)
            if isinstance(message, FdReady | Wake):
                self._occurrences.extend(self._launcher.sweep())
            self._work()
        except Exception:  # noqa: BLE001  # the shell loop: nothing may escape to pykka, which would drop the inbox
            log.error("the supervisor failed to handle a message", traceback=traceback.format_exc())
            self.mailbox.wake_at(monotonic_ns() + RETRY_NS)

    def on_stop(self) -> None:
        for socket in (self._children, self._operators):
            socket.close(FAREWELL_MS)
        self._ledger.close()
        self._context.term()
        self._launcher.close()
        self._outcome.is_finished.set()

    def _on_ledger_news(self, news: LedgerNews) -> None:
        """Called in the ledger's own thread."""
        with contextlib.suppress(pykka.ActorDeadError):
            self.actor_ref.tell(news)

    def _put_journals_away(self) -> str:
        """Nothing lives, so the simulated venues that the journals are about are gone. Returns where they are kept."""
        archive = archive_journals(self._paths.journal_dir, time.strftime("%Y%m%dT%H%M%S", time.gmtime()))
        if archive is None:
            return ""
        log.info("journals of the last run are kept", directory=str(archive))
        return str(archive)

    def _bind(self, name: str, *admits: Role) -> Socket:
        socket = router(self._context, self._paths.endpoint(name), admits=admits)
        self.mailbox.attach(name, socket, Priority.COMMANDS, Wire.ROUTED)
        return socket

    def _refused(self) -> int:
        """Frames and connections that were refused since the start."""
        doorkeeper = self._context.doorkeeper
        return self._refusals.total + self.mailbox.refused + (doorkeeper.refusals.total if doorkeeper else 0)

    def _on_frame(self, delivery: Delivery) -> None:
        try:
            if delivery.port == CHILDREN_SOCKET:
                self._occurrences.append(ChildSaid(delivery.name, self._from_child(delivery)))
            else:
                request = FROM_OPERATOR.decode(delivery.frame)
                self._ledger.asked(delivery.sender, request)
                latch = self._latch() if isinstance(request, UnhaltRequest) else None
                self._occurrences.append(OperatorAsked(delivery.sender, request, latch))
        except FrameError as error:
            count = self._refusals.add(monotonic_ns())
            if count:
                log.warning("frame refused", port=delivery.port, sender=delivery.name, error=str(error), count=count)

    def _from_child(self, delivery: Delivery) -> FromChild:
        """What a child says, if it speaks for itself.

        :raises FrameError: it is no message of this link, or it speaks for another child.
        """
        message: FromChild = FROM_CHILD.decode(delivery.frame)
        process = getattr(message, "process", delivery.user)
        if not delivery.is_from(process):
            raise FrameError(f"{type(message).__name__} in the name of {process} came under the key of {delivery.user}")
        if isinstance(message, Register):
            self._addresses.moved(delivery)
        else:
            self._addresses.heard(delivery)
        return message

    # --- the core -----------------------------------------------------------------------------------------------

    def _hear(self, occurrence: Occurrence) -> None:
        self._occurrences.append(occurrence)
        self._work()

    def _work(self) -> None:
        """Tell the core what has happened, and what follows from its own actions, until nothing is left."""
        while self._occurrences:
            random = secrets.randbelow(RANDOM_STEPS) / RANDOM_STEPS
            for action in self._core.handle(self._occurrences.popleft(), monotonic_ns(), random):
                self._do(action)
        self._watch()

    def _do(self, action: Action) -> None:
        try:
            _DOINGS[type(action)](self, action)
        except OSError as error:  # a full disk must not keep the rest from being done
            log.error("action failed", action=type(action).__name__, error=str(error))

    def _start(self, action: StartChild) -> None:
        try:
            if action.spec.keys is not None:
                role = role_of(self._core.floor.children[action.name].kind)
                admit(self._paths, {action.name: role}, getattr(action.spec, "order_prefix", ""))
            spec_file = self._spec_file(action.name)
            write_spec(spec_file, action.spec)
            started = self._launcher.start(action.name, (*action.command, str(spec_file)))
        except (LaunchFailed, OSError, UnsafePath) as error:
            self._occurrences.append(StartFailed(action.name, str(error)))
            return
        self._occurrences.append(started)

    def _kill(self, action: KillChild) -> None:
        self._launcher.kill(action.name)

    def _send(self, action: Dispatch) -> None:
        self._addresses.send(action.child, encode(action.command))  # what does not leave is sent again

    def _reply(self, action: ReplyOperator) -> None:
        self._ledger.answered(action.peer, action.reply)
        try_send_to(self._operators, action.peer, encode(action.reply))  # an operator who left needs no answer

    def _save(self, action: SaveRegistry) -> None:
        self._unsaved = action
        registry.save(self._paths.registry_file, action.registry)
        self._unsaved = None

    def _write_report(self, action: WriteReport) -> None:
        assert self._report_file is not None, "a report was asked for without a file"
        try:
            write_report(self._report_file, build_cluster_report(action.result))
        except OSError as error:
            self._report_failure = f"the report cannot be written to {self._report_file}: {error.strerror or error}"
            log.error(self._report_failure)

    def _measure(self, _action: MeasureUsage) -> None:
        self._occurrences.append(Measured(self._launcher.measure(), self._latch(), time.time_ns(), self._refused()))

    def _latch(self) -> Latch | None:
        """The kill switch as the state directory has it."""
        self._latch_seen = self._latch_id()  # first: what is set between the two looks is another
        note = halt_latch.read(self._paths.halt_file)
        if note is None:
            return None
        age_ns = max(0, time.time_ns() - note.at_ns) if note.at_ns else 0
        return Latch(note.reason, age_ns, note.is_flattening, self._latch_seen)

    def _latch_id(self) -> str:
        """Names one setting of the latch; empty where there is none."""
        found = halt_latch.stamp(self._paths.halt_file)
        return "" if found is None else f"{found.inode}-{found.mtime_ns}-{found.size}"

    def _set_latch(self, action: SetLatch) -> None:
        note = halt_latch.HaltNote(
            reason=action.reason, at_ns=time.time_ns(), by=SUPERVISOR, is_flattening=action.is_flattening
        )
        halt_latch.set_halt(self._paths.halt_file, note)
        self._latch_seen = self._latch_id()

    def _clear_latch(self, _action: ClearLatch) -> None:
        """Take away the latch that the core knew of; another one stays, and is obeyed when it is looked at next."""
        note = halt_latch.read(self._paths.halt_file)
        if note is None or self._latch_id() == self._latch_seen:
            halt_latch.clear_halt(self._paths.halt_file)
        else:
            log.warning("halted again meanwhile: the latch stays", by=note.by, reason=note.reason)

    def _log(self, action: Log) -> None:
        getattr(log, action.level)(action.event, **action.fields)
        if action.level == "error":
            self._ledger.enter(incident(action.event, action.fields))

    def _audit(self, action: Audit) -> None:
        log.info("audit", kind=action.kind, subject=action.subject, payload=to_plain(action.payload))
        self._ledger.enter(Audited(*action))

    def _enter_ledger(self, action: EnterLedger) -> None:
        self._ledger.enter(action.entry)

    def _send_news(self, action: SendNews) -> None:
        if self._unsaved is not None and isinstance(action.news, LeaseGrant):
            self._save(self._unsaved)  # what a grant allows is on the disk before it is sent
        self._addresses.send(action.child, encode(action.news))

    def _set_alarm(self, action: SetAlarm) -> None:
        self.mailbox.wake_at(action.mono_ns)

    def _exit(self, action: Exit) -> None:
        is_lost = action.code == EXIT_CLEAN and self._report_failure
        self._outcome.exit_code = EXIT_FAILED if is_lost else action.code
        self._outcome.cause = "; ".join(text for text in (action.cause, self._report_failure) if text)
        self.stop()

    # --- processes ----------------------------------------------------------------------------------------------

    def _spec_file(self, name: str) -> Path:
        return self._paths.specs_dir / f"{name}.json"

    def _watch(self) -> None:
        """Hear of the end of every process that lives, and of no other: descriptors are closed and used again."""
        living = self._launcher.descriptors()
        for fd in self._watched - living:
            self.mailbox.unwatch(fd)
        for fd in living - self._watched:
            self.mailbox.watch(fd)
        self._watched = living


# Any: each doing takes the one action that its row names.
_DOINGS: Final[dict[type[Action], Callable[[SupervisorActor, Any], None]]] = {
    StartChild: SupervisorActor._start,
    KillChild: SupervisorActor._kill,
    Dispatch: SupervisorActor._send,
    ReplyOperator: SupervisorActor._reply,
    SaveRegistry: SupervisorActor._save,
    SetLatch: SupervisorActor._set_latch,
    ClearLatch: SupervisorActor._clear_latch,
    WriteReport: SupervisorActor._write_report,
    MeasureUsage: SupervisorActor._measure,
    Log: SupervisorActor._log,
    Audit: SupervisorActor._audit,
    EnterLedger: SupervisorActor._enter_ledger,
    SendNews: SupervisorActor._send_news,
    SetAlarm: SupervisorActor._set_alarm,
    Exit: SupervisorActor._exit,
}
