"""Mermaid state diagrams drawn from transition tables, for the docs and the terminal."""

from collections import defaultdict
from enum import Enum

from actors.machine import Table


def mermaid(initial: Enum, table: Table, terminal: frozenset[Enum] = frozenset()) -> str:
    """Draw a table as a Mermaid `stateDiagram-v2`; arrows between the same two states share one line."""
    lines = ["stateDiagram-v2", f"    [*] --> {initial.name}"]
    lines += [f"    {state.name}: {state.name}<br/>{state.value}" for state in type(initial)]
    drawn = arrows(type(initial), table)
    lines += [f"    {source} --> {target}: {', '.join(names)}" for (source, target), names in drawn.items()]
    lines += [f"    {state.name} --> [*]" for state in sorted(terminal, key=lambda state: state.name)]
    return "\n".join(lines) + "\n"


def arrows(states: type[Enum], table: Table) -> dict[tuple[str, str], tuple[str, ...]]:
    """(state, other state) → names of the messages that may lead there, sorted; in the order of the table."""
    order = {state: number for number, state in enumerate(states)}
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for state, rows in table.items():
        for message, row in rows.items():
            for target in sorted(row.targets, key=order.__getitem__):
                if target is not state:
                    found[state.name, target.name].append(message.__name__)
    return {states: tuple(sorted(names)) for states, names in found.items()}
