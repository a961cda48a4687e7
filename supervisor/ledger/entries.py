"""What is entered into the ledger, and what its writer says of it. Pure."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final, NamedTuple

from messages.from_child import DropCopy
from messages.health import Pnl
from supervisor.ledger.books import FillKey, FundingKey
from supervisor.ledger.holding import Holding, PositionKey


class PnlSampled(NamedTuple):
    """:param pnls: one for each settle currency."""

    strategy: str
    pnls: tuple[Pnl, ...]


class CashSampled(NamedTuple):
    """:param balances: of the venue account, by currency."""

    gateway: str
    balances: Mapping[str, Decimal]


class CommandAnswered(NamedTuple):
    """An operator's request and what was answered; a later answer to the same command takes the place of this one.

    :param request: the name of its type; :param payload: the request; :param outcome: the name of the answer's type.
    """

    command_id: str
    request: str
    payload: Mapping[str, Any]  # Any: fields of a message
    outcome: str
    text: str


class IncidentNoted(NamedTuple):
    """Something that a person should see: a fault, a restart, a halt.

    :param process: whom it concerns; empty for the cluster.
    """

    process: str
    text: str
    details: Mapping[str, Any]  # Any: log fields


class Audited(NamedTuple):
    """As `supervisor.actions.Audit` says."""

    kind: str
    subject: str
    payload: Mapping[str, Any]  # Any: whatever the decision was made from


class Spooled(NamedTuple):
    """An entry that was written down before; the database has it where its last number of that spool is not below.

    :param spool: the id of the state directory's spool.
    """

    spool: str
    number: int
    entry: CommandAnswered | IncidentNoted | Audited


Entry = DropCopy | PnlSampled | CashSampled | CommandAnswered | IncidentNoted | Audited | Spooled

REPEATED: Final = (DropCopy, PnlSampled, CashSampled)
"""Entries that come again, or of which a newer one comes, where there is no room for them."""


class Stamped(NamedTuple):
    """:param ts_ns: when it was heard of, nanoseconds since the epoch."""

    ts_ns: int
    entry: Entry


def weight(entry: Entry) -> int:
    """How much room an entry takes in a queue: its records."""
    return len(entry.records) if isinstance(entry, DropCopy) else 1


class Extract(NamedTuple):
    """What the database holds, or what has been entered into it just now.

    :param known: fills and fundings, the newest ones, oldest first: by these a repetition is known.
    """

    held: Mapping[PositionKey, Holding] = {}
    known: tuple[FillKey | FundingKey, ...] = ()


class LedgerOpened(NamedTuple):
    """The database is there.

    :param applied: by gateway, the number of its last record in this run; what is held is as of these.
    """

    applied: Mapping[str, int]
    extract: Extract = Extract()


class RecordsApplied(NamedTuple):
    """What is committed.

    :param applied: by gateway, the number of its last record.
    :param extract: what is held as of these, of all that has moved.
    """

    applied: Mapping[str, int]
    extract: Extract = Extract()


class LedgerTroubled(NamedTuple):
    """The database does not take what is to be entered; trading goes on."""

    text: str


class LedgerRecovered(NamedTuple):
    text: str


LedgerNews = LedgerOpened | RecordsApplied | LedgerTroubled | LedgerRecovered
