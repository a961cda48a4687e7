"""The outcome of every fault as a table for a terminal."""

from collections.abc import Sequence
from decimal import Decimal

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from supervisor.faults.run import Outcome

CENT = Decimal("0.01")


def table_of(kind: str, outcomes: Sequence[Outcome]) -> Table:
    """One line for each run of one kind; costs in quote currency, of the whole cycle with its fees."""
    table = Table(title=f"{kind}: faults of one leg, on simulated venues", title_justify="left", box=SIMPLE_HEAD)
    for name in ("what happens", "end state", "cycle"):
        table.add_column(name)
    for name in ("not hedged", "cost", "budget", "orders", "repairs"):
        table.add_column(name, justify="right")
    table.add_column("")
    for outcome in outcomes:
        table.add_row(
            outcome.scenario,
            outcome.state,
            outcome.result,
            f"{outcome.residual.normalize():f}",
            str(outcome.cost.quantize(CENT)),
            str(outcome.loss_budget.quantize(CENT)),
            str(outcome.orders),
            str(outcome.repairs),
            Text(f"FAILED: {outcome.failure}", style="bold red") if outcome.failure else Text("ok", style="green"),
        )
    return table
