"""Diagrams are drawn from tables, so they cannot differ from them."""

from enum import Enum

from actors.diagram import mermaid
from actors.machine import on


class Lamp(Enum):
    OFF = "dark"
    ON = "bright"
    BROKEN = "dark for good"


class Switch:
    pass


class Tick:
    pass


class Hit:
    pass


def handler(machine, _message):
    return machine.state, []


TABLE = {
    Lamp.OFF: {Switch: on(handler, Lamp.ON), Tick: on(handler)},
    Lamp.ON: {Switch: on(handler, Lamp.OFF, Lamp.ON), Tick: on(handler, Lamp.OFF), Hit: on(handler, Lamp.BROKEN)},
    Lamp.BROKEN: {},
}


def test_a_diagram_has_one_line_for_each_pair_of_states_and_the_messages_on_it():
    assert (
        "stateDiagram-v2\n"
        "    [*] --> OFF\n"
        "    OFF: OFF<br/>dark\n"
        "    ON: ON<br/>bright\n"
        "    BROKEN: BROKEN<br/>dark for good\n"
        "    OFF --> ON: Switch\n"
        "    ON --> OFF: Switch, Tick\n"
        "    ON --> BROKEN: Hit\n"
        "    BROKEN --> [*]\n"
    ) == mermaid(Lamp.OFF, TABLE, frozenset({Lamp.BROKEN}))


def test_rows_that_stay_draw_no_arrow():
    assert "OFF --> OFF" not in mermaid(Lamp.OFF, TABLE)
