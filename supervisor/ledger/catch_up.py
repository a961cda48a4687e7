"""What the last run's gateways had journaled and could not tell any more: a cluster that was killed as a whole has its
last orders and fills in its journals only, which are put away when new simulated venues begin.
"""

from pathlib import Path
from time import time_ns
from typing import Final

import structlog

from gateways.drop_copy import DropCopyFrame, batch_of
from gateways.intent_log import COPIED_CHANNELS
from gateways.intent_reader import IntentReader
from messages.codec import FROM_CHILD, encode
from messages.from_child import DropCopy
from supervisor.ledger.entries import Stamped
from supervisor.ledger.errors import LedgerDown
from supervisor.ledger.writer import OpenLedger

PREFIX: Final = "gateway-"
"""Of the folder of a gateway's intent journal."""

CALLS_MAX: Final = 1_000_000
"""Of the reader, each of which gets on by a bounded number of bytes: a quarter of a terabyte."""

log = structlog.get_logger()


def catch_up(ledger: OpenLedger, archive: Path) -> None:
    """Enter what the journals of an ended run hold and the ledger lacks; a journal that is damaged ends there.

    :param ledger: of that run. :raises LedgerDown: try again.
    """
    applied = ledger.begin(time_ns())
    for directory in sorted(archive.glob(f"{PREFIX}*")):
        gateway = directory.name.removeprefix(PREFIX)
        try:
            _enter(ledger, directory, gateway, applied.get(gateway, 0))
        except LedgerDown:
            raise
        except Exception as error:  # noqa: BLE001  # whatever a run that is over left, this one has a ledger
            log.warning("an ended run's journal is not entered whole", journal=str(directory), error=str(error))


def _enter(ledger: OpenLedger, directory: Path, gateway: str, applied: int) -> None:
    reader = IntentReader(directory, COPIED_CHANNELS)
    for _ in range(CALLS_MAX):
        before = reader.position
        records = batch_of(reader.read(applied + 1))
        if records:
            frame = DropCopyFrame(gateway, applied + 1, records)
            copy: DropCopy = FROM_CHILD.decode(encode(frame))  # type: ignore[assignment]  # that is what it is
            ledger.write([Stamped(time_ns(), copy)])
            applied += len(records)
        elif reader.position == before:
            break
    reader.close()
