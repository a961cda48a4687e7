"""Every gateway that begins from a snapshot in the simulation is compared with one that reads its whole journal."""

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from gateways.gate.order_gate import OrderGate
from gateways.gate.order_records import OrderRecords
from gateways.intent_log import IntentLog
from tests.support.books import Made, differences

if TYPE_CHECKING:
    from messages.instruments import Instrument

Restore = Callable[[IntentLog, "Mapping[str, Instrument]", OrderGate], OrderRecords]

BEGUN: Final = Counter[str]()
"""How many gateways have begun in this process, and how many of them `from a snapshot`."""


def compared(restore: Restore, complain: Callable[[str], None]) -> Restore:
    """The same, which complains where a snapshot led to other books than the whole journal does."""

    def restored(log: IntentLog, instruments: "Mapping[str, Instrument]", gate: OrderGate) -> OrderRecords:
        records = restore(log, instruments, gate)
        BEGUN["all"] += 1
        if log.saved:
            BEGUN["from a snapshot"] += 1
            with TemporaryDirectory(dir=log._directory.parent) as folder:
                whole = _whole(restore, log, instruments, Path(folder))
            for found in differences(Made(log, gate, records), whole, is_disk_sound=False):
                complain(f"a snapshot is not what {log._directory.name} says: {found}")
        return records

    return restored


def _whole(restore: Any, log: IntentLog, instruments: Any, folder: Path) -> Made:
    """What the journal makes without any snapshot."""
    for segment in log._directory.glob("*.log"):
        shutil.copy(segment, folder)
    everything, gate = IntentLog(folder), OrderGate(instruments)
    made = Made(everything, gate, restore(everything, instruments, gate))
    everything.close()
    return made
