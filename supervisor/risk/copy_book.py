"""Positions by the drop copies of the gateways: every record once, in order, and never behind the ledger. Pure.

The book begins with what the ledger holds, as its writer tells when it opens the database. From there on it takes each
copy as it is heard, before the database has it: by their numbers, as the ledger does. What it has missed, since it came
before the ledger was open, it takes over as the ledger tells that it is committed.
"""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from messages.from_child import DropCopy
from messages.instruments import Instrument
from messages.orders import Fill, FundingPaid
from supervisor.ledger.books import FillKey, FundingKey, fill_key, funding_key
from supervisor.ledger.entries import LedgerOpened, RecordsApplied
from supervisor.ledger.holding import NOTHING_HELD, Holding, PositionKey

SEEN_MAX: Final = 65_536
"""Fills and fundings of one gateway by which a repetition under another number is known; the oldest give way."""


class CopyBook:
    """:param instruments: by instrument id.
    :ivar is_open: the ledger has told what it holds; before, nothing is known.
    :ivar held: by gateway, strategy and instrument.
    """

    def __init__(self, instruments: Mapping[str, Instrument]) -> None:
        self.is_open = False
        self.held: dict[PositionKey, Holding] = {}
        self._instruments = instruments
        self._numbers: dict[str, int] = {}
        self._seen: defaultdict[str, dict[FillKey | FundingKey, None]] = defaultdict(dict)

    def number(self, gateway: str) -> int:
        """Of the last record that is in the book."""
        return self._numbers.get(gateway, 0)

    def of_gateway(self, gateway: str) -> dict[PositionKey, Holding]:
        return {key: holding for key, holding in self.held.items() if key.gateway == gateway}

    def of_strategy(self, strategy: str) -> dict[PositionKey, Holding]:
        return {key: holding for key, holding in self.held.items() if key.strategy == strategy}

    def opened(self, news: LedgerOpened) -> None:
        """The ledger tells what it holds.

        A database that was away may be set back when it returns; its gateways then send again what it lacks. The book
        has that already: it takes only what is further than it is itself.
        """
        ahead = self._ahead(news.applied)
        for key in [key for key in self.held if key.gateway in ahead]:
            del self.held[key]
        self._take(ahead, news)
        self.is_open = True

    def applied(self, news: RecordsApplied) -> None:
        """The ledger has committed records; those that are not in the book are taken over as it holds them now."""
        self._take(self._ahead(news.applied), news)

    def copied(self, copy: DropCopy, up_to: int | None = None) -> None:
        """Take what comes next of a copy; nothing where something is missing in between: that is sent again.

        :param up_to: the number of the last record to be taken.
        """
        gateway, last = copy.process, self.number(copy.process)
        if not self.is_open or copy.first > last + 1:
            return
        records = copy.records[last + 1 - copy.first : None if up_to is None else max(0, up_to + 1 - copy.first)]
        for record in records:
            self._apply(gateway, record)
        self._numbers[gateway] = last + len(records)

    def _ahead(self, numbers: Mapping[str, int]) -> set[str]:
        return {gateway for gateway, number in numbers.items() if number > self.number(gateway)}

    def _take(self, gateways: set[str], news: LedgerOpened | RecordsApplied) -> None:
        for name in gateways:
            self._numbers[name] = news.applied[name]
        self.held.update({key: holding for key, holding in news.extract.held.items() if key.gateway in gateways})
        for key in news.extract.known:
            if key.gateway in gateways:
                self._note(key.gateway, key)

    def _apply(self, gateway: str, record: Any) -> None:  # Any: a record of a drop copy
        if not isinstance(record, Fill | FundingPaid):
            return
        at = PositionKey(gateway, record.strategy, record.instrument)
        held = self.held.get(at, NOTHING_HELD)
        key: FillKey | FundingKey
        if isinstance(record, FundingPaid):
            key, after = funding_key(gateway, record), held.funded(record)
        else:
            key, after = fill_key(gateway, record), held.filled(record, self._instruments.get(at.instrument))
        if self._note(gateway, key):
            self.held[at] = after

    def _note(self, gateway: str, key: FillKey | FundingKey) -> bool:
        """False where it is in the book already."""
        seen = self._seen[gateway]
        if key in seen:
            return False
        seen[key] = None
        if len(seen) > SEEN_MAX:
            del seen[next(iter(seen))]
        return True
