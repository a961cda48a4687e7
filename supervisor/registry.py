"""What the supervisor must remember over its own death: epochs for ever, the children and the state of a run.

One JSON file, replaced as a whole: whoever reads it sees the old content or the new one, on the disk too.
"""

import os
from pathlib import Path

import msgspec

REGISTRY_MODE = 0o600


class RegistryDamaged(Exception):
    """The registry cannot be read; epochs would be issued twice."""


class ChildRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A child as it was last known.

    :param pid: 0 where no process runs.
    :param created_s: start time of the process, seconds since the epoch; with the pid, it names a process uniquely.
    :param restarted_ns: of the restarts that count against its intensity; monotonic clock of this boot.
    :param is_done: ended by itself with its work done.
    """

    pid: int = 0
    created_s: float = 0.0
    is_ready: bool = False
    is_quarantined: bool = False
    is_done: bool = False
    restarts: int = 0
    restarted_ns: tuple[int, ...] = ()


class RunRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The run that the children belong to; a new one begins where none of them lives.

    :param trading_since_ns: monotonic clock of this boot; None before trading began.
    :param is_halted: it outlives a run that did not end in good order.
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


class Registry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """:param incarnation: of the supervisor; part of the ids of its commands.
    :param epochs: the last one issued to each strategy.
    """

    incarnation: int = 0
    epochs: dict[str, int] = msgspec.field(default_factory=dict)
    children: dict[str, ChildRecord] = msgspec.field(default_factory=dict)
    run: RunRecord = RunRecord()

    @property
    def has_lost_children(self) -> bool:
        """Of a registry none of whose children lives: whether any of them was alive when it was written."""
        return any(record.pid for record in self.children.values())

    def without_run(self, *, keeps_halt: bool) -> "Registry":
        """What is remembered when nothing lives any more: the epochs, and a halt that nobody has ended."""
        run = RunRecord()
        if keeps_halt and self.run.is_halted:
            run = RunRecord(is_halted=True, halt_reason=self.run.halt_reason)
        return Registry(incarnation=self.incarnation, epochs=self.epochs, run=run)


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
            "epochs again, so delete the state directory with it)"
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
