"""How the kinds of strategies look in a terminal of 80 columns or more."""

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from actors.strategies.strategy import ENDINGS
from supervisor.strategy_catalogue import KindDetails, KindRow, ParameterRow, StateRow, TransitionRow

NAME_WIDTH = 20
"""Of a parameter, beside its facts; those of longer names stand on a line of their own."""

_INDENT = (0, 0, 0, 4)

ORDER_ENDS = "an order's end"
_ENDS = frozenset(message.__name__ for message in ENDINGS)


def render_kinds(rows: Iterable[KindRow]) -> RenderableType:
    """All kinds, one a row; what is wrong with one is told below the others."""
    listed = list(rows)
    table = _table()
    for row in listed:
        about = Text(row.purpose) if not row.fault else Text("cannot be used, see below", "red")
        about.append(f" ({row.origin})", "dim")
        table.add_row(Text(row.kind, "bold"), about)
    faults = [Text(f"! {row.fault}", "red") for row in listed if row.fault]
    more = Text("outcry strategies KIND shows parameters and states", "dim")
    return Group(table, *faults, Text(), more)


def render_details(details: KindDetails) -> RenderableType:
    heading = Text.assemble((details.kind, "bold"), f" ({details.origin})")
    return Group(
        heading,
        Text(details.purpose),
        _titled("Parameters", _parameters(details.parameters)),
        _titled("States", _states(details.states)),
        _titled("Transitions", _transitions(details.transitions)),
        Text(f"{ORDER_ENDS}: {', '.join(sorted(_ENDS))}", "dim"),
    )


def _parameters(rows: Iterable[ParameterRow]) -> RenderableType:
    """The description below name and facts: names of tables within tables leave no room for a third column."""
    lines: list[RenderableType] = []
    for row in rows:
        facts = Text(_facts(row), "cyan")
        if len(row.name) > NAME_WIDTH:
            lines += [Text(row.name, "bold"), Padding(facts, _INDENT)]
        else:
            head = _table()
            head.add_row(Text(row.name.ljust(NAME_WIDTH), "bold"), facts)
            lines.append(head)
        lines.append(Padding(Text(row.description), _INDENT))
    return Group(*lines)


def _facts(row: ParameterRow) -> str:
    facts = (
        f"{row.type} ({row.unit})" if row.unit else row.type,
        row.range,
        "required" if row.is_required else f"default {row.default}",
    )
    return ", ".join(fact for fact in facts if fact)


def _states(rows: Iterable[StateRow]) -> Table:
    table = _table()
    for row in rows:
        table.add_row(Text(row.name, "bold"), row.meaning)
    return table


def _transitions(rows: Iterable[TransitionRow]) -> Table:
    """By state: where it may lead, and what may lead there."""
    targets: dict[str, dict[tuple[str, ...], list[str]]] = {}
    for row in rows:
        targets.setdefault(row.source, {}).setdefault(row.messages, []).append(row.target)
    table = _table()
    for source, by_messages in targets.items():
        lines = [
            Text.assemble((f"→ {', '.join(names)}", "cyan"), f" on {', '.join(_shortened(messages))}")
            for messages, names in by_messages.items()
        ]
        table.add_row(Text(source, "bold"), Group(*lines))
    return table


def _shortened(messages: tuple[str, ...]) -> list[str]:
    """The four ends of an order in one word, where all of them lead to the same states."""
    if not _ENDS.issubset(messages):
        return list(messages)
    return [ORDER_ENDS, *(name for name in messages if name not in _ENDS)]


def _titled(title: str, content: RenderableType) -> RenderableType:
    return Group(Text(), Text(title, "underline"), Padding(content, (0, 0, 0, 2)))


def _table() -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    return table
