"""What the supervisor's shell needs of the ledger: it passes on what was asked, answered, logged and decided."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from time import time_ns
from typing import Any, Final, NamedTuple, Protocol

import structlog

from actors.runtime.journal import JournalError
from messages.instruments import Instrument
from messages.operator import FromOperator, StatusReply, StatusRequest, ToOperator
from supervisor.ledger.catch_up import catch_up
from supervisor.ledger.entries import (
    Audited,
    CommandAnswered,
    Entry,
    IncidentNoted,
    LedgerNews,
    LedgerTroubled,
    Spooled,
    Stamped,
)
from supervisor.ledger.errors import LedgerDown
from supervisor.ledger.run_id import current_run, end_run, known_run
from supervisor.ledger.spool import Spool, not_entered
from supervisor.ledger.writer import BATCH_MAX, CLOSE_TIMEOUT_S, LedgerWriter, OpenLedger
from supervisor.plain import to_plain

ASKED_MAX: Final = 1_000
"""Requests of operators that wait for their answer."""

_HIDDEN: Final = "***"

log = structlog.get_logger()


class LedgerFront(Protocol):
    """A ledger, as the shell sees it."""

    def begin(self, tell: Callable[[LedgerNews], None], *, is_new_run: bool, archive: str = "") -> None: ...
    def enter(self, entry: Entry) -> None: ...
    def asked(self, peer: bytes, request: FromOperator) -> None: ...
    def answered(self, peer: bytes, reply: ToOperator) -> None: ...
    def close(self) -> None: ...


class _Ended(NamedTuple):
    """A run that is over, and where its journals are; empty where there is none."""

    run: str
    archive: str


class NoLedger:
    """For a supervisor that keeps none; what there is to be entered goes nowhere."""

    def begin(self, tell: Callable[[LedgerNews], None], *, is_new_run: bool, archive: str = "") -> None:
        """Nothing begins."""

    def enter(self, entry: Entry) -> None:
        """Nothing is entered."""

    def asked(self, peer: bytes, request: FromOperator) -> None:
        """Nothing is noted."""

    def answered(self, peer: bytes, reply: ToOperator) -> None:
        """Nothing is noted."""

    def close(self) -> None:
        """Nothing is open."""


class WrittenLedger:
    """A ledger with a writer of its own.

    :param open_run: opens the database for the run of this id; called in the writer's thread.
    """

    def __init__(self, open_run: Callable[[str], OpenLedger], state_dir: Path, cluster: str) -> None:
        self._open_run = open_run
        self._state_dir = state_dir
        self._cluster = cluster
        self._writer: LedgerWriter | None = None
        self._spool: Spool | None = None
        self._tell: Callable[[LedgerNews], None] = lambda _: None
        self._ended = _Ended("", "")
        self._asked: dict[tuple[bytes, str], FromOperator] = {}

    def begin(self, tell: Callable[[LedgerNews], None], *, is_new_run: bool, archive: str = "") -> None:
        """Open the ledger; what has become of it, and of what is entered, is told in another thread.

        :param archive: where the journals of the ended run are; empty for nowhere.
        """
        if is_new_run:
            try:
                self._ended = _Ended(known_run(self._state_dir), archive)
                end_run(self._state_dir)
            except OSError as error:
                log.error("the ledger's last run cannot be ended; rows of two runs will mix", error=str(error))
        try:
            self._spool = Spool(self._state_dir)
        except (JournalError, OSError, ValueError) as error:
            log.error(
                "the ledger's spool cannot be used; what is decided may be missing after a kill", error=str(error)
            )
        self._tell = tell
        self._writer = LedgerWriter(self._open, tell)
        self._writer.start()

    def enter(self, entry: Entry) -> None:
        """Enter it as soon as there is room; a refused drop copy is sent again, anything else is counted."""
        assert self._writer is not None, "the ledger has not begun"
        ts_ns = time_ns()
        self._writer.enter(ts_ns, self._written_down(ts_ns, entry))

    def asked(self, peer: bytes, request: FromOperator) -> None:
        """An operator asks for something; it is entered with the answer."""
        if not isinstance(request, StatusRequest):
            self._asked[peer, request.command_id] = request
            if len(self._asked) > ASKED_MAX:
                del self._asked[next(iter(self._asked))]

    def answered(self, peer: bytes, reply: ToOperator) -> None:
        request = None if isinstance(reply, StatusReply) else self._asked.pop((peer, reply.command_id), None)
        if request is not None and not isinstance(reply, StatusReply):
            self.enter(_command(request, reply))

    def _open(self) -> OpenLedger:
        try:
            run = current_run(self._state_dir, self._cluster)
        except OSError as error:
            raise LedgerDown(f"the ledger's run cannot be kept: {error}") from error
        if self._ended.run and self._ended.archive:
            last = self._open_run(self._ended.run)
            try:
                catch_up(last, Path(self._ended.archive))
            finally:
                last.close()
            self._ended = _Ended("", "")
        ledger = self._open_run(run)
        try:
            if self._spool is not None:
                ledger.begin(time_ns())
                self._unspool(ledger, self._spool)
        except Exception:
            ledger.close()
            raise
        return ledger

    def _unspool(self, ledger: OpenLedger, spool: Spool) -> None:
        """Enter what an earlier supervisor has written down and could not enter any more.

        What is refused, or cannot be read, keeps nothing else out.

        :raises LedgerDown: try again.
        """
        pending = self._readable(spool, ledger.spooled(spool.id))
        missing: list[int] = []
        try:
            while batch := list(islice(pending, BATCH_MAX)):
                _enter(ledger, batch, missing)
        finally:
            if missing:
                text = f"{len(missing)} entries of the spool are refused by the ledger; its incidents name them"
                self._tell(LedgerTroubled(text))

    def _readable(self, spool: Spool, number: int) -> Iterator[Stamped]:
        """What the spool has after this number, as far as it can be read.

        :raises LedgerDown: not now: the disk fails, or the oldest entries have just given way to new ones.
        """
        try:
            yield from spool.after(number)
        except OSError as error:
            raise LedgerDown(f"the ledger's spool cannot be read: {error}") from error
        except Exception as error:  # noqa: BLE001  # whatever is wrong with a file, there is a ledger
            text = f"the rest of the ledger's spool cannot be read and is missing in the ledger: {error!r}"
            log.error(text)
            self._tell(LedgerTroubled(text))

    def _written_down(self, ts_ns: int, entry: Entry) -> Entry:
        """What does not come again is on the disk before it waits for the database."""
        if self._spool is None or not isinstance(entry, Audited | CommandAnswered | IncidentNoted):
            return entry
        try:
            return self._spool.add(ts_ns, entry)
        except (JournalError, OSError) as error:
            log.error("not written down before it is entered into the ledger", error=str(error))
            return entry

    def close(self) -> None:
        """Write what waits."""
        if self._writer is not None and not self._writer.close(CLOSE_TIMEOUT_S):
            log.error("the ledger lacks the last entries: its database did not take them in time")
        if self._spool is not None:
            self._spool.close()


def _enter(ledger: OpenLedger, batch: Sequence[Stamped], missing: list[int]) -> None:
    """Enter spooled entries; of a batch that is refused, each half for itself, down to the one that is at fault.

    :param missing: takes the number of each that was refused; an incident has its place, so that it is neither tried
        nor counted again.
    :raises LedgerDown: try again.
    """
    try:
        ledger.write(batch)
    except LedgerDown:
        raise
    except Exception as error:  # noqa: BLE001  # whatever one entry is wrong with, the others are entered
        if len(batch) > 1:
            half = len(batch) // 2
            _enter(ledger, batch[:half], missing)
            _enter(ledger, batch[half:], missing)
        else:
            missing.append(_replace(ledger, batch[0], error))


def _replace(ledger: OpenLedger, stamped: Stamped, error: Exception) -> int:
    """:returns: the number of the entry."""
    ts_ns, spooled = stamped
    assert isinstance(spooled, Spooled), "not of the spool"
    noted = not_entered(spooled.number, type(spooled.entry).__name__, tuple(spooled.entry), error)
    log.error(noted.text)
    try:
        ledger.write([Stamped(ts_ns, spooled._replace(entry=noted))])
    except LedgerDown:
        raise
    except Exception as again:  # noqa: BLE001  # the log has it
        log.error("nor does the ledger take the incident that tells so", error=str(again))
    return spooled.number


def incident(event: str, fields: Mapping[str, Any]) -> IncidentNoted:  # Any: log fields
    """What was logged as an error, as an incident."""
    details = {name: value for name, value in fields.items() if name != "process"}
    return IncidentNoted(str(fields.get("process", "")), event, details)


def ledger_of(url: str, state_dir: Path, cluster: str, instruments: Mapping[str, Instrument]) -> WrittenLedger:
    """The ledger of a cluster; the database and its driver are loaded when it begins, in a thread.

    :param url: empty for an SQLite file in the state directory.
    """

    def opened(run: str) -> OpenLedger:
        from supervisor.ledger import engine, ledger  # noqa: PLC0415  # the database toolkit takes long to load

        parsed = engine.parse_url(url or engine.default_url(state_dir), state_dir)
        return ledger.Ledger(parsed, cluster, run, instruments)

    return WrittenLedger(opened, state_dir, cluster)


def _command(request: FromOperator, reply: ToOperator) -> CommandAnswered:
    """A token opens what must be confirmed, so it is not kept."""
    payload = to_plain(request)
    secrets = {payload.pop("token", ""), getattr(reply, "token", "")} - {""}
    text = getattr(reply, "text", "")
    for secret in secrets:
        text = text.replace(secret, _HIDDEN)
    return CommandAnswered(request.command_id, type(request).__name__, payload, type(reply).__name__, text)
