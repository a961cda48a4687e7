"""Commands to children, at least once: each is sent again until it is answered, or its deadline has passed."""

from typing import Final, NamedTuple

from messages.to_child import ChildCommand

RESEND_NS: Final = 200_000_000
COMMAND_DEADLINE_NS: Final = 30_000_000_000


class Dispatch(NamedTuple):
    """One command for one child."""

    child: str
    command: ChildCommand


class _Pending(NamedTuple):
    command: ChildCommand
    resend_ns: int
    deadline_ns: int


class PendingCommands:
    """The commands that were not answered yet, by child and command id."""

    def __init__(self) -> None:
        self._pending: dict[tuple[str, str], _Pending] = {}

    def add(self, child: str, command: ChildCommand, now_ns: int, timeout_ns: int = COMMAND_DEADLINE_NS) -> Dispatch:
        """Keep a command until it is answered; the caller sends it for the first time."""
        self._pending[child, command.command_id] = _Pending(command, now_ns + RESEND_NS, now_ns + timeout_ns)
        return Dispatch(child, command)

    def settle(self, child: str, command_id: str) -> ChildCommand | None:
        """The child has answered; returns the command, or None where it was answered before."""
        pending = self._pending.pop((child, command_id), None)
        return pending.command if pending else None

    def forget(self, child: str) -> None:
        """The process is gone; its next incarnation is told afresh."""
        for key in [key for key in self._pending if key[0] == child]:
            del self._pending[key]

    @property
    def waiting(self) -> tuple[Dispatch, ...]:
        """All that were not answered."""
        return tuple(Dispatch(child, pending.command) for (child, _), pending in self._pending.items())

    def withdraw(self, *kinds: type[ChildCommand], child: str | None = None, strategy: str | None = None) -> None:
        """These are not said again, to this child or to any: what is asked now is the opposite.

        :param strategy: only those that name it; None: whatever they name.
        """
        for (name, command_id), pending in list(self._pending.items()):
            is_about = strategy is None or getattr(pending.command, "strategy", None) == strategy
            if isinstance(pending.command, kinds) and child in (None, name) and is_about:
                del self._pending[name, command_id]

    def repeat(self, now_ns: int) -> tuple[list[Dispatch], list[Dispatch]]:
        """Take (those to send again now, those that were never answered and are given up)."""
        again, given_up = [], []
        for (child, command_id), pending in list(self._pending.items()):
            if now_ns >= pending.deadline_ns:
                del self._pending[child, command_id]
                given_up.append(Dispatch(child, pending.command))
            elif now_ns >= pending.resend_ns:
                self._pending[child, command_id] = pending._replace(resend_ns=now_ns + RESEND_NS)
                again.append(Dispatch(child, pending.command))
        return again, given_up

    @property
    def next_ns(self) -> int | None:
        """When `repeat` has something to do."""
        return min((min(item.resend_ns, item.deadline_ns) for item in self._pending.values()), default=None)
