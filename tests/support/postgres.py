"""A PostgreSQL server for the tests: the one that OUTCRY_POSTGRES names, else one that is started for them.

It never runs as root: where the tests do, it is started as another user.
"""

import os
import pwd
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from sqlalchemy import create_engine, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import SQLAlchemyError

URL_VARIABLE = "OUTCRY_POSTGRES"
USERS = ("postgres", "nobody")
"""Whom to start the server as, where we are root."""

START_DEADLINE_S = 20.0
POLL_S = 0.05


class NoPostgres(Exception):
    """There is no server to test with; the text says why."""


@contextmanager
def server() -> Iterator[str]:
    """The URL of a server on which databases can be made.

    :raises NoPostgres: none is named, and none can be started.
    """
    try:
        import psycopg  # noqa: F401, PLC0415  # an optional driver
    except ImportError as error:
        raise NoPostgres(f"no driver: {error}; pip install 'openoutcry[postgres]'") from error
    named = os.environ.get(URL_VARIABLE)
    if named:
        yield named
        return
    with _started() as url:
        yield url


@contextmanager
def database(server_url: str) -> Iterator[str]:
    """The URL of an empty database, which is dropped again; whatever else is on the server is left alone."""
    url = make_url(server_url).set(drivername="postgresql+psycopg")
    name = f"outcry_test_{secrets.token_hex(6)}"
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    try:
        try:
            with engine.connect() as connection:
                connection.execute(text(f"CREATE DATABASE {name}"))
        except SQLAlchemyError as error:
            raise RuntimeError(f"{error}\nthe server said: {_last_words(server_url)}") from error
        yield url.set(drivername="postgresql", database=name).render_as_string(hide_password=False)
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    finally:
        engine.dispose()


@contextmanager
def _started() -> Iterator[str]:
    binaries = _binaries()
    user = _user()
    directory = Path(tempfile.mkdtemp(prefix="outcry-pg-", dir="/tmp"))  # a short path: the server's socket is in it
    data = directory / "data"
    try:
        if user is not None:
            os.chown(directory, user.pw_uid, user.pw_gid)
        name = None if user is None else user.pw_name
        _run([binaries / "initdb", "-D", data, "-U", "outcry", "-A", "trust", "-N", "-E", "UTF8"], name, directory)
        options = ["-F", "-k", directory, "-c", "listen_addresses=", "-c", "max_connections=20"]
        with (directory / "log").open("wb") as log:
            process = subprocess.Popen(
                list(map(str, [binaries / "postgres", "-D", data, *options])),
                user=name, cwd=directory, stdout=log, stderr=log, env=_environment(directory), start_new_session=True,
            )  # fmt: skip
        try:
            url = f"postgresql://outcry@/postgres?host={directory}"
            _wait_for(url, process, directory / "log")
            yield url
        finally:
            process.terminate()
            process.wait(START_DEADLINE_S)
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _last_words(server_url: str) -> str:
    """The end of the log of a server that was started here."""
    directory = make_url(server_url).query.get("host", "")
    log = Path(str(directory)) / "log"
    return log.read_text(errors="replace")[-2_000:] if log.is_file() else "nothing"


def _binaries() -> Path:
    """Where `initdb` and `postgres` are."""
    found = shutil.which("initdb")
    folders = [Path(found).resolve().parent] if found else []
    folders += sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for folder in folders:
        if (folder / "initdb").is_file() and (folder / "postgres").is_file():
            return folder
    raise NoPostgres(f"no PostgreSQL server is installed, and {URL_VARIABLE} names none")


def _user() -> pwd.struct_passwd | None:
    """Whom to run the server as; None: as ourselves."""
    if os.getuid() != 0:
        return None
    for name in USERS:
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise NoPostgres(f"PostgreSQL does not run as root, and there is no user {' or '.join(USERS)} to run it as")


def _environment(directory: Path) -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", ""), "HOME": str(directory), "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _run(command: list[object], user: str | None, directory: Path) -> None:
    try:
        subprocess.run(
            list(map(str, command)), user=user, cwd=directory, check=True, timeout=START_DEADLINE_S * 2,
            capture_output=True, env=_environment(directory),
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError) as error:
        said = getattr(error, "stderr", None) or b""
        raise NoPostgres(f"initdb failed: {error} {said.decode(errors='replace')[-300:]}") from error


def _wait_for(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"))
    deadline = monotonic() + START_DEADLINE_S
    try:
        while process.poll() is None and monotonic() < deadline:
            try:
                engine.connect().close()
            except SQLAlchemyError:
                sleep(POLL_S)
            else:
                return
    finally:
        engine.dispose()
    raise NoPostgres(f"the server did not start: {log.read_text(errors='replace')[-300:]}")
