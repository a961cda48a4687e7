"""Losses since the start of the day and from the highest profit, and the stage that they demand. Pure."""

from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from supervisor.config.risk import LossLimits, LossTiers
from supervisor.risk.records import LossRecord
from supervisor.risk.stages import Stage

EASED_RATIO: Final = Decimal("0.8")
"""A warning is over when the loss has come down to this part of the amount that it was told at."""
ZERO: Final = Decimal(0)
_TIERS: Final = (("flatten", Stage.FLATTENED), ("halted", Stage.HALTED), ("reducing", Stage.REDUCING))


class Verdict(NamedTuple):
    """:param why: in words with the figures; empty for NORMAL."""

    stage: Stage
    why: str


NOTHING: Final = Verdict(Stage.NORMAL, "")


def measured(record: LossRecord | None, profit: Decimal, day: int) -> LossRecord:
    """The record after a new word on the profit.

    :param profit: since the beginning, in the reporting currency.
    :param day: days since the epoch (UTC).
    """
    if record is None:
        return LossRecord(day=day, day_start=profit, peak=profit, last=profit)
    start = record.day_start if day <= record.day else record.last
    return msgspec.structs.replace(
        record, day=max(day, record.day), day_start=start, peak=max(record.peak, profit), last=profit
    )


def profit_by(record: LossRecord, booked: Decimal | None, told: Decimal, *, is_sound: bool) -> Decimal:
    """The profit that losses are measured by: the drop copies', while they are sound; else the worse of the two.

    :param booked: by the drop copies; None where they cannot tell. :param told: by the strategy.
    """
    if booked is None or not (is_sound or record.is_booked):
        return told + record.offset
    return booked if is_sound else min(booked, told + record.offset)


def booked(record: LossRecord, booked: Decimal, told: Decimal) -> tuple[LossRecord, Decimal]:
    """The record with what the drop copies tell, and how much its profits have moved since they are measured by them.

    A strategy may count from another beginning than the ledger: what it had lost before, it has lost still.
    """
    moved = ZERO if record.is_booked else booked - told
    record = shifted(record, moved)
    return msgspec.structs.replace(record, offset=booked - told, is_booked=True), moved


def booked_alone(record: LossRecord, booked: Decimal) -> tuple[LossRecord, Decimal]:
    """The same while the strategy has no word: what it told last is what the drop copies are compared with."""
    if record.is_booked:
        return record, ZERO
    moved = booked - record.last
    return msgspec.structs.replace(shifted(record, moved), offset=record.offset + moved, is_booked=True), moved


def shifted(record: LossRecord, by: Decimal) -> LossRecord:
    """The record as if everything had been so much more from the beginning."""
    moved = {name: getattr(record, name) + by for name in ("day_start", "peak", "last")}
    return msgspec.structs.replace(record, **moved)


def joined(portfolio: LossRecord, profit: Decimal) -> LossRecord:
    """The record of the portfolio after a strategy has joined with a profit of its own: no gain of today."""
    return shifted(portfolio, profit)


def restarted(record: LossRecord) -> LossRecord:
    """The operator has seen the loss: it is measured from here."""
    return msgspec.structs.replace(record, day_start=record.last, peak=record.last)


def verdict(limits: LossLimits, record: LossRecord, currency: str) -> Verdict:
    """What the losses demand, by whichever ladder is stricter."""
    found = [
        _tier(limits.daily_loss, record.day_start - record.last, "lost today", currency),
        _tier(limits.drawdown, record.peak - record.last, "lost from the highest profit", currency),
    ]
    return max(found, key=lambda item: item.stage.rank)


def is_eased(limits: LossLimits, record: LossRecord) -> bool:
    """Whether no loss is near its warning any more."""
    losses = ((limits.daily_loss, record.day_start - record.last), (limits.drawdown, record.peak - record.last))
    return all(tiers.warn is None or loss <= tiers.warn * EASED_RATIO for tiers, loss in losses)


def _tier(tiers: LossTiers, loss: Decimal, words: str, currency: str) -> Verdict:
    for name, stage in (*_TIERS, ("warn", Stage.WARNED)):
        most = getattr(tiers, name)
        if most is not None and loss >= most:
            return Verdict(stage, f"{loss:.2f} {currency} {words}, of {most:f} for {name}")
    return NOTHING
