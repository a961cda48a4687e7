"""The oracle: the simulated venues' own ledgers against the books of gateways and strategies. Pure."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from supervisor.drill.books import FillKey, GatewayBooks

ZERO = Decimal(0)
DEAD = ("faulted", "quarantined")
"""Lifecycles of strategies whose last word may be old."""


class Verdict(NamedTuple):
    """What was found.

    :param orders: that venues accepted; :param fills: that strategies were told.
    :param lost: fills or orders that one side has and the other has not.
    :param duplicated: orders sent twice, fills told twice.
    :param positions_wrong: a sentence for each instrument whose position differs from the venue's.
    """

    orders: int
    fills: int
    lost: int
    duplicated: int
    positions_wrong: tuple[str, ...]

    @property
    def is_good(self) -> bool:
        return not (self.lost or self.duplicated or self.positions_wrong)


def judge(report: Mapping[str, Any], gateways: Mapping[str, GatewayBooks], told: Counter[FillKey]) -> Verdict:
    """Compare the three ledgers of a cluster that has ended.

    :param report: as `outcry up --report` writes it; its order counts and positions are the venues' own.
    :param told: how often each strategy was told each fill, by its own journal.
    """
    passed_on: Counter[FillKey] = Counter()
    for journal in gateways.values():
        passed_on.update(journal.fills)
    lost = sum(1 for fill in passed_on if fill not in told) + sum(1 for fill in told if fill not in passed_on)
    duplicated = sum(count - 1 for count in (*passed_on.values(), *told.values()))
    orders = 0
    for gateway, venue in report["gateways"].items():
        accepted = int(venue["orders"]["accepted"])
        books = gateways.get(gateway)
        orders += accepted
        lost += abs(accepted - (len(books.taken) if books is not None else 0))
        duplicated += sum(count - 1 for count in books.intents.values()) if books is not None else 0
    return Verdict(orders, sum(told.values()), lost, duplicated, tuple(_wrong_positions(report, gateways)))


def _wrong_positions(report: Mapping[str, Any], gateways: Mapping[str, GatewayBooks]) -> list[str]:
    """Of a strategy that is dead, its gateway's books speak: its own last word may be from before its last fill."""
    wrong = []
    for gateway, venue in report["gateways"].items():
        for symbol, position in venue["positions"].items():
            name, at_venue = f"{symbol}.{gateway}", Decimal(position)
            ours = ZERO
            for strategy, said in report["strategies"].items():
                is_dead = said.get("lifecycle") in DEAD and gateway in gateways
                own = Decimal(said["positions"].get(name, "0"))
                ours += gateways[gateway].positions.get((strategy, name), ZERO) if is_dead else own
            if ours != at_venue:
                booked = _booked(gateways.get(gateway), name)
                wrong.append(f"{name}: strategies hold {ours}, the venue says {at_venue}, its gateway's books {booked}")
    return wrong


def _booked(books: GatewayBooks | None, instrument: str) -> Decimal | None:
    """What a gateway's journal adds up to, over all strategies: tells whether it is they or it who missed a fill."""
    if books is None:
        return None
    return sum((size for (_, name), size in books.positions.items() if name == instrument), ZERO)
