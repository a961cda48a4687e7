"""How the room under common limits is shared out: what each lease should come to, were all gateways to obey at once.

Everybody keeps what is in use, unless that alone is more than a limit that was lowered: then each is left what the
others leave of it, so that nobody quotes anew into what he should get out of. Then, by priority of the strategies, what
is wanted, with a step above it so that orders are not denied all the time. Then the rest, in even shares, so that an
idle floor needs nothing. Pure.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from itertools import groupby
from typing import Final, NamedTuple

from messages.base import DECIMAL_MAX
from supervisor.risk.limits import Key, Limits
from supervisor.risk.loads import FLAT, Loads, Sides, floored

HEADROOM: Final = Decimal("1.25")
"""A lease is granted as this multiple of what was wanted of it, as far as there is room."""
PASSES: Final = 4
"""Each gives every lease an even share of what is left; one is enough where a single limit binds them all."""


class Claim(NamedTuple):
    """One lease in competition with the others.

    :param priority: 1 (last) to 10 (first).
    :param used: what cannot be taken away: the worst case of what the strategy has.
    :param wanted: the most that it has asked for lately.
    :param can_grow: False where it is to get nothing new: it is halted, or gone.
    """

    key: Key
    priority: int
    used: Sides
    wanted: Sides
    can_grow: bool

    @property
    def need(self) -> Sides:
        """What it is to have, if there is room."""
        if not self.can_grow:
            return self.used
        wanted = Sides(self.wanted.long * HEADROOM, self.wanted.short * HEADROOM)
        return self.used.or_more(Sides(min(floored(wanted.long), DECIMAL_MAX), min(floored(wanted.short), DECIMAL_MAX)))


def share_out(claims: Sequence[Claim], limits: Limits, unit_value: Callable[[str], Decimal | None]) -> dict[Key, Sides]:
    """What each lease should come to. The sums keep every limit, unless what is used is above it already."""
    loads = Loads(limits, unit_value)
    for claim in claims:
        loads.set(claim.key, claim.used)
    growing = sorted((claim for claim in claims if claim.can_grow), key=_rank)
    for _, group in groupby(growing, key=lambda claim: claim.priority):
        alike = list(group)
        _fill(loads, limits, {claim.key: claim.need for claim in alike})
        for claim in alike:  # what the division into even shares has left over
            loads.set(claim.key, _raised(loads, claim.key, claim.need, None))
    everything = Sides(DECIMAL_MAX, DECIMAL_MAX)
    _fill(loads, limits, {claim.key: everything for claim in growing})
    return {claim.key: _within(loads, claim.key) for claim in claims}


def _within(loads: Loads, key: Key) -> Sides:
    sides = loads.sides.get(key, FLAT)
    if not loads.is_exceeded(key):
        return sides
    loads.set(key, FLAT)
    room = Sides(loads.most(key, is_long=True), loads.most(key, is_long=False))
    loads.set(key, sides)
    return sides.or_less(room)


def _rank(claim: Claim) -> tuple[int, Key]:
    return -claim.priority, claim.key


def _fill(loads: Loads, limits: Limits, needs: Mapping[Key, Sides]) -> None:
    """Raise all of them towards their needs, each by an even share of what every limit has left."""
    for _ in range(PASSES):
        lacking = [key for key, need in needs.items() if _lacks(loads.sides.get(key, FLAT), need)]
        sharers = Counter(limit.name for key in lacking for limit in limits.of(key))
        shares = {key: _raised(loads, key, needs[key], sharers) for key in lacking}  # all, before any is taken
        for key, sides in shares.items():
            loads.set(key, sides)


def _lacks(has: Sides, need: Sides) -> bool:
    return has.long < need.long or has.short < need.short


def _raised(loads: Loads, key: Key, need: Sides, sharers: Mapping[str, int] | None) -> Sides:
    has = loads.sides.get(key, FLAT)
    return Sides(
        max(has.long, min(need.long, loads.most(key, is_long=True, sharers=sharers))),
        max(has.short, min(need.short, loads.most(key, is_long=False, sharers=sharers))),
    )
