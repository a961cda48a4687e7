"""What the supervisor must remember over its own death: epochs for ever, the children, the state of a run, and what the
operator has asked for.

One JSON file, replaced as a whole: whoever reads it sees the old content or the new one, on the disk too.
"""

import os
from decimal import Decimal
from pathlib import Path
from typing import Literal

import msgspec

from messages.from_child import StrategyFault
from supervisor.risk.records import RiskRecord

REGISTRY_MODE = 0o600


class RegistryDamaged(Exception):
    """The registry cannot be read; epochs would be issued twice."""


class ChildRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A child as it was last known.

    :param pid: 0 where no process runs.
    :param created_s: start time of the process, seconds since the epoch; it moves when the wall clock is set.
    :param birth: as `process_birth.birth_of` says; with the pid, it names a process uniquely. Empty where the system
        does not tell it, or an older version of the project has written the record: `created_s` counts then.
    :param restarted_ns: of the restarts that count against its intensity; monotonic clock of this boot.
    :param is_done: ended by itself with its work done, or stopped by name.
    :param began_paused: its process was told at its start that it is paused, and was not resumed since.
    :param owes_resume: the operator has ended a halt, and the strategy has not said yet that it knows.
    """

    pid: int = 0
    created_s: float = 0.0
    is_ready: bool = False
    is_quarantined: bool = False
    is_done: bool = False
    restarts: int = 0
    restarted_ns: tuple[int, ...] = ()
    began_paused: bool = False
    owes_resume: bool = False
    birth: str = ""


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The run that the children belong to; a new one begins where none of them lives.

    :param trading_since_ns: monotonic clock of this boot; None before trading began.
    :param is_halted: only `unhalt` ends it. `is_latched`: it outlives the run.
    :param halts: how many halts there were; part of the ids of the commands that tell of them.
    :param halted_ns: monotonic clock of this boot; None where it is not known.
    :param halt_id: of the command that tells of the present halt, whoever tells it.
    :param is_flattening: the halt closes positions, too.
    :param unhalted_latch: id of the latch that the operator has ended last: it is obeyed no more, should the supervisor
        have died before it was gone.
    :param failure: why it failed; empty where it did not.
    :param supervisor_restarts: how often another supervisor took the run over.
    """

    trading_since_ns: int | None = None
    is_halted: bool = False
    is_exhausted: bool = False
    is_stopping: bool = False
    is_failed: bool = False
    halt_reason: str = ""
    failure: str = ""
    supervisor_restarts: int = 0
    is_latched: bool = False
    is_flattening: bool = False
    halts: int = 0
    halted_ns: int | None = None
    halt_id: str = ""
    unhalted_latch: str = ""


class Standing(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the operator has asked of one strategy, and holds until the run ends.

    :param is_stopped: it was stopped by name, and is not started before `start`.
    :param changes: parameters by path, each as it would be written in a config.
    :param priority: 0: as configured.
    :param table: the TOML that it was added by; empty where the config has it.
    """

    is_paused: bool = False
    is_stopped: bool = False
    is_removed: bool = False
    changes: dict[str, str] = {}
    priority: int = 0
    table: str = ""


class Answer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a command of the operator was answered with; it is answered in the same way when it comes again."""

    command_id: str
    outcome: Literal["accepted", "done", "failed", "refused"]
    text: str


class JobRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Something that the operator, or a policy, has asked for and that is under way.

    :param action: names the kind of job; `strategy` is empty for one of the whole cluster.
    :param changes: of parameters, by path; :param before: those that held before, where they are changed already.
    """

    action: str
    strategy: str
    command_ids: tuple[str, ...] = ()
    changes: dict[str, str] = {}
    before: dict[str, str] | None = None


class Registry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """:param incarnation: of the supervisor; part of the ids of its commands.
    :param epochs: the last one issued to each strategy.
    :param standing: by strategy, what the operator has asked of it; :param limits: by path, those set while it ran.
    :param answers: to the latest commands; :param jobs: those that are not done yet.
    :param risk: which leases are out, who is restricted, and what losses are measured from.
    :param alerts: the newest ones, of `alerts_total`; :param faults: the newest ones, their tracebacks cut.
    """

    incarnation: int = 0
    epochs: dict[str, int] = msgspec.field(default_factory=dict)
    children: dict[str, ChildRecord] = msgspec.field(default_factory=dict)
    run: RunRecord = RunRecord()
    standing: dict[str, Standing] = msgspec.field(default_factory=dict)
    limits: dict[str, Decimal] = msgspec.field(default_factory=dict)
    answers: tuple[Answer, ...] = ()
    jobs: tuple[JobRecord, ...] = ()
    alerts: tuple[str, ...] = ()
    alerts_total: int = 0
    faults: tuple[StrategyFault, ...] = ()
    risk: RiskRecord = RiskRecord()

    @property
    def has_lost_children(self) -> bool:
        """Of a registry none of whose children lives: whether any of them was alive when it was written."""
        return any(record.pid for record in self.children.values())

    def without_run(self, *, keeps_halt: bool) -> "Registry":
        """What is remembered when nothing lives any more: the epochs, and halts that nobody has ended."""
        run = RunRecord()
        if keeps_halt and self.run.is_halted:
            run = _halt_of(self.run)
        risk = self.risk.without_run(keeps_states=keeps_halt)
        return Registry(incarnation=self.incarnation, epochs=self.epochs, run=run, risk=risk)

    def without_halt(self) -> "Registry":
        """The same after the operator has ended the halt of a cluster of which nothing runs."""
        run = msgspec.structs.replace(self.run, is_halted=False, is_latched=False, is_flattening=False, halt_reason="")
        run = msgspec.structs.replace(run, halted_ns=None)
        return msgspec.structs.replace(self, run=run, risk=self.risk.without_halt())


def _halt_of(run: RunRecord) -> RunRecord:
    return RunRecord(
        is_halted=True,
        halt_reason=run.halt_reason,
        is_latched=run.is_latched,
        is_flattening=run.is_flattening,
        halts=run.halts,
        halted_ns=run.halted_ns,
        halt_id=run.halt_id,
    )


def load(path: Path) -> Registry:
    """Read the registry; an empty one where there is none yet.

    :raises RegistryDamaged: it is there and cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Registry)
    except FileNotFoundError:
        return Registry()
    except (msgspec.MsgspecError, ValueError) as error:
        raise RegistryDamaged(
            f"registry {path} cannot be read: {error}; put its last good copy back (deleting it would issue the same "
            "epochs again, so delete the state directory with it); what has been granted since then is heard from the "
            "gateways that run: nothing is known of one that does not, so look first at what it holds at its venue"
        ) from error


def save(path: Path, registry: Registry) -> None:
    """Replace the registry; when this returns, the new one is on the disk."""
    beside = path.with_name(f".{path.name}.new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, REGISTRY_MODE)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(registry)))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
