"""The kill switch of the operator: `outcry halt` and `outcry unhalt`."""

from pathlib import Path
from typing import Annotated, Final

import typer

from gateways.safety.halt_reason import as_reason
from messages.operator import CommandAccepted, HaltRequest, UnhaltRequest
from supervisor.cluster_finder import (
    AmbiguousCluster,
    is_listening,
    is_orphaned,
    locate,
    locked,
)
from supervisor.commands.asking import carry_out, have_confirmed
from supervisor.commands.base import app, examples, failure, write_json
from supervisor.commands.exit_codes import BAD_USAGE, FAILED, NOT_RUNNING
from supervisor.commands.options import (
    ClusterOption,
    ConfigArgument,
    JsonOption,
    NoWaitOption,
    StateOption,
    TimeoutOption,
    Way,
    YesOption,
)
from supervisor.config import ConfigError
from supervisor.keys import OPERATOR, keyring_of
from supervisor.kill_switch import GatewayAnswer, clear_offline, halt_directly, halted_because, set_latch
from supervisor.lock import AlreadyRunning
from supervisor.operator_link import SOCKET_NAME, NotRunning, OperatorLink, OperatorLinkError, new_command_id
from supervisor.paths import ClusterPaths, UnsafePath
from supervisor.registry import RegistryDamaged

SUPERVISOR_TIMEOUT_MS: Final = 1_000


@app.command(
    epilog=examples("outcry halt", 'outcry halt --reason "venue maintenance" --cluster demo', "outcry halt --flatten")
)
def halt(
    config: ConfigArgument = None,
    *,
    cluster: ClusterOption = None,
    state: StateOption = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is shown and recorded.")] = "by the operator",
    flatten: Annotated[
        bool, typer.Option("--flatten", help="Close every position, too, at the market's price.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Stop all new orders and cancel the working ones; the cluster keeps running, halted, until `outcry unhalt`.

    Works with the supervisor dead and strategies hung: a file keeps every gateway halted over all restarts, and each
    gateway is told directly. On a cluster that does not run, the next `outcry up` starts halted.
    """
    paths, reason = _located(config, cluster, state), as_reason(reason)
    problem = _latch(paths, reason, is_flattening=flatten)
    try:
        answers = halt_directly(paths, reason, is_flattening=flatten, keyring=keyring_of(paths, OPERATOR))
    except UnsafePath as error:
        answers, problem = {}, f"{problem}; {error}".removeprefix("; ")
    supervisor = _tell_supervisor(paths, HaltRequest(new_command_id(), reason, flatten))
    if supervisor.startswith("refuses"):
        problem = f"{problem}; the supervisor {supervisor}".removeprefix("; ")
    silent = [name for name, answer in answers.items() if answer is GatewayAnswer.SILENT]
    if silent:
        problem = (
            f"{problem}; no answer from {', '.join(silent)}: end the process if its orders do not go".removeprefix("; ")
        )
    if as_json:
        told = {name: answer.value for name, answer in answers.items()}
        write_json(
            {"is_latched": not problem or bool(silent), "gateways": told, "supervisor": supervisor, "problem": problem}
        )
    else:
        gateways = ", ".join(f"{name} {answer.value}" for name, answer in answers.items()) or "none running"
        typer.echo(f"halted: {reason}; gateways: {gateways}; supervisor: {supervisor}")
    if problem:
        raise failure(problem, FAILED)


@app.command(epilog=examples("outcry unhalt", "outcry unhalt --cluster demo --yes"))
def unhalt(
    config: ConfigArgument = None,
    *,
    cluster: ClusterOption = None,
    state: StateOption = None,
    reason: Annotated[str, typer.Option("--reason", help="Why; it is recorded.")] = "by the operator",
    yes: YesOption = False,
    no_wait: NoWaitOption = False,
    timeout: TimeoutOption = None,
    as_json: JsonOption = False,
) -> None:
    """End a halt: says what is halted, since when and why, what is held and what is not known, and then asks.

    The answer is the name of the cluster. Gateways take orders again, and strategies trade on from what they hold.
    """
    paths = _located(config, cluster, state)
    way = Way(state=paths.state_dir, timeout_s=timeout, no_wait=no_wait, is_sure=yes, as_json=as_json)
    if is_listening(paths):
        request = UnhaltRequest(new_command_id(), as_reason(reason))
        carry_out(request, way, confirm=lambda _: _is_named(paths.state_dir.name))
        return
    if is_orphaned(paths):
        name = paths.state_dir.name
        text = f"cluster {name} runs without a supervisor, and only that may end a halt: `outcry up CONFIG` first"
        raise failure(text, NOT_RUNNING)
    _unhalt_offline(paths, way)


def _unhalt_offline(paths: ClusterPaths, way: Way) -> None:
    """Nothing runs: what keeps the next run halted is taken away."""
    name, why = paths.state_dir.name, halted_because(paths)
    if why is None:
        text = f"{name} is not halted"
    else:
        have_confirmed(
            f"cluster {name} does not run, and its next run would start halted: {why}", way, lambda _: _is_named(name)
        )
        try:
            with locked(paths):
                clear_offline(paths)
        except (AlreadyRunning, OSError, RegistryDamaged) as error:
            raise failure(f"{name} stays halted: {error}", FAILED) from error
        text = f"the halt of {name} is over: its next run starts trading"
    if way.as_json:
        write_json({"outcome": "done", "text": text})
    else:
        typer.echo(text)


def _located(config: Path | None, cluster: str | None, state: Path | None) -> ClusterPaths:
    """The cluster that is meant, whether or not it runs."""
    try:
        return locate(config, cluster, state)
    except (AmbiguousCluster, ConfigError, UnsafePath) as error:
        raise failure(str(error), BAD_USAGE) from error
    except NotRunning as error:
        raise failure(f"{error}; name one that does not run with --cluster", NOT_RUNNING) from error


def _latch(paths: ClusterPaths, reason: str, *, is_flattening: bool) -> str:
    """Set the latch. :returns: why that was not possible; empty where it was."""
    try:
        set_latch(paths, reason, is_flattening=is_flattening)
    except OSError as error:
        return f"the halt file {paths.halt_file} cannot be written: {error.strerror or error}; it ends with a restart"
    return ""


def _tell_supervisor(paths: ClusterPaths, request: HaltRequest) -> str:
    if not is_listening(paths):
        return "not running"
    try:
        with OperatorLink(paths.endpoint(SOCKET_NAME), keyring_of(paths, OPERATOR)) as link:
            reply = link.request(request, SUPERVISOR_TIMEOUT_MS)
    except (OperatorLinkError, UnsafePath) as error:
        return f"not told ({error})"
    if isinstance(reply, CommandAccepted):
        return "told"
    return f"refuses: {getattr(reply, 'text', 'it answers with a status')}"


def _is_named(name: str) -> bool:
    answer: str = typer.prompt(f"Type the name of the cluster ({name}) to end the halt", err=True)
    return answer.strip() == name
