"""The transition table of market making is complete, and its docs page says what the code does."""

from pathlib import Path

import msgspec
import pytest

from actors.diagram import mermaid
from actors.strategies.market_making.desk import State
from actors.strategies.market_making.strategy import MarketMaking
from actors.strategies.strategy import INPUTS

DOCS = Path(__file__).parents[4] / "docs" / "strategies" / "market_making.md"


@pytest.mark.parametrize("state", list(State))
def test_every_input_has_a_row(state):
    assert set(INPUTS) <= set(MarketMaking.transitions[state])


def test_the_diagram_in_the_docs_is_that_of_the_table():
    drawn = DOCS.read_text().split("```mermaid\n")[1].split("```")[0]
    assert mermaid(MarketMaking.initial, MarketMaking.transitions, MarketMaking.terminal) == drawn


@pytest.mark.parametrize("field", msgspec.structs.fields(MarketMaking.parameters_type), ids=lambda field: field.name)
def test_the_docs_name_every_parameter_with_its_default(field):
    default = "" if field.required else "none" if field.default is None else field.default
    shown = ("no", "yes")[default] if isinstance(default, bool) else default
    assert f"| `{field.name}` | {shown} |" in DOCS.read_text()
