"""Losses since the start of the day and from the highest profit, and the stage that they demand. Pure."""

from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from supervisor.config.risk import LossLimits, LossTiers
from supervisor.risk.records import LossRecord
from supervisor.risk.stages import Stage

EASED_RATIO: Final = Decimal("0.8")
"""A warning is over when the loss has come down to this part of the amount that it was told at."""
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
    return LossRecord(day=max(day, record.day), day_start=start, peak=max(record.peak, profit), last=profit)


def joined(portfolio: LossRecord, profit: Decimal) -> LossRecord:
    """The record of the portfolio after a strategy has joined with a profit of its own: no gain of today."""
    return LossRecord(
        day=portfolio.day,
        day_start=portfolio.day_start + profit,
        peak=portfolio.peak + profit,
        last=portfolio.last + profit,
    )


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
