"""Options that several commands have are written down once, and are those of every command that takes them."""

import typer
from typer.testing import CliRunner

from supervisor.commands.options import NameArgument, Way, takes

HEARD: list[tuple[str, Way]] = []


def command(*without: str) -> typer.Typer:
    app = typer.Typer()

    @app.command()
    @takes(Way, without=without)
    def act(name: NameArgument, way: Way) -> None:
        """Do it."""
        HEARD.append((name, way))

    return app


def test_a_command_is_given_the_options_of_a_group_as_one_value() -> None:
    line = ["carry", "--cluster", "desk", "--yes", "--no-wait", "--timeout", "3", "--json"]
    assert CliRunner().invoke(command(), line).exit_code == 0
    way = Way(cluster="desk", is_sure=True, no_wait=True, timeout_s=3.0, as_json=True)
    assert HEARD.pop() == ("carry", way)


def test_an_option_that_is_left_out_of_the_group_is_none_of_the_command_and_keeps_its_default() -> None:
    app = command("is_sure")
    assert CliRunner().invoke(app, ["carry", "--yes"]).exit_code == 2
    assert CliRunner().invoke(app, ["carry"]).exit_code == 0
    assert HEARD.pop() == ("carry", Way())


def test_the_help_of_a_command_is_its_own() -> None:
    told = CliRunner().invoke(command(), ["--help"], env={"COLUMNS": "160"}).output
    assert "Do it." in told
    assert "Do not ask: do what is said beforehand." in told
