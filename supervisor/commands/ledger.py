"""The commands that read the ledger, with the cluster running or not: orders, fills, positions, pnl, audit."""

import datetime
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from rich.console import RenderableType

from supervisor.cluster_finder import AmbiguousCluster
from supervisor.commands.base import app, examples, failure, write_json
from supervisor.commands.exit_codes import BAD_USAGE, FAILED
from supervisor.commands.options import (
    SHOWN,
    Choice,
    ClusterOption,
    ConfigArgument,
    LastOption,
    RowsAsJsonOption,
    SinceOption,
    StateOption,
    UntilOption,
    takes,
)
from supervisor.config import ConfigError
from supervisor.ledger.audit_chain import Broken
from supervisor.ledger.errors import LedgerError
from supervisor.ledger.view import render_audit, render_fills, render_orders, render_pnl, render_positions
from supervisor.plain import to_plain
from supervisor.tables import stdout_console

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from supervisor.ledger.queries import Row, Wanted

NS_PER_S: Final = 1_000_000_000


@app.command(epilog=examples("outcry orders", "outcry orders --strategy carry-btc --last 10", "outcry orders --json"))
@takes(Choice)
def orders(choice: Choice) -> None:
    """List orders from the ledger, oldest first: what was asked, what became of it."""
    from supervisor.ledger import queries  # noqa: PLC0415  # the database toolkit takes long to load

    _show(choice, (queries.order_rows, render_orders))


@app.command(epilog=examples("outcry fills", "outcry fills --instrument BTCUSDT --since 2026-11-24T12:00 --json"))
@takes(Choice)
def fills(choice: Choice) -> None:
    """List fills from the ledger, oldest first. A positive fee was paid, a negative one is a rebate."""
    from supervisor.ledger import queries  # noqa: PLC0415  # the database toolkit takes long to load

    _show(choice, (queries.fill_rows, render_fills))


@app.command(epilog=examples("outcry positions", "outcry positions --strategy carry-btc", "outcry positions --json"))
@takes(Choice, without={"since", "until", "last"})
def positions(choice: Choice) -> None:
    """Show what each strategy holds by the ledger: the exact sum of its fills. Flat positions are left out."""
    from supervisor.ledger import queries  # noqa: PLC0415  # the database toolkit takes long to load

    _show(choice, (queries.position_rows, render_positions), is_whole=True)


@app.command(epilog=examples("outcry pnl", "outcry pnl --strategy carry-btc --last 20", "outcry pnl --json"))
@takes(Choice, without={"gateway", "instrument"})
def pnl(choice: Choice) -> None:
    """Show profit and loss by strategy and currency: the newest, or with --since, --until or --last how it came about.

    total = realised + unrealised - fees + funding, exact.
    """
    from supervisor.ledger import queries  # noqa: PLC0415  # the database toolkit takes long to load

    _show(choice, (queries.pnl_rows, render_pnl), is_whole=True)


@app.command(epilog=examples("outcry audit", "outcry audit --verify", "outcry audit --json --since 2026-11-24"))
def audit(
    *,
    config: ConfigArgument = None,
    cluster: ClusterOption = None,
    state: StateOption = None,
    subject: Annotated[str, typer.Option("--strategy", metavar="ID", help="What concerns this strategy only.")] = "",
    since: SinceOption = "",
    until: UntilOption = "",
    last: LastOption = None,
    run: Annotated[str, typer.Option("--run", metavar="ID", help="Of one run; else of all.")] = "",
    as_json: RowsAsJsonOption = False,
    verify: Annotated[bool, typer.Option("--verify", help="Check the hash chain; exit 1 if it is broken.")] = False,
) -> None:
    """List every command, decision, halt and change, with what it was made from, oldest first; or check the chain."""
    from supervisor.ledger import queries  # noqa: PLC0415  # the database toolkit takes long to load

    since_ns, until_ns = _times(since, until, last)
    with _ledger(config, cluster, state) as (connection, found):
        _, named = queries.newest_run(connection, found)
        if verify:
            _verify(*queries.verify_audit(connection, named))
            return
        last = last or (None if as_json or since or until else SHOWN)
        wanted = queries.Wanted(run, subject, since_ns=since_ns, until_ns=until_ns, last=last)
        rows = queries.audit_rows(connection, named, wanted)
    _write(rows, lambda shown: render_audit(shown, run), as_json=as_json)


_Query = Callable[["Connection", "Wanted"], list["Row"]]


def _show(
    choice: Choice, how: tuple[_Query, Callable[[Sequence["Row"], str], RenderableType]], *, is_whole: bool = False
) -> None:
    from supervisor.ledger import queries  # noqa: PLC0415  # the database toolkit takes long to load

    query, render = how
    bounds = (*_times(choice.since, choice.until, choice.last), choice.last)
    wanted = queries.Wanted(choice.run, choice.strategy, choice.gateway, choice.instrument, *bounds)
    with _ledger(choice.config, choice.cluster, choice.state) as (connection, cluster):
        run = wanted.run or queries.newest_run(connection, cluster)[0]
        has_bound = bounds != (None, None, None)
        last = wanted.last if has_bound or choice.as_json or is_whole else SHOWN
        rows = query(connection, replace(wanted, run=run, last=last))
    _write(rows, lambda found: render(found, run), as_json=choice.as_json)


def _write(rows: Sequence["Row"], render: Callable[[Sequence["Row"]], RenderableType], *, as_json: bool) -> None:
    if as_json:
        write_json(to_plain(rows))
    else:
        stdout_console().print(render(rows))


@contextmanager
def _ledger(config: Path | None, cluster: str | None, state: Path | None) -> Iterator[tuple["Connection", str]]:
    """Open the ledger that is meant, for reading; whatever goes wrong ends the command with its exit code."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  # the database toolkit takes long to load

    from supervisor.ledger import engine, location  # noqa: PLC0415

    try:
        found = location.locate(config, cluster, state)
        made = engine.make_engine(found.url, is_writer=False)
        engine.check_readable(made)
        try:
            with made.connect() as connection:
                yield connection, found.cluster
        except SQLAlchemyError as error:
            raise engine.failed(made, error) from error
        finally:
            made.dispose()
    except (AmbiguousCluster, ConfigError) as error:
        raise failure(str(error), BAD_USAGE) from error
    except LedgerError as error:
        raise failure(str(error), FAILED) from error


def _verify(number: int, digest: str, broken: Broken | None) -> None:
    if broken is not None:
        raise failure(f"the audit is broken: {broken.text}", FAILED)
    typer.echo(f"the audit is whole: {number} rows, the newest has hash {digest}" if number else "the audit is empty")


def _times(since: str, until: str, last: int | None) -> tuple[int | None, int | None]:
    if last is not None and (since or until):
        raise failure("--last counts from the newest row: give it, or --since and --until", BAD_USAGE)
    return _ns(since, "--since"), _ns(until, "--until")


def _ns(text: str, option: str) -> int | None:
    """Nanoseconds since the epoch; a time without an offset is UTC."""
    if not text:
        return None
    try:
        moment = datetime.datetime.fromisoformat(text)
    except ValueError:
        raise failure(f"{option} {text}: expected a date or time such as 2026-11-24T12:30", BAD_USAGE) from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=datetime.UTC)
    return int(moment.timestamp()) * NS_PER_S + moment.microsecond * 1_000
