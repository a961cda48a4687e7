"""Audit, commands and incidents on disk until the database has them: a supervisor that is killed in between, or while
the database is away, loses none of them.

Each has a number that rises over all incarnations; the database keeps the number of the last one that it has.
"""

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import structlog

from actors.runtime.journal import Journal, read_journal, segment_files
from supervisor.ledger.audit_chain import canonical_json
from supervisor.ledger.entries import Audited, CommandAnswered, IncidentNoted, Spooled, Stamped

DIRECTORY: Final = "ledger-spool"
"""In the state directory."""

ID_FILE: Final = "id"

SEGMENT_BYTES_MAX: Final = 262_144
SEGMENTS_KEPT_MAX: Final = 8
"""2 MiB, some thousands of entries; the oldest give way, whether the database has them or not."""

CONTENT_CHARACTERS_MAX: Final = 4_000
"""Of an entry that could not be entered, in the incident that tells so."""

_CHANNEL: Final = 0
_KINDS: Final[dict[str, type[Any]]] = {kind.__name__: kind for kind in (Audited, CommandAnswered, IncidentNoted)}


log = structlog.get_logger()


class Spool:
    """:ivar id: of this spool; another state directory has another one.

    :raises JournalError: what is there is damaged, or it cannot be opened.
    """

    def __init__(self, state_dir: Path) -> None:
        self._directory = state_dir / DIRECTORY
        self._journal = Journal(self._directory, segment_bytes_max=SEGMENT_BYTES_MAX)
        self.id = _identity(self._directory / ID_FILE)
        self._last = max((number for number, _ in _read(self._directory)), default=0)

    def add(self, ts_ns: int, entry: Audited | CommandAnswered | IncidentNoted) -> Spooled:
        """Write an entry down; when this returns, it survives the death of the process.

        :raises JournalFailed: it is not written.
        """
        number = self._last + 1
        content = {"number": number, "ts_ns": ts_ns, "kind": type(entry).__name__, "fields": list(entry)}
        try:
            self._journal.append(_CHANNEL, canonical_json(content).encode())
            self._journal.flush()
        finally:
            self._journal.discard()
        self._last = number
        for segment in segment_files(self._directory)[:-SEGMENTS_KEPT_MAX]:
            segment.unlink()
        return Spooled(self.id, number, entry)

    def after(self, number: int) -> Iterator[Stamped]:
        """What was written down after the entry of this number, oldest first. May be called from another thread."""
        for found, content in _read(self._directory):
            if found > number:
                yield Stamped(content["ts_ns"], Spooled(self.id, found, _entry(found, content)))

    def close(self) -> None:
        self._journal.close()


def not_entered(number: int, kind: str, content: Any, error: object) -> IncidentNoted:  # Any: JSON-like
    """What is entered in the place of an entry that cannot be: that it is missing, why, and what it said."""
    text = f"entry {number} of the ledger's spool ({kind}) is missing in the ledger: {error}"
    return IncidentNoted("", text, {"content": repr(content)[:CONTENT_CHARACTERS_MAX]})


def _entry(number: int, content: dict[str, Any]) -> Audited | CommandAnswered | IncidentNoted:  # Any: JSON
    try:
        entry: Audited | CommandAnswered | IncidentNoted = _KINDS[content["kind"]](*content["fields"])
    except (KeyError, TypeError) as error:
        noted = not_entered(number, str(content.get("kind")), content.get("fields"), repr(error))
        log.error(noted.text)
        return noted
    return entry


def _identity(file: Path) -> str:
    """What is in the file; made where there is nothing."""
    if not file.is_file() or not (found := file.read_text().strip()):
        found = os.urandom(8).hex()
        file.write_text(f"{found}\n")
    return found


def _read(directory: Path) -> Iterator[tuple[int, dict[str, Any]]]:  # Any: JSON
    for _, payload in read_journal(directory):
        content = json.loads(payload)
        yield content["number"], content
