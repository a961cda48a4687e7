"""How a command asks something of a running cluster: it says beforehand what would happen, waits, and tells the end."""

import sys
import time
from collections.abc import Callable
from typing import Any, Final

import msgspec
import typer

from messages.operator import (
    CommandAccepted,
    CommandFinished,
    CommandRefused,
    ConfirmationNeeded,
    FromOperator,
    ToOperator,
)
from supervisor.commands.base import failure, write_json
from supervisor.commands.connection import linked, status_of
from supervisor.commands.exit_codes import BAD_USAGE, FAILED
from supervisor.commands.options import TIMEOUT_S, Way
from supervisor.config.mistakes import nearest_name
from supervisor.operator_link import OperatorLink, new_command_id

POLL_S: Final = 0.2


def carry_out(
    request: FromOperator, way: Way, *, strategy: str = "", confirm: Callable[[str], bool] | None = None
) -> None:
    """Ask a running cluster, have it confirmed where that is needed, and tell what has become of it.

    :param strategy: that must be there; empty where none is meant.
    :param confirm: asks the operator, who has read the text, whether it is to be done.
    """
    with linked(way.config, way.cluster, way.state) as (link, _):
        if strategy:
            _check_name(link, strategy)
        reply = link.request(request)
        if isinstance(reply, ConfirmationNeeded):
            have_confirmed(reply.text, way, confirm or _ask)
            request = msgspec.structs.replace(request, command_id=new_command_id(), token=reply.token)
            reply = link.request(request)
        if not way.no_wait:
            reply = _awaited(link, request, reply, TIMEOUT_S if way.timeout_s is None else way.timeout_s)
    _tell(reply, way)


def _check_name(link: OperatorLink, strategy: str) -> None:
    names = [status.id for status in status_of(link).strategies]
    if strategy not in names:
        nearest = nearest_name(strategy, names)
        hint = f"did you mean {nearest}?" if nearest else f"there are: {', '.join(names) or 'none'}"
        raise failure(f"no strategy {strategy}; {hint}", BAD_USAGE)


def have_confirmed(text: str, way: Way, confirm: Callable[[str], bool]) -> None:
    """Say what would be done, and go on only if the operator says so."""
    if not way.as_json:
        typer.echo(text, err=not way.is_sure)
    if way.is_sure:
        return
    if way.as_json or not _is_at_terminal():
        if way.as_json:
            write_json({"outcome": "confirmation-needed", "text": text})
        raise failure("nothing was done: say it again with --yes if that is what you want", BAD_USAGE)
    if not confirm(text):
        raise failure("nothing was done", FAILED)


def _is_at_terminal() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty()


def _ask(_text: str) -> bool:
    return typer.confirm("Do it?", err=True)


def _awaited(link: OperatorLink, request: FromOperator, reply: ToOperator, timeout_s: float) -> ToOperator:
    """Ask again until it has ended: the cluster does it once, and says how far it is."""
    deadline, shown = time.monotonic() + timeout_s, ""
    while isinstance(reply, CommandAccepted):
        if time.monotonic() >= deadline:
            text = f"not done within {timeout_s:g} s, and still under way: {reply.text}; see `outcry status`"
            return CommandFinished(reply.command_id, is_ok=False, text=text)
        if reply.text != shown and sys.stderr.isatty():
            shown = reply.text
            typer.echo(f"… {shown}", err=True)
        time.sleep(POLL_S)
        reply = link.request(request)
    return reply


def _tell(reply: ToOperator, way: Way) -> None:
    """Say how it ended, and end the command by it."""
    assert isinstance(reply, CommandAccepted | CommandFinished | CommandRefused | ConfirmationNeeded)
    is_good = isinstance(reply, CommandAccepted) or (isinstance(reply, CommandFinished) and reply.is_ok)
    if way.as_json:
        write_json(_described(reply))
    else:
        typer.echo(reply.text, err=not is_good)
    if not is_good:
        raise typer.Exit(FAILED)


def _described(reply: Any) -> dict[str, str]:  # Any: one of the four that `_tell` takes
    outcomes: dict[type, str] = {
        CommandAccepted: "accepted",
        CommandRefused: "refused",
        ConfirmationNeeded: "confirmation-needed",
    }
    outcome = outcomes.get(type(reply)) or ("done" if reply.is_ok else "failed")
    return {"outcome": outcome, "command_id": reply.command_id, "text": reply.text}
