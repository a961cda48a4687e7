"""`[ledger]`: which databases a config may name, and that its url is never repeated."""

import pytest

from supervisor.config import ConfigError, load
from supervisor.config.default import DEFAULT_CONFIG


def with_url(url: str) -> str:
    return f'{DEFAULT_CONFIG}\n[ledger]\nurl = "{url}"\n'


@pytest.mark.parametrize(
    "url", ["sqlite:///books.db", "postgresql://desk@db/ledger", "postgresql+psycopg://desk@db/ledger"]
)
def test_sqlite_and_postgresql_are_known(url: str) -> None:
    assert load(with_url(url)).ledger.url == url


def test_without_the_table_the_ledger_is_in_the_state_directory() -> None:
    assert load(DEFAULT_CONFIG).ledger.url == ""


@pytest.mark.parametrize("url", ["mysql://desk:s3cret@db/ledger", "s3cret"])
def test_any_other_is_a_mistake_that_repeats_no_password(url: str) -> None:
    with pytest.raises(ConfigError, match=r"ledger\.url: is none of sqlite://\.\.\., postgresql://\.\.\.") as raised:
        load(with_url(url))
    assert "s3cret" not in str(raised.value)


def test_a_password_comes_from_the_environment() -> None:
    text = with_url("postgresql://desk:${DESK_PASSWORD}@db/ledger")
    assert load(text, {"DESK_PASSWORD": "s3cret"}).ledger.url == "postgresql://desk:s3cret@db/ledger"
