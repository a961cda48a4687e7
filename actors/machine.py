"""The state machine core: states as an Enum, one transition table, one lookup per message.

A machine hears messages and answers with messages; it does no I/O and knows neither clock nor randomness. Its table
maps (state, message type) to a handler and the states that the handler may lead to:

    transitions = {
        State.FLAT: {Quote: on(enter_when_rich, State.ENTERING)},
        State.ENTERING: {Quote: on(watch), Fill: on(count_entry, State.HEDGED)},
        ...
    }

A row that does not name a target leaves the state as it is. A message without a row is an error, never silence. The
table is checked when the class is defined, and the diagram in the docs is drawn from it (`actors/diagram.py`).
"""

from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

StateT = TypeVar("StateT", bound=Enum)
Outputs = Sequence[Any]
"""Messages to send, in order."""

Reaction = tuple[StateT, Outputs]
"""What a handler returns: the next state, and the messages to send."""

Handler = Callable[[Any, Any], Reaction[Any]]


class MachineError(Exception):
    """Base of the errors of this module."""


class InvalidTable(MachineError):
    """The transition table of a class is wrong: a state without rows, a target that is no state, ..."""


class UnexpectedMessage(MachineError):
    """There is no row for this message in this state; the machine is unchanged."""


class IllegalTransition(MachineError):
    """A handler led to a state that its row does not name; the machine stays in its state."""


class Row(NamedTuple):
    """One row of a table: the handler of a message, and where it may lead (empty: the state stays)."""

    handler: Handler
    targets: frozenset[Enum]


def on(handler: Handler, *targets: Enum) -> Row:
    """Name the handler of a message and every state other than the present one that it may lead to."""
    return Row(handler, frozenset(targets))


Rows = Mapping[type, Row]
Table = Mapping[Any, Rows]


class Machine(Generic[StateT]):
    """A state machine. Subclasses that set `initial` and `transitions` are checked when they are defined.

    :cvar initial: the state of a new machine.
    :cvar transitions: state → message type → row.
    :cvar terminal: states that have no way out on purpose.
    :cvar not_in_snapshot: attributes that follow from the class and the others; each class names its own.
    """

    initial: ClassVar[Enum]
    transitions: ClassVar[Table]
    terminal: ClassVar[frozenset[Enum]] = frozenset()
    _rows: Rows
    not_in_snapshot: ClassVar[frozenset[str]] = frozenset({"_rows"})

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "transitions" in cls.__dict__:
            check_table(cls.__name__, cls.initial, cls.transitions, cls.terminal)

    def __init__(self) -> None:
        self._enter(self.initial)  # type: ignore[arg-type]  # checked: a member of StateT

    @property
    def state(self) -> StateT:
        return self._state

    def on_message(self, message: Any) -> Outputs:
        """Hear one message and answer with the messages to send.

        :raises UnexpectedMessage: the table has no row for it in this state; nothing has changed.
        :raises IllegalTransition: the handler broke its row.
        """
        row = self._rows.get(type(message))
        if row is None:
            raise UnexpectedMessage(f"{type(message).__name__} while {self._state.name} in {type(self).__name__}")
        handler, targets = row
        target, outputs = handler(self, message)
        if target is not self._state:
            if target not in targets:
                raise IllegalTransition(
                    f"{type(message).__name__} while {self._state.name} led to {target.name} in "
                    f"{type(self).__name__}; its row allows {sorted(state.name for state in targets)}"
                )
            self._enter(target)
        return outputs

    def after_restore(self) -> None:
        """Its attributes were taken from a snapshot (`actors/snapshot.py`): find the rows of the state again."""
        self._rows = self.transitions[self._state]

    def _enter(self, state: StateT) -> None:
        self._state = state
        self._rows = self.transitions[state]


def check_table(name: str, initial: Enum, table: Table, terminal: frozenset[Enum]) -> None:
    """Check a transition table as a whole.

    :raises InvalidTable: naming every fault found.
    """
    states = set(type(initial))
    faults = [f"state {state.name} has no rows" for state in states if state not in table]
    faults += [f"{key!r} is not a state" for key in table if key not in states]
    for state, rows in table.items():
        for message, row in rows.items():
            where = f"{getattr(state, 'name', state)} x {getattr(message, '__name__', message)}"
            if not isinstance(message, type):
                faults.append(f"{where}: the key is not a message type")
            if not callable(row.handler):
                faults.append(f"{where}: the handler is not callable")
            faults += [f"{where}: target {target!r} is not a state" for target in row.targets if target not in states]
    reached = _reachable(initial, table)
    faults += [f"state {state.name} cannot be reached" for state in states - reached]
    for state in states - terminal:
        ways_out = {target for row in table.get(state, {}).values() for target in row.targets} - {state}
        if not ways_out:
            faults.append(f"state {state.name} has no way out and is not named terminal")
    if faults:
        raise InvalidTable(f"transition table of {name}: " + "; ".join(sorted(faults)))


def _reachable(initial: Enum, table: Table) -> set[Enum]:
    reached, frontier = {initial}, [initial]
    while frontier:
        for row in table.get(frontier.pop(), {}).values():
            new = set(row.targets) - reached
            reached |= new
            frontier += new
    return reached
