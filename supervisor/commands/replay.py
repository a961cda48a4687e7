"""`outcry replay`: run strategies again from their journals, and show the first answer that is another one now."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from actors.replay import Difference, Replay, Replayed, describe
from actors.runtime.input_journal import JournalStep, read_steps
from actors.runtime.journal import JournalError
from actors.runtime.journal_header import FILE_NAME, JournalHeader, read_header
from actors.runtime.strategy_kinds import strategy_class
from actors.strategies.strategy import Strategy, StrategyError
from supervisor.commands.base import app, examples, failure, write_json
from supervisor.commands.exit_codes import BAD_USAGE, FAILED
from supervisor.plain import to_plain

SHOW_EVERY: Final = 5_000
"""Inputs between two words of progress."""


@app.command(
    epilog=examples(
        "outcry replay var/demo/journal/strategy-carry-btc",
        "outcry replay var/demo/journal                 # every strategy of the run",
        "outcry replay var/demo/journal/strategy-carry-btc --order demo-carrybtc-e1-12",
        "outcry replay var/demo/journal/strategy-carry-btc --set min_edge_bps=3",
    )
)
def replay(
    journal: Annotated[
        Path, typer.Argument(metavar="JOURNAL", help="The folder of a strategy's input journal, or of several.")
    ],
    *,
    order: Annotated[
        str | None, typer.Option("--order", metavar="ID", help="Show what led to this order, and what became of it.")
    ] = None,
    orders: Annotated[
        Path | None,
        typer.Option(
            "--orders",
            metavar="FILE",
            help="Write each order, amendment and cancel as sent, a frame in hex a line.",
        ),
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Replay with another parameter: where would it have parted?"),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write the result as JSON.")] = False,
) -> None:
    """Run a strategy again from its journal and compare every answer; the first difference is shown with its causes.

    Exit code 0: the same answers to the byte; 1: not the same.
    """
    results = [_replayed(folder, order, orders, settings or [], as_json=as_json) for folder in _folders(journal)]
    if as_json:
        write_json([_plain(header, result) for header, result in results])
    if any(result.difference is not None for _, result in results):
        raise typer.Exit(FAILED)


def _folders(journal: Path) -> list[Path]:
    if (journal / FILE_NAME).is_file():
        return [journal]
    found = sorted(file.parent for file in journal.glob(f"*/{FILE_NAME}"))
    if not found:
        raise failure(
            f"{journal} has no {FILE_NAME} and no folder with one; give the folder of a strategy's input journal, "
            "e.g. var/demo/journal/strategy-carry-btc",
            BAD_USAGE,
        )
    return found


def _replayed(
    folder: Path, order: str | None, orders: Path | None, settings: list[str], *, as_json: bool
) -> tuple[JournalHeader, Replayed]:
    try:
        header = read_header(folder)
        replay = Replay(_strategy(header, settings), keep_orders=orders is not None)
        steps = _explained(read_steps(folder), replay, order) if order else read_steps(folder)
        result = replay.run(_watched(steps, header.strategy, is_shown=not as_json))
    except (JournalError, StrategyError, msgspec.ValidationError) as error:
        raise failure(f"{folder}: {error}", BAD_USAGE) from error
    if orders is not None:
        orders.write_text("".join(f"{frame.hex()}\n" for frame in replay.order_frames), encoding="ascii")
    if not as_json:
        _show(header, result)
    if order is not None and replay.causes.order(order) is None:
        raise failure(f"{header.strategy} sent no order {order} in this journal", BAD_USAGE)
    return header, result


def _strategy(header: JournalHeader, settings: list[str]) -> Strategy[Any]:
    kind = strategy_class(header.kind)
    written = {**header.parameters, **dict(_setting(text) for text in settings)}
    parameters = msgspec.convert(written, kind.parameters_type, strict=False)
    return kind(header.strategy, {instrument.id: instrument for instrument in header.instruments}, parameters)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise failure(f"--set {text}: expected KEY=VALUE, e.g. --set min_edge_bps=3", BAD_USAGE)
    return name.strip(), value.strip()


def _watched(steps: Iterator[JournalStep], name: str, *, is_shown: bool) -> Iterator[JournalStep]:
    """The same steps, with a word of progress on a terminal."""
    console = Console(stderr=True)
    if not is_shown or not console.is_terminal:
        yield from steps
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}: {task.completed:,} inputs"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(f"replaying {name}", total=None)
        for number, step in enumerate(steps, start=1):
            if number % SHOW_EVERY == 0:
                progress.update(task, completed=number)
            yield step


def _explained(steps: Iterator[JournalStep], replay: Replay, order: str) -> Iterator[JournalStep]:
    """The same steps; on the way, say what led to an order and what it was told."""
    is_sent = False
    for step in steps:
        yield step
        if not is_sent and (request := replay.causes.order(order)) is not None:
            is_sent = True
            for line in replay.causes.chain_of(request.client_order_id):
                typer.echo(line)
        elif is_sent and getattr(step.message, "client_order_id", "") == order:
            typer.echo(f"report    #{replay.result.inputs} {describe(step.message)}")


def _show(header: JournalHeader, result: Replayed) -> None:
    name = f"{header.strategy} ({header.kind})"
    sent = (("orders", result.orders), ("amendments", result.amendments), ("cancels", result.cancels))
    named = ", ".join(f"{count:,} {noun}" for noun, count in sent)
    counts = f"{result.inputs:,} inputs, {result.answers:,} answers, of them {named}"
    if result.difference is None:
        lost = f"; {result.lost} more that a death had lost" if result.lost else ""
        typer.echo(f"{name}: {counts}: the same to the byte{lost}")
        return
    typer.echo(f"{name}: after {counts} that are the same:")
    for line in _difference_lines(result.difference):
        typer.echo(f"  {line}")


def _difference_lines(difference: Difference) -> Iterator[str]:
    yield f"input #{difference.told.number} is answered otherwise ({difference.told.before} → {difference.told.after})"
    if difference.error:
        yield f"now raises {difference.error}"
    else:
        yield f"then: {_answer(difference.expected)}"
        yield f"now:  {_answer(difference.got)}"
    yield from difference.chain


def _answer(answer: Any) -> str:
    return "no answer" if answer is None else describe(answer)


def _plain(header: JournalHeader, result: Replayed) -> dict[str, object]:
    difference = result.difference
    return {
        "strategy": header.strategy,
        "kind": header.kind,
        "is_same": difference is None,
        "inputs": result.inputs,
        "answers": result.answers,
        "orders": result.orders,
        "amendments": result.amendments,
        "cancels": result.cancels,
        "lost": result.lost,
        "difference": None
        if difference is None
        else {
            "input": difference.told.number,
            "message": describe(difference.told.message),
            "before": difference.told.before,
            "after": difference.told.after,
            "then": to_plain(difference.expected),
            "now": to_plain(difference.got),
            "error": difference.error,
            "chain": list(difference.chain),
        },
    }
