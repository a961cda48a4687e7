"""`[risk]`: the common limits of a cluster, and when losses and oddities tighten its trading. Names are a contract.

Money is in the reporting currency; positions are in an instrument's own unit.
"""

from decimal import Decimal
from enum import StrEnum
from itertools import pairwise
from typing import Annotated, Final

import msgspec
from msgspec import Meta

PositiveDecimal = Annotated[Decimal, Meta(extra={"above": "0"})]
UnsignedDecimal = Annotated[Decimal, Meta(extra={"least": "0"})]
Currency = Annotated[
    str,
    Meta(pattern=r"^[A-Za-z0-9]{1,16}\Z", extra={"expected": "a currency such as USDT: 1 to 16 letters and digits"}),
]
Name = Annotated[str, Meta(min_length=1, max_length=64)]
Seconds = Annotated[float, Meta(gt=0.0, le=86_400.0)]
Many = Annotated[int, Meta(ge=1, le=1_000_000)]


class Table(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The base of every table of `[risk]`."""


class RiskAction(StrEnum):
    """What a rule does when it finds something; all but `alert` tighten, and only the operator loosens."""

    OFF = "off"
    ALERT = "alert"
    REDUCING = "reducing"
    HALT = "halt"
    FLATTEN = "flatten"


class LossTiers(Table, frozen=True):
    """What a loss leads to, each from its amount on; left out: never. They must not fall from one to the next.

    :param warn: an alert; :param reducing: only orders that lower the exposure.
    :param halted: cancels only; :param flatten: the position is closed, too.
    """

    warn: PositiveDecimal | None = None
    reducing: PositiveDecimal | None = None
    halted: PositiveDecimal | None = None
    flatten: PositiveDecimal | None = None

    def __post_init__(self) -> None:
        told = [(name, amount) for name in self.__struct_fields__ if (amount := getattr(self, name)) is not None]
        for (before, less), (name, more) in pairwise(told):
            if more < less:
                raise ValueError(f"{name} is {more}, less than {before}, {less}")


class NotionalLimits(Table, frozen=True):
    """The worst case, were every open and unknown order filled.

    :param gross_notional_max: sum over strategies and instruments of the larger side of each.
    :param net_notional_max: sum of all long sides, or of all short sides, whichever is more.
    """

    gross_notional_max: UnsignedDecimal | None = None
    net_notional_max: UnsignedDecimal | None = None


class LossLimits(NotionalLimits, frozen=True):
    """:param daily_loss: since the start of the day (UTC); :param drawdown: from the highest profit of the run."""

    daily_loss: LossTiers = LossTiers()
    drawdown: LossTiers = LossTiers()


class InstrumentLimits(NotionalLimits, frozen=True):
    """:param position_max: of all strategies together, long or short."""

    position_max: UnsignedDecimal | None = None


class StrategyLimits(LossLimits, frozen=True):
    """:param position_max: by instrument id, long or short.
    :param messages_per_s: requests to the venues, shared out evenly over its instruments; 0 = no bound.
    """

    position_max: dict[Name, UnsignedDecimal] = {}
    messages_per_s: Annotated[float, Meta(ge=0.0, le=1e6)] = 0.0


class Rule(Table, frozen=True):
    """:param action: off | alert | reducing | halt | flatten.
    :param cooldown_s: the same finding is told again after this at the earliest.
    """

    action: RiskAction = RiskAction.ALERT
    cooldown_s: Seconds = 60.0


class PnlJumpRule(Rule, frozen=True):
    """The profit of a strategy moved by more than an amount within a window, up or down.

    :param amount: left out: never.
    """

    amount: PositiveDecimal | None = None
    window_s: Seconds = 10.0


class RejectBurstRule(Rule, frozen=True):
    """A venue or our own gate refused this many orders at one gateway within a window."""

    count: Many = 50
    window_s: Seconds = 10.0


class StaleFeedRule(Rule, frozen=True):
    """There is a position in an instrument, and no fresh price of it for so long."""

    after_s: Seconds = 10.0


class LatencyRule(Rule, frozen=True):
    """99 in 100 orders of a strategy took longer than this from tick to gate.

    :param p99_ms: left out: never. :param n_min: orders measured, before it is judged.
    """

    p99_ms: Annotated[float, Meta(gt=0.0, le=60_000.0)] | None = None
    n_min: Many = 100


class OrderStormRule(Rule, frozen=True):
    """A strategy sent more orders a second than this, over a window."""

    orders_per_s: Annotated[float, Meta(gt=0.0, le=1e6)] = 200.0
    window_s: Seconds = 5.0


class ConcentrationRule(Rule, frozen=True):
    """One asset is more than this share of the gross notional held.

    :param share_max: left out: never. :param gross_min: below which nobody minds.
    """

    share_max: Annotated[float, Meta(gt=0.0, le=1.0)] | None = None
    gross_min: UnsignedDecimal = Decimal(0)


class LimitPassedRule(Rule, frozen=True):
    """More is held than a common limit allows: a price has moved, a fill came late, or the limit was lowered."""


class MismatchRule(Rule, frozen=True):
    """The venue's word on a position differs from our books, twice in a row."""

    action: RiskAction = RiskAction.REDUCING


class Rules(Table, frozen=True):
    """`[risk.rules]`: what is odd, though no limit is passed."""

    pnl_jump: PnlJumpRule = PnlJumpRule()
    reject_burst: RejectBurstRule = RejectBurstRule()
    stale_feed: StaleFeedRule = StaleFeedRule()
    position_mismatch: MismatchRule = MismatchRule()
    latency: LatencyRule = LatencyRule()
    order_storm: OrderStormRule = OrderStormRule()
    concentration: ConcentrationRule = ConcentrationRule()
    limit_passed: LimitPassedRule = LimitPassedRule()


class RiskConfig(Table, frozen=True):
    """`[risk]`.

    :param reporting_currency: of every amount here.
    :param rates: what one unit of a currency is worth in the reporting currency, where no price is to tell.
    :param prices: by instrument id, what it is about worth in its quote currency, until its gateway tells: without, the
        first orders under a limit of notional come too early.
    :param venues: by gateway id; :param assets: by base currency; :param instruments: by instrument id.
    """

    reporting_currency: Currency = "USDT"
    rates: dict[Currency, PositiveDecimal] = {}
    prices: dict[Name, PositiveDecimal] = {}
    portfolio: LossLimits = LossLimits()
    venues: dict[Name, NotionalLimits] = {}
    assets: dict[Currency, NotionalLimits] = {}
    instruments: dict[Name, InstrumentLimits] = {}
    strategies: dict[Name, StrategyLimits] = {}
    rules: Rules = Rules()


def with_limit(config: RiskConfig, path: str, value: Decimal) -> RiskConfig:
    """The config with one limit changed.

    :param path: in `[risk]`: `portfolio.gross_notional_max`, `instruments.BTCUSDT.spot-a.position_max`,
        `strategies.carry.position_max.BTCUSDT.spot-a`, `portfolio.daily_loss.halted`.
    :raises ValueError: there is no such limit, or it cannot have this value; the message says what can be.
    """
    if value < 0:
        raise ValueError(f"{path} cannot be {value}: expected at least 0")
    head, name, key = _located(path)
    table = _replaced(_table(config, head, name), key, path, value)
    return msgspec.structs.replace(config, **{head: {**getattr(config, head), name: table} if name else table})


def limit_at(config: RiskConfig, path: str) -> Decimal | None:
    """The limit at a path, as for `with_limit`; None where it is not set.

    :raises ValueError: there can be no such limit.
    """
    head, name, key = _located(path)
    table = _table(config, head, name)
    field, _, rest = key.partition(".")
    _check(table, field, rest, path)
    now = getattr(table, field)
    if isinstance(now, dict):
        return now.get(rest)
    if isinstance(now, LossTiers):
        return getattr(now, rest)  # type: ignore[no-any-return]
    return Decimal(repr(now)) if isinstance(now, float) else now


def is_raised(path: str, current: Decimal | None, value: Decimal) -> bool:
    """Whether more may be held, or sent, with this value than with the current one; None: there was no limit.

    :raises ValueError: as for `limit_at`.
    """
    if current is None:
        return False
    if _located(path)[2] == "messages_per_s":  # of which 0 says that there is no bound
        return bool(current) and (not value or value > current)
    return value > current


def names_in(path: str) -> tuple[tuple[str, str], ...]:
    """The names in a path, each with the section of `[risk]` that has such names.

    :raises ValueError: as for `limit_at`.
    """
    head, name, key = _located(path)
    field, _, rest = key.partition(".")
    named = ((head, name),) if name else ()
    return (*named, ("instruments", rest)) if field == "position_max" and rest else named


_TABLES: Final[dict[str, type[NotionalLimits]]] = {
    "venues": NotionalLimits,
    "assets": NotionalLimits,
    "instruments": InstrumentLimits,
    "strategies": StrategyLimits,
}


def _located(path: str) -> tuple[str, str, str]:
    """The section, the name of its table (an instrument's has dots of its own), and the key in it."""
    head, _, rest = path.partition(".")
    if head == "portfolio":
        return head, "", rest
    if head not in _TABLES:
        raise ValueError(f"{path} is no limit; expected portfolio, {', '.join(_TABLES)}, a dot and more")
    name, _, key = rest.rpartition(".") if head == "instruments" else rest.partition(".")
    if not name:
        raise ValueError(f"{path} is no limit; expected {head}, a dot, a name, a dot and the limit")
    return head, name, key


def _table(config: RiskConfig, head: str, name: str) -> NotionalLimits:
    return getattr(config, head).get(name, _TABLES[head]()) if name else config.portfolio


def _check(table: NotionalLimits, field: str, rest: str, path: str) -> None:
    """:raises ValueError: the table has no such limit."""
    plain = {name for name in table.__struct_fields__ if name.endswith("_notional_max") or name == "messages_per_s"}
    tiers = {name for name in table.__struct_fields__ if isinstance(getattr(table, name), LossTiers)}
    by_name = {name for name in table.__struct_fields__ if isinstance(getattr(table, name), dict)}
    if isinstance(table, InstrumentLimits):
        plain.add("position_max")
    is_known = (
        (field in plain and not rest)
        or (field in tiers and rest in LossTiers.__struct_fields__)
        or (field in by_name and bool(rest))
    )
    if not is_known:
        most = [*sorted(plain), *(f"{name}.{tier}" for name in sorted(tiers) for tier in LossTiers.__struct_fields__)]
        most += [f"{name}.INSTRUMENT" for name in sorted(by_name)]
        raise ValueError(f"{path} is no limit; expected its last part to be one of {', '.join(most)}")


def _replaced(table: NotionalLimits, key: str, path: str, value: Decimal) -> NotionalLimits:
    field, _, rest = key.partition(".")
    _check(table, field, rest, path)
    now = getattr(table, field)
    if isinstance(now, LossTiers):
        if not value:
            raise ValueError(f"{path} cannot be 0: expected more")
        # made anew, so that the order of the tiers is checked
        new: object = LossTiers(**{**{name: getattr(now, name) for name in now.__struct_fields__}, rest: value})
    elif isinstance(now, dict):
        new = {**now, rest: value}
    else:
        new = float(value) if field == "messages_per_s" else value
    return msgspec.structs.replace(table, **{field: new})
