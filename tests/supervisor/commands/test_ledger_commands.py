"""`outcry orders|fills|positions|pnl|audit`: what they find, in which ledger, in a table and as JSON."""

import json
import sqlite3
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from messages.health import Pnl
from messages.orders import CloseReason, DenyReason, OrderDenied, Side
from supervisor.commands import app as commands
from supervisor.config.default import DEFAULT_CONFIG
from supervisor.ledger.engine import default_url
from supervisor.ledger.entries import Audited, PnlSampled
from supervisor.paths import ClusterPaths
from tests.supervisor.ledger.books_of import copy, enter, opened
from tests.support.orders import PERPETUAL, accepted, closed, fill, head, submit

D = Decimal
SECOND = 1_000_000_000
NOON_NS = 1_795_521_600 * SECOND
"""2026-11-24 12:00 UTC."""

TOKEN = "DESK_LEDGER"


@pytest.fixture(autouse=True)
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OUTCRY_STATE", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def desk(root: Path) -> Path:
    """The state directory of a cluster with two runs, the second with three orders of two strategies."""
    state = root / "state" / "desk"
    paths = ClusterPaths(state)
    paths.state_dir.mkdir(parents=True)
    (state / "ledger-run").write_text("desk-2\n")
    url = default_url(state)
    first = opened(url)
    enter(
        first, copy(1, submit(9), fill(submit(9), "0.010", ts_event=NOON_NS)), Audited("halt", "", {"loss": D("1.5")})
    )
    first.close()
    ledger = opened(url, "desk-2")
    buy = submit(1, ts_created=NOON_NS)
    sell = submit(
        2, side=Side.SELL, strategy="maker", instrument=PERPETUAL.id, quantity=D(7), ts_created=NOON_NS + 60 * SECOND
    )
    fills = (
        fill(buy, "0.004", ts_event=NOON_NS + SECOND),
        fill(buy, "0.006", "t-2", price=D("49990.0"), ts_event=NOON_NS + 2 * SECOND),
    )
    gone = submit(3, ts_created=NOON_NS + 120 * SECOND)
    denied = OrderDenied(*head(gone), DenyReason.MAX_NOTIONAL, "notional=500 max=100", NOON_NS + 120 * SECOND)
    enter(ledger, copy(1, buy, accepted(buy), *fills, closed(buy, "0.010", CloseReason.FILLED), sell, denied))
    enter(ledger, copy(8, fill(sell, "7", "t-3", ts_event=NOON_NS + 61 * SECOND)))
    for seconds in range(3):
        earned = Pnl(D(seconds), D("0.25"), D("0.5"), D("0.125"), "USDT")
        enter(ledger, PnlSampled("carry", (earned,)), ts_ns=NOON_NS + seconds * SECOND)
    enter(ledger, Audited("set-limit", "carry", {"to": D("5.0")}), ts_ns=NOON_NS)
    ledger.close()
    return state


def run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(commands.app, [str(argument) for argument in arguments])


def found(*arguments: str | Path) -> list[dict[str, Any]]:
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    rows: list[dict[str, Any]] = json.loads(result.stdout)
    return rows


class TestRows:
    def test_orders_of_the_newest_run_oldest_first(self, desk: Path) -> None:
        rows = found("orders", "--state", desk)
        assert [row["client_order_id"] for row in rows] == [f"desk-carry-e1-{number}" for number in (1, 2, 3)]
        assert rows[0]["average_price"] == "49994"  # (0.004 x 50000 + 0.006 x 49990) / 0.010
        assert rows[2]["average_price"] is None
        assert rows[0]["filled"] == "0.010"

    def test_orders_of_an_earlier_run(self, desk: Path) -> None:
        assert [row["client_order_id"] for row in found("orders", "--run", "desk-1")] == ["desk-carry-e1-9"]

    @pytest.mark.parametrize(
        ("options", "trades"),
        [
            ((), ["t-1", "t-2", "t-3"]),
            (("--strategy", "maker"), ["t-3"]),
            (("--gateway", "other"), []),
            (("--gateway", "sim"), ["t-1", "t-2", "t-3"]),
            (("--instrument", "BTCUSDT"), ["t-1", "t-2"]),
            (("--instrument", PERPETUAL.id), ["t-3"]),
            (("--instrument", "BTCUSD"), []),
            (("--last", "2"), ["t-2", "t-3"]),
            (("--since", "2026-11-24T12:00:02"), ["t-2", "t-3"]),
            (("--until", "2026-11-24T12:00:02Z"), ["t-1"]),
            (("--since", "2026-11-24T13:00:02+01:00", "--until", "2026-11-24T12:01"), ["t-2"]),
        ],
    )
    def test_fills_as_they_are_asked_for(self, desk: Path, options: tuple[str, ...], trades: list[str]) -> None:
        assert [row["trade_id"] for row in found("fills", "--state", desk, *options)] == trades

    def test_positions_are_exact_text(self, desk: Path) -> None:
        rows = found("positions", "--state", desk)
        assert [(row["strategy"], row["instrument"], row["quantity"]) for row in rows] == [
            ("carry", "BTCUSDT.sim", "0.010"),
            ("maker", "BTCUSD_PERP.sim", "-7"),
        ]

    def test_profit_as_it_is_now_and_as_it_came_about(self, desk: Path) -> None:
        (newest,) = found("pnl", "--state", desk)
        assert newest["total"] == "1.875"  # 2 + 0.25 - 0.5 + 0.125
        assert [row["realised"] for row in found("pnl", "--state", desk, "--last", "2")] == ["1", "2"]

    def test_the_audit_of_all_runs_or_of_one(self, desk: Path) -> None:
        assert [row["kind"] for row in found("audit", "--state", desk)] == ["halt", "set-limit"]
        assert [row["kind"] for row in found("audit", "--state", desk, "--run", "desk-1")] == ["halt"]
        assert [row["kind"] for row in found("audit", "--state", desk, "--strategy", "carry")] == ["set-limit"]
        (row,) = found("audit", "--state", desk, "--since", "2026-11-24")
        assert (row["number"], row["payload"]) == (2, '{"to":"5.0"}')


class TestTables:
    @pytest.mark.parametrize("command", ["orders", "fills", "positions", "pnl", "audit"])
    def test_a_table_fits_80_columns(self, desk: Path, command: str) -> None:
        result = run(command, "--state", desk)
        assert result.exit_code == 0, result.output
        assert max(len(line) for line in result.stdout.splitlines()) <= 80

    def test_a_table_says_which_run_it_is_of(self, desk: Path) -> None:
        assert "3 orders · run desk-2 · UTC" in run("orders", "--state", desk).stdout
        assert "1 fill · run desk-1 · UTC" in run("fills", "--state", desk, "--run", "desk-1").stdout
        assert "no positions · run desk-2 · UTC" in run("positions", "--gateway", "other").stdout

    def test_a_wide_table_shows_prices_and_reasons(self, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("COLUMNS", "200")
        shown = run("orders", "--state", desk).stdout
        assert "max-notional notional=500 max=100" in shown
        assert "49994" in shown
        assert "12:02:00.000" in shown

    @pytest.mark.parametrize("command", ["orders", "fills", "positions", "pnl", "audit"])
    def test_help_has_examples(self, command: str) -> None:
        result = run(command, "--help")
        assert "Examples:" in result.stdout
        assert f"outcry {command}" in result.stdout


class TestVerification:
    def test_a_whole_chain(self, desk: Path) -> None:
        result = run("audit", "--verify", "--state", desk)
        assert (result.exit_code, result.stdout[:41]) == (0, "the audit is whole: 2 rows, the newest ha")

    def test_the_first_broken_row_ends_with_code_1(self, desk: Path) -> None:
        alter(desk, 'UPDATE audit SET payload = \'{"loss":"0.5"}\' WHERE number = 1')
        result = run("audit", "--verify", "--state", desk)
        assert result.exit_code == 1
        assert result.stderr == "the audit is broken: row 1 was changed: its content has another hash\n"

    def test_a_cut_off_end_is_seen(self, desk: Path) -> None:
        alter(desk, "DELETE FROM audit WHERE number = 2")
        assert "row 2 is missing: 2 rows were written" in run("audit", "--verify", "--state", desk).stderr

    def test_an_empty_audit(self, desk: Path) -> None:
        alter(desk, "DELETE FROM audit; DELETE FROM meta WHERE key LIKE 'audit-head%'")
        assert run("audit", "--verify", "--state", desk).stdout == "the audit is empty\n"


def alter(state: Path, script: str) -> None:
    with sqlite3.connect(state / "ledger.db") as connection:
        connection.executescript(script)


class TestWhichLedger:
    @pytest.mark.parametrize("named", [(), ("--cluster", "desk")])
    def test_the_only_ledger_or_that_of_a_name(self, desk: Path, named: tuple[str, ...]) -> None:
        assert len(found("orders", *named)) == 3

    def test_that_of_a_config(self, desk: Path, root: Path) -> None:
        config = root / "desk.toml"
        config.write_text(DEFAULT_CONFIG.replace('name = "demo"', 'name = "desk"', 1))
        assert len(found("orders", config)) == 3

    def test_that_which_the_config_names_with_a_variable(
        self, desk: Path, root: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (desk / "ledger.db").rename(root / "elsewhere.db")
        config = root / "desk.toml"
        text = DEFAULT_CONFIG.replace('name = "demo"', 'name = "desk"', 1)
        config.write_text(f'{text}\n[ledger]\nurl = "sqlite:///${{{TOKEN}}}"\n')
        result = run("orders", config)
        assert (result.exit_code, TOKEN in result.stderr) == (2, True)
        monkeypatch.setenv(TOKEN, str(root / "elsewhere.db"))
        assert len(found("orders", config)) == 3
        spec = ClusterPaths(desk).specs_dir / "supervisor.json"
        spec.parent.mkdir()
        spec.write_text(json.dumps({"config": str(config), "state_dir": str(desk)}))
        assert len(found("orders", "--state", desk)) == 3

    def test_that_of_the_embedded_cluster(self, desk: Path) -> None:
        spec = ClusterPaths(desk).specs_dir / "supervisor.json"
        spec.parent.mkdir()
        spec.write_text('{"config": null}')
        assert found("orders", "--state", desk) == []  # its name is another, and it has had no run here

    def test_one_of_several_must_be_named(self, desk: Path) -> None:
        other = desk.with_name("other")
        other.mkdir()
        (other / "ledger-run").touch()
        result = run("orders")
        assert (result.exit_code, "several clusters have a ledger: desk, other" in result.stderr) == (2, True)
        result = run("orders", "--cluster", "desk", "--state", desk)
        assert (result.exit_code, "name the cluster once" in result.stderr) == (2, True)

    def test_of_several_the_one_that_runs_is_meant(self, desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        other = desk.with_name("other")
        other.mkdir()
        (other / "ledger-run").touch()
        monkeypatch.setattr("supervisor.ledger.location.is_listening", lambda paths: paths.state_dir.name == "desk")
        assert len(found("orders")) == 3

    def test_no_ledger_is_a_failure_that_says_what_to_do(self, root: Path) -> None:
        result = run("orders")
        assert (result.exit_code, "has a ledger; name one by CONFIG" in result.stderr) == (1, True)
        result = run("orders", "--cluster", "gone")
        assert (result.exit_code, "is not there; start the cluster, which makes it" in result.stderr) == (1, True)

    def test_a_newer_ledger_is_refused(self, desk: Path) -> None:
        alter(desk, "UPDATE meta SET value = '99' WHERE key = 'schema_version'")
        result = run("orders", "--state", desk)
        assert (result.exit_code, "has schema version 99" in result.stderr) == (1, True)

    def test_a_damaged_ledger_is_told_in_one_line(self, desk: Path) -> None:
        alter(desk, "DROP TABLE orders")
        result = run("orders", "--state", desk)
        assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
        assert "no such table: orders" in result.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (("--since", "noon"), "--since noon: expected a date or time such as 2026-11-24T12:30"),
        (("--last", "2", "--until", "2026-11-24"), "--last counts from the newest row"),
    ],
)
def test_what_cannot_be_meant_is_refused(desk: Path, options: tuple[str, ...], text: str) -> None:
    result = run("fills", "--state", desk, *options)
    assert (result.exit_code, text in result.stderr) == (2, True)
