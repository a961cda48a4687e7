"""What of risk must outlive the supervisor: bounds that are out, states that were set, the peaks of profits."""

from decimal import Decimal

import msgspec

from messages.risk import Lease


class OutRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may be out of one lease.

    :param long: the most that its gateway may still hold it to; `short` likewise.
    :param lowered_serial: of the grant that last lowered it, as long as the gateway has not told to have it; else 0.
    """

    strategy: str
    instrument: str
    long: Decimal
    short: Decimal
    lowered_serial: int = 0


class GatewayRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """:param serial: of the last grant; :param leases: as it gave them."""

    serial: int = 0
    leases: tuple[Lease, ...] = ()
    outs: tuple[OutRecord, ...] = ()


class StateRecord(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far somebody's trading was tightened (a `Stage`), and why."""

    stage: str
    reason: str


class LossRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A profit since the strategy began, in the reporting currency, as its losses are measured from.

    :param day: days since the epoch (UTC); :param day_start: the profit when it began.
    :param peak: the highest profit so far.
    :param offset: what the drop copies make of the profit more than the strategy tells, when both were known last.
    :param is_booked: it is measured by the drop copies: where they cannot tell, by the strategy's word and the offset.
    """

    day: int = 0
    day_start: Decimal = Decimal(0)
    peak: Decimal = Decimal(0)
    last: Decimal = Decimal(0)
    offset: Decimal = Decimal(0)
    is_booked: bool = False


class RiskRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """:param marks: at which positions are valued, by instrument id.
    :param states: by strategy; the empty name is the cluster. NORMAL ones are left out.
    :param losses: by strategy; the empty name is the portfolio.
    """

    gateways: dict[str, GatewayRecord] = {}
    marks: dict[str, Decimal] = {}
    states: dict[str, StateRecord] = {}
    losses: dict[str, LossRecord] = {}

    def without_halt(self) -> "RiskRecord":
        """The same after the operator has ended the halt: what restricted the whole cluster ends with it."""
        states = {subject: state for subject, state in self.states.items() if subject}
        return msgspec.structs.replace(self, states=states)

    def without_run(self, *, keeps_states: bool) -> "RiskRecord":
        """What is remembered when nothing lives any more: what is out, since positions may outlive their gateways."""
        return RiskRecord(gateways=self.gateways, marks=self.marks, states=self.states if keeps_states else {})
