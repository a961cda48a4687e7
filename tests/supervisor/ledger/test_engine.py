"""Opening a ledger: what its URL means, who may read its file, and that no password is ever told."""

import stat
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text

from supervisor.ledger import engine as engine_module
from supervisor.ledger.engine import (
    check_readable,
    default_url,
    failed,
    make_engine,
    parse_url,
    prepare,
    redacted,
    shown,
)
from supervisor.ledger.errors import LedgerDown, LedgerError, LedgerTooNew

POSTGRES = "postgresql://desk:s%3Cecret@db.example/ledger?sslpassword=other"


def test_without_a_url_the_ledger_is_a_file_in_the_state_directory(tmp_path: Path) -> None:
    assert parse_url(default_url(tmp_path), tmp_path).database == str(tmp_path / "ledger.db")


@pytest.mark.parametrize(
    ("url", "database"), [("sqlite:///books.db", "STATE/books.db"), ("sqlite:////srv/books.db", "/srv/books.db")]
)
def test_a_file_is_relative_to_the_state_directory(url: str, database: str, tmp_path: Path) -> None:
    assert parse_url(url, tmp_path).database == database.replace("STATE", str(tmp_path))


def test_postgresql_is_spoken_to_through_psycopg(tmp_path: Path) -> None:
    assert parse_url(POSTGRES, tmp_path).drivername == "postgresql+psycopg"


@pytest.mark.parametrize("url", ["mysql://desk:secret@db/ledger", "secret", "sqlite://", "sqlite:///:memory:"])
def test_any_other_url_is_refused_and_not_repeated(url: str, tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="expected sqlite:///FILE") as raised:
        parse_url(url, tmp_path)
    assert "secret" not in str(raised.value)


def test_no_password_is_shown(tmp_path: Path) -> None:
    url = parse_url(POSTGRES, tmp_path)
    assert shown(url) == "postgresql+psycopg://desk:***@db.example/ledger?sslpassword=***"
    told = "failed with s<ecret (s%3Cecret) and other"
    assert redacted(told, url) == "failed with *** (***) and ***"


def test_a_server_that_is_not_there_is_told_without_its_password(tmp_path: Path) -> None:
    url = parse_url("postgresql://desk:secret@127.0.0.1:1/ledger", tmp_path)
    engine = make_engine(url, is_writer=True)
    with pytest.raises(LedgerError, match=r"ledger postgresql\+psycopg://desk:\*\*\*@127.0.0.1:1/ledger: ") as raised:
        check_readable(engine)
    assert "secret" not in str(raised.value)


def test_the_file_and_those_beside_it_are_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch(mode=0o644)
    engine = make_engine(parse_url(default_url(tmp_path), tmp_path), is_writer=True)
    prepare(engine)
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        modes = {file.name: stat.S_IMODE(file.stat().st_mode) for file in tmp_path.iterdir()}
    assert modes == {"ledger.db": 0o600, "ledger.db-shm": 0o600, "ledger.db-wal": 0o600}


def test_sqlite_is_durable_and_keeps_foreign_keys(tmp_path: Path) -> None:
    engine = make_engine(parse_url(default_url(tmp_path), tmp_path), is_writer=True)
    with engine.connect() as connection:
        found = {name: connection.execute(text(f"PRAGMA {name}")).scalar() for name in
                 ("journal_mode", "synchronous", "foreign_keys")}  # fmt: skip
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}  # 2 = FULL


def test_a_reader_cannot_write(tmp_path: Path) -> None:
    url = parse_url(default_url(tmp_path), tmp_path)
    prepare(make_engine(url, is_writer=True))
    with make_engine(url, is_writer=False).connect() as connection, pytest.raises(Exception, match="readonly"):
        connection.execute(text("DELETE FROM meta"))


def test_a_file_that_is_not_there_is_not_made_by_reading(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="is not there; start the cluster, which makes it"):
        make_engine(parse_url(default_url(tmp_path), tmp_path), is_writer=False)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_cannot_be_made_is_tried_again_later(tmp_path: Path) -> None:
    with pytest.raises(LedgerDown, match="cannot be opened: No such file or directory"):
        make_engine(parse_url("sqlite:///gone/ledger.db", tmp_path), is_writer=True)


def test_a_database_without_tables_is_no_ledger_to_read(tmp_path: Path) -> None:
    (tmp_path / "ledger.db").touch()
    with pytest.raises(LedgerError, match="is empty; start the cluster"):
        check_readable(make_engine(parse_url(default_url(tmp_path), tmp_path), is_writer=False))


def test_a_missing_driver_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'")

    monkeypatch.setattr(engine_module, "create_engine", missing)
    with pytest.raises(LedgerError, match=r"pip install 'openoutcry\[postgres\]'"):
        make_engine(parse_url(POSTGRES, tmp_path), is_writer=True)


def test_an_older_schema_is_brought_up_statement_by_statement(tmp_path: Path) -> None:
    engine = make_engine(parse_url(default_url(tmp_path), tmp_path), is_writer=True)
    prepare(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE meta SET value = '0' WHERE key = 'schema_version'"))
    prepare(engine, {1: ("CREATE TABLE added (name TEXT)",), 2: ("INSERT INTO added VALUES ('here')",)})
    with engine.connect() as connection:
        assert connection.execute(text("SELECT name FROM added")).scalar() == "here"
        assert connection.execute(text("SELECT value FROM meta WHERE key = 'schema_version'")).scalar() == "2"
    prepare(engine, {2: ("CREATE TABLE added (name TEXT)",)})  # once is enough
    assert inspect(engine).has_table("added")


def test_positions_of_the_first_schema_get_a_place_for_their_accounts(tmp_path: Path) -> None:
    engine = make_engine(parse_url(default_url(tmp_path), tmp_path), is_writer=True)
    prepare(engine)
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE positions DROP COLUMN account"))
        connection.execute(text("UPDATE meta SET value = '1' WHERE key = 'schema_version'"))
    prepare(engine)
    assert "account" in {column["name"] for column in inspect(engine).get_columns("positions")}


def test_a_newer_schema_is_neither_read_nor_touched(tmp_path: Path) -> None:
    url = parse_url(default_url(tmp_path), tmp_path)
    engine = make_engine(url, is_writer=True)
    prepare(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE meta SET value = '3' WHERE key = 'schema_version'"))
    with pytest.raises(LedgerTooNew):
        prepare(engine)
    with pytest.raises(LedgerTooNew, match="upgrade the project"):
        check_readable(make_engine(url, is_writer=False))


def test_what_a_driver_says_is_put_into_one_line() -> None:
    assert str(failed(create_engine("sqlite://"), ValueError("two\n  lines"))) == "ledger sqlite://: two lines"
