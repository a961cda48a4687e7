"""Opening a ledger's database: its URL, its settings, its schema, and no password in any message."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus

from sqlalchemy import Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from supervisor.ledger.errors import LedgerDown, LedgerError, LedgerTooNew
from supervisor.ledger.schema import MIGRATIONS, SCHEMA_VERSION, meta, metadata

FILE_NAME: Final = "ledger.db"
"""Of the SQLite ledger, in the state directory of a cluster whose config names no other."""

FILE_MODE: Final = 0o600
CONNECT_TIMEOUT_S: Final = 5
STATEMENT_TIMEOUT_MS: Final = 30_000
BUSY_TIMEOUT_MS: Final = 5_000
"""How long SQLite waits for another process that writes."""

_DRIVERS: Final = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}
_SECRETS: Final = ("password", "sslpassword", "passfile")
_HIDDEN: Final = "***"
_VERSION_KEY: Final = "schema_version"


def default_url(state_dir: Path) -> str:
    """The ledger of a cluster whose config names none: an SQLite file."""
    return f"sqlite:///{state_dir / FILE_NAME}"


def parse_url(url: str, state_dir: Path) -> URL:
    """The database of a URL; the path of an SQLite file is relative to the state directory.

    :raises LedgerError: it is no URL of SQLite or PostgreSQL.
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise LedgerError("the ledger's url is no database URL; expected sqlite:///FILE or postgresql://...") from None
    driver = _DRIVERS.get(parsed.drivername.partition("+")[0])
    if driver is None:
        raise LedgerError(f"the ledger's url is of {parsed.drivername}; expected sqlite:///FILE or postgresql://...")
    if driver != "sqlite":
        return parsed.set(drivername=driver)
    if not parsed.database or parsed.database == ":memory:":
        raise LedgerError("the ledger's url names no file; expected sqlite:///FILE")
    return parsed.set(drivername=driver, database=str(state_dir / parsed.database))


def shown(url: URL) -> str:
    """A URL for messages and logs: without any password."""
    hidden = url.set(query={key: _HIDDEN if key in _SECRETS else value for key, value in url.query.items()})
    return hidden.render_as_string(hide_password=True).replace(quote_plus(_HIDDEN), _HIDDEN)


def redacted(message: str, url: URL) -> str:
    """A message of a database driver, in which a password may stand, without it."""
    secrets = [url.password, *(url.query.get(key) for key in _SECRETS)]
    for secret in filter(None, secrets):
        for spelling in {str(secret), quote(str(secret), safe=""), quote_plus(str(secret))}:
            message = message.replace(spelling, _HIDDEN)
    return message


def make_engine(url: URL, *, is_writer: bool) -> Engine:
    """An engine of one connection, which is made when it is needed.

    :raises LedgerError: the driver is not installed, or there is no file to read.
    :raises LedgerDown: the file cannot be made.
    """
    try:
        if url.get_backend_name() == "sqlite":
            return _sqlite_engine(url, is_writer=is_writer)
        settings = f"-c statement_timeout={STATEMENT_TIMEOUT_MS}"
        arguments = {"connect_timeout": CONNECT_TIMEOUT_S, "options": settings, "application_name": "outcry"}
        return create_engine(url, pool_size=1, max_overflow=0, pool_pre_ping=True, connect_args=arguments)
    except (ImportError, NoSuchModuleError) as error:
        raise LedgerError(
            f"ledger {shown(url)}: no driver: {error}; install it: pip install 'openoutcry[postgres]'"
        ) from error
    except OSError as error:
        raise LedgerDown(f"ledger {shown(url)} cannot be opened: {error.strerror or error}") from error


def prepare(engine: Engine, migrations: Mapping[int, Sequence[str]] = MIGRATIONS) -> None:
    """Make the tables of a new database, or bring those of an older version up to this one.

    :raises LedgerTooNew: it is of a newer version; nothing was changed.
    :raises SQLAlchemyError: the database does not answer.
    """
    with engine.begin() as connection:
        found = _version(connection)
        if found is None:
            metadata.create_all(connection)
            connection.execute(meta.insert().values(key=_VERSION_KEY, value=str(SCHEMA_VERSION)))
            return
        _refuse_newer(found, engine)
        for version in range(found + 1, SCHEMA_VERSION + 1):
            for statement in migrations[version]:
                connection.execute(text(statement))
        if found < SCHEMA_VERSION:
            changed = meta.update().where(meta.c.key == _VERSION_KEY).values(value=str(SCHEMA_VERSION))
            connection.execute(changed)


def check_readable(engine: Engine) -> None:
    """See that there is a ledger that this version can read.

    :raises LedgerTooNew: it is of a newer version. :raises LedgerError: there is none, or it does not answer.
    """
    try:
        with engine.connect() as connection:
            found = _version(connection)
    except SQLAlchemyError as error:
        raise failed(engine, error) from error
    if found is None:
        raise LedgerError(f"ledger {shown(engine.url)} is empty; start the cluster, which makes its tables")
    _refuse_newer(found, engine)


def failed(engine: Engine, error: Exception) -> LedgerError:
    """What went wrong with a database, in one line without a password."""
    cause = getattr(error, "orig", None) or error
    line = " ".join(str(cause).split())
    return LedgerError(f"ledger {shown(engine.url)}: {redacted(line, engine.url)}")


def _refuse_newer(found: int, engine: Engine) -> None:
    if found > SCHEMA_VERSION:
        raise LedgerTooNew(
            f"ledger {shown(engine.url)} has schema version {found}, this version of the project knows "
            f"{SCHEMA_VERSION}; upgrade the project, or name another database in [ledger]"
        )


def _version(connection: Any) -> int | None:  # Any: a connection; its inspector is typed by what is inspected
    if not inspect(connection).has_table(meta.name):
        return None
    found = connection.execute(meta.select().where(meta.c.key == _VERSION_KEY)).one()
    return int(found.value)


def _sqlite_engine(url: URL, *, is_writer: bool) -> Engine:
    assert url.database is not None
    if is_writer:
        descriptor = os.open(url.database, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        os.fchmod(descriptor, FILE_MODE)  # SQLite gives its two files beside it the same mode
        os.close(descriptor)
    elif not Path(url.database).is_file():
        raise LedgerError(f"ledger {shown(url)} is not there; start the cluster, which makes it")
    engine = create_engine(url, connect_args={"timeout": BUSY_TIMEOUT_MS / 1_000, "check_same_thread": False})
    pragmas = ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON") if is_writer else ("query_only=ON",)

    @event.listens_for(engine, "connect")
    def _set_up(connection: Any, _record: Any) -> None:  # Any: the driver's own
        connection.isolation_level = None  # transactions are begun below, not where the driver guesses
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:  # Any: typed by SQLAlchemy's event
        # The write lock at once: what a transaction has read is still so when it writes.
        connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writer else "BEGIN")

    return engine
