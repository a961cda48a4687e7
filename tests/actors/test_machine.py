"""The state machine core: lookups, checks at definition, and errors that leave the machine unchanged."""

from enum import Enum

import pytest

from actors.machine import IllegalTransition, InvalidTable, Machine, MachineError, UnexpectedMessage, on


class Door(Enum):
    SHUT = "nobody passes"
    OPEN = "anybody passes"
    GONE = "there is no door"


class Push:
    pass


class Pull:
    pass


class Fire:
    pass


class DoorMachine(Machine[Door]):
    initial = Door.SHUT
    terminal = frozenset({Door.GONE})

    def open_up(self, _push):
        return Door.OPEN, ["creak"]

    def shut(self, _pull):
        return Door.SHUT, ["click"]

    def hold(self, _push):
        return Door.OPEN, []

    def burn(self, _fire):
        return Door.GONE, []

    transitions = {
        Door.SHUT: {Push: on(open_up, Door.OPEN), Fire: on(burn)},
        Door.OPEN: {Pull: on(shut, Door.SHUT), Push: on(hold), Fire: on(burn, Door.GONE)},
        Door.GONE: {},
    }


def test_a_new_machine_is_in_its_initial_state():
    assert Door.SHUT is DoorMachine().state


def test_a_message_runs_its_handler_and_moves_to_the_state_it_names():
    machine = DoorMachine()
    assert ["creak"] == machine.on_message(Push())
    assert Door.OPEN is machine.state
    assert ["click"] == machine.on_message(Pull())
    assert Door.SHUT is machine.state


def test_a_row_without_targets_leaves_the_state_as_it_is():
    machine = DoorMachine()
    machine.on_message(Push())
    assert [] == machine.on_message(Push())
    assert Door.OPEN is machine.state


def test_a_message_without_a_row_is_an_error_that_names_message_and_state():
    machine = DoorMachine()
    with pytest.raises(UnexpectedMessage, match="Pull while SHUT in DoorMachine"):
        machine.on_message(Pull())
    assert Door.SHUT is machine.state


def test_a_handler_that_breaks_its_row_leaves_the_machine_where_it_was():
    machine = DoorMachine()
    with pytest.raises(IllegalTransition, match=r"Fire while SHUT led to GONE .*; its row allows \[\]"):
        machine.on_message(Fire())
    assert Door.SHUT is machine.state


def test_the_rows_of_the_new_state_apply_after_a_transition():
    machine = DoorMachine()
    machine.on_message(Push())
    machine.on_message(Fire())
    assert Door.GONE is machine.state
    with pytest.raises(UnexpectedMessage):
        machine.on_message(Push())


def test_a_class_without_a_table_is_a_base_and_is_not_checked():
    class Base(Machine[Door]):
        pass

    assert issubclass(Base, Machine)


def define(table, terminal=frozenset()):
    return type("Faulty", (Machine,), {"initial": Door.SHUT, "transitions": table, "terminal": terminal})


def stay(machine, _message):
    return machine.state, []


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        ({Door.SHUT: {Push: on(stay, Door.OPEN)}, Door.OPEN: {}}, "state GONE has no rows"),
        ({Door.SHUT: {}, Door.OPEN: {}, Door.GONE: {}, "ajar": {}}, "'ajar' is not a state"),
        ({Door.SHUT: {"push": on(stay)}, Door.OPEN: {}, Door.GONE: {}}, "SHUT x push: the key is not a message type"),
        ({Door.SHUT: {Push: on("stay")}, Door.OPEN: {}, Door.GONE: {}}, "SHUT x Push: the handler is not callable"),
        ({Door.SHUT: {Push: on(stay, "ajar")}, Door.OPEN: {}, Door.GONE: {}}, "target 'ajar' is not a state"),
        ({Door.SHUT: {}, Door.OPEN: {}, Door.GONE: {}}, "state OPEN cannot be reached"),
        (
            {Door.SHUT: {Push: on(stay, Door.OPEN)}, Door.OPEN: {Push: on(stay, Door.OPEN)}, Door.GONE: {}},
            "state OPEN has no way out and is not named terminal",
        ),
    ],
)  # fmt: skip
def test_a_faulty_table_fails_when_the_class_is_defined(table, fault):
    with pytest.raises(InvalidTable, match=fault):
        define(table)


def test_all_faults_of_a_table_are_named_at_once():
    with pytest.raises(InvalidTable) as caught:
        define({Door.SHUT: {"push": on("stay")}})
    text = str(caught.value)
    assert "transition table of Faulty" in text
    assert text.count(";") >= 5


def test_a_subclass_inherits_the_table_of_its_parent():
    class Gate(DoorMachine):
        pass

    machine = Gate()
    machine.on_message(Push())
    assert Door.OPEN is machine.state


def test_every_error_of_the_module_has_one_base():
    assert all(issubclass(error, MachineError) for error in (InvalidTable, UnexpectedMessage, IllegalTransition))
