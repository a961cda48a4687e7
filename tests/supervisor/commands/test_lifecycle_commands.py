"""The commands about one strategy and about what is tuned: what they ask, what they write, and how they end."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from messages.codec import encode
from messages.operator import (
    AddStrategyRequest,
    CommandAccepted,
    CommandFinished,
    CommandRefused,
    ConfirmationNeeded,
    FromOperator,
    SetLimitRequest,
    SetParameterRequest,
    SetPriorityRequest,
    StatusRequest,
    StrategyAction,
    StrategyActionRequest,
)
from supervisor.commands import app as commands
from supervisor.commands import asking
from supervisor.paths import ClusterPaths
from tests.supervisor.stand_in import StandIn, usual

CARRY = "carry-btc"
COMMANDS = ("pause", "resume", "stop", "start", "restart", "flatten", "remove", "set", "priority", "limit", "add")
WARNING = "its positions stay"


@pytest.fixture(autouse=True)
def root(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="oc") as folder:
        monkeypatch.setenv("XDG_RUNTIME_DIR", folder)
        monkeypatch.setenv("OUTCRY_STATE", f"{folder}/state")
        monkeypatch.setattr("supervisor.operator_link.TIMEOUT_MS", 500)
        monkeypatch.setattr(asking, "POLL_S", 0.0)
        yield Path(folder)


Answering = Callable[[FromOperator], object]


def finishes(request: FromOperator) -> object:
    return CommandFinished(request.command_id, True, "done")


def confirms(request: Any) -> object:
    return finishes(request) if request.token == "t1" else ConfirmationNeeded(request.command_id, "t1", WARNING)


@pytest.fixture
def answering(root: Path) -> Iterator[Callable[[Answering], StandIn]]:
    """A cluster that answers statuses as usual, and whatever else is asked as told."""
    with ExitStack() as stack:

        def begin(answer: Answering) -> StandIn:
            def answers(request: FromOperator) -> list[bytes]:
                return usual(request) if isinstance(request, StatusRequest) else [encode(answer(request))]

            return stack.enter_context(StandIn(ClusterPaths(root / "state" / "demo"), answers))

        yield begin


def run(*arguments: str | Path, input: str | None = None) -> Any:
    return CliRunner().invoke(commands.app, [str(argument) for argument in arguments], input=input)


def asked(cluster: StandIn) -> list[Any]:
    return [request for request in cluster.heard if not isinstance(request, StatusRequest)]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples_and_the_exit_codes(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"outcry {command}" in result.output
    assert "Exit codes: 0 done;" in result.output


@pytest.mark.parametrize("word", ["pause", "resume", "start", "restart"])
def test_an_action_is_asked_for_and_its_end_is_told(answering: Any, word: str) -> None:
    cluster = answering(finishes)
    result = run(word, CARRY)
    assert (result.exit_code, result.stdout) == (0, "done\n")
    (request,) = asked(cluster)
    assert isinstance(request, StrategyActionRequest)
    assert (request.strategy, request.action) == (CARRY, StrategyAction(word))


@pytest.mark.parametrize("word", ["stop", "flatten", "remove"])
def test_what_touches_orders_and_positions_is_said_beforehand(answering: Any, word: str) -> None:
    cluster = answering(confirms)
    result = run(word, CARRY)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [WARNING, "nothing was done: say it again with --yes if that is what you want"]
    assert len(asked(cluster)) == 1
    sure = run(word, CARRY, "--yes")
    assert (sure.exit_code, sure.stdout) == (0, f"{WARNING}\ndone\n")
    assert asked(cluster)[-1].action is StrategyAction(word)
    assert len({request.command_id for request in asked(cluster)}) == 3, "what is confirmed is a command of its own"


@pytest.mark.parametrize(("answer", "code"), [("y", 0), ("n", 1), ("", 1)])
def test_an_operator_at_a_terminal_is_asked(
    answering: Any, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    answering(confirms)
    monkeypatch.setattr(asking, "_is_at_terminal", lambda: True)
    assert run("flatten", CARRY, input=f"{answer}\n").exit_code == code


def test_as_json_a_question_is_a_result_and_nothing_is_asked(answering: Any) -> None:
    answering(confirms)
    result = run("stop", CARRY, "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout) == {"outcome": "confirmation-needed", "text": WARNING}


def test_a_command_waits_until_it_is_done(answering: Any) -> None:
    words = iter(["settling", "settling", "settling"])

    def slow(request: FromOperator) -> object:
        word = next(words, None)
        return CommandAccepted(request.command_id, word) if word else finishes(request)

    cluster = answering(slow)
    assert run("pause", CARRY).stdout == "done\n"
    assert len({request.command_id for request in asked(cluster)}) == 1, "it is one command, asked for again"
    assert len(asked(cluster)) == 4


def test_a_command_that_does_not_wait_ends_when_it_is_accepted(answering: Any) -> None:
    answering(lambda request: CommandAccepted(request.command_id, "settling"))
    result = run("pause", CARRY, "--no-wait", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["outcome"] == "accepted"


def test_a_command_that_takes_too_long_says_that_it_goes_on(answering: Any) -> None:
    answering(lambda request: CommandAccepted(request.command_id, "settling"))
    result = run("pause", CARRY, "--timeout", "0")
    assert result.exit_code == 1
    assert result.stderr == "not done within 0 s, and still under way: settling; see `outcry status`\n"


@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (lambda request: CommandRefused(request.command_id, "no"), "refused"),
        (lambda request: CommandFinished(request.command_id, False, "no"), "failed"),
    ],
)
def test_what_is_not_done_ends_in_1(answering: Any, reply: Answering, outcome: str) -> None:
    answering(reply)
    result = run("pause", CARRY)
    assert (result.exit_code, result.stderr) == (1, "no\n")
    assert json.loads(run("pause", CARRY, "--json").stdout)["outcome"] == outcome


def test_an_unknown_strategy_is_told_with_the_nearest_name_and_nothing_is_asked(answering: Any) -> None:
    cluster = answering(finishes)
    result = run("pause", "cary-btc")
    assert (result.exit_code, result.stderr) == (2, "no strategy cary-btc; did you mean carry-btc?\n")
    assert "there are: carry-btc" in run("pause", "zzz").stderr
    assert asked(cluster) == []


def test_without_a_cluster_there_is_nothing_to_ask() -> None:
    assert run("pause", CARRY).exit_code == 3


def test_parameters_are_set_as_they_are_written(answering: Any) -> None:
    cluster = answering(finishes)
    assert run("set", CARRY, "notional=2000", " a.b = [1, 2] ").exit_code == 0
    (request,) = asked(cluster)
    assert isinstance(request, SetParameterRequest)
    assert request.changes == {"notional": "2000", "a.b": "[1, 2]"}


@pytest.mark.parametrize("change", ["notional", "=3", "notional="])
def test_a_change_that_is_none_is_told(change: str) -> None:
    result = run("set", CARRY, change)
    assert (result.exit_code, result.stderr) == (2, f"{change}: expected KEY=VALUE, e.g. notional=2000\n")


def test_a_priority_is_set(answering: Any) -> None:
    cluster = answering(finishes)
    assert run("priority", CARRY, "8").exit_code == 0
    (request,) = asked(cluster)
    assert isinstance(request, SetPriorityRequest)
    assert request.priority == 8
    assert run("priority", CARRY, "11").exit_code == 2


def test_a_limit_is_set_and_raised_only_when_that_is_meant(answering: Any) -> None:
    cluster = answering(confirms)
    assert run("limit", "portfolio.gross_notional_max", "50000").exit_code == 2
    assert run("limit", "portfolio.gross_notional_max", "50000", "--yes").exit_code == 0
    request = asked(cluster)[-1]
    assert isinstance(request, SetLimitRequest)
    assert (request.limit, request.value) == ("portfolio.gross_notional_max", Decimal(50_000))


@pytest.mark.parametrize("value", ["much", "nan", "1e30"])
def test_a_limit_that_is_no_number_is_told(value: str) -> None:
    result = run("limit", "portfolio.gross_notional_max", value)
    assert (result.exit_code, result.stderr) == (2, f"{value} is no limit; expected a decimal, e.g. 50000\n")


def test_strategies_are_added_from_a_file(answering: Any, root: Path) -> None:
    cluster = answering(finishes)
    file = root / "more.toml"
    file.write_text('[[strategies]]\nid = "more"\n')
    assert run("add", file).exit_code == 0
    (request,) = asked(cluster)
    assert isinstance(request, AddStrategyRequest)
    assert request.table == '[[strategies]]\nid = "more"\n'
    missing = run("add", root / "none.toml")
    assert (missing.exit_code, "cannot read it" in missing.stderr) == (2, True)


def test_a_strategy_is_not_killed_at_once() -> None:
    assert run("stop", CARRY, "--now").exit_code == 2


def test_a_stop_of_the_cluster_may_return_at_once(answering: Any, root: Path) -> None:
    cluster = answering(lambda request: CommandAccepted(request.command_id, "stopping"))
    assert run("stop", "--no-wait").stdout == "stopping\n"
    file = root / "demo.toml"
    file.write_text('[cluster]\nname = "demo"\n')
    assert run("stop", file, "--no-wait").exit_code == 0
    assert len(asked(cluster)) == 2
