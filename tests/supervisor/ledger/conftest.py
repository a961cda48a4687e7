"""The databases that the ledger is tested with: SQLite always, PostgreSQL where there is a server."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from supervisor.ledger.engine import default_url
from tests.support import postgres
from tests.support.postgres import NoPostgres


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[str]:
    """The URL of a server; a test that needs one is skipped where there is none."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(postgres.server())
        except NoPostgres as error:
            pytest.skip(f"without PostgreSQL: {error}")
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield default_url(tmp_path)
        return
    with postgres.database(request.getfixturevalue("postgres_server")) as url:
        yield url
