"""Gateways that race for common limits, in one thread: the real lease books and the real lease desk, over a network
that delays, loses, repeats and reorders, with partitions, and with crashes of everybody.

The world keeps what the venues know (positions and working orders), of which a gateway that comes back finds all in its
journal. Worst cases are reckoned from it after every order that was admitted.
"""

import heapq
import itertools
import random
from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import msgspec

from gateways.gate.lease_book import Exposure, LeaseBook
from messages.codec import FROM_CHILD, TO_CHILD, encode
from messages.instruments import Instrument, InstrumentType
from messages.risk import LeaseGrant, LeaseRequest
from supervisor.config.risk import RiskConfig
from supervisor.risk.lease_desk import LeaseDesk, Party
from supervisor.risk.limits import Limits, Measure
from supervisor.risk.records import RiskRecord
from supervisor.risk.valuation import Valuation

MS = 1_000_000
TTL_MS = 1_000
ZERO = Decimal(0)
MOOD_MS_MEAN = 1_500
ORDER_NS = 2 * MS
"""Between two orders of the whole floor, on average."""


def instrument(symbol: str, venue: str, base: str = "BTC", *, inverse: bool = False) -> Instrument:
    return Instrument(
        symbol=symbol,
        venue=venue,
        type=InstrumentType.PERPETUAL if inverse else InstrumentType.SPOT,
        base=base,
        quote="USD" if inverse else "USDT",
        settle=base if inverse else "USDT",
        tick_size=Decimal("0.01"),
        lot_size=Decimal("0.001"),
        inverse=inverse,
        multiplier=Decimal(100) if inverse else Decimal(1),
    )


@dataclass
class Working:
    sign: int
    quantity: Decimal


@dataclass
class Venue:
    """What stands at one venue, by (strategy, instrument): it outlives the gateway's process."""

    positions: defaultdict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    orders: defaultdict[tuple[str, str], dict[int, Working]] = field(default_factory=lambda: defaultdict(dict))

    def exposure(self, key: tuple[str, str]) -> Exposure:
        position = self.positions[key]
        buys = sum((order.quantity for order in self.orders[key].values() if order.sign > 0), ZERO)
        sells = sum((order.quantity for order in self.orders[key].values() if order.sign < 0), ZERO)
        return Exposure(position, max(ZERO, position + buys), max(ZERO, sells - position))


@dataclass
class Counts:
    orders: int = 0
    admitted: int = 0
    denied: int = 0
    reducing: int = 0
    grants: int = 0
    changes: int = 0
    crashes: int = 0
    denied_by: defaultdict[tuple[str, str], int] = field(default_factory=lambda: defaultdict(int))


@dataclass
class Faults:
    """Chances of each message, and of each order, which is the beat of the world."""

    loss: float = 0.05
    repeat: float = 0.02
    delay_ms_mean: float = 5.0
    delayed_long: float = 0.1
    supervisor_crash: float = 0.0003
    gateway_crash: float = 0.001
    partition: float = 0.0003


NO_FAULTS = Faults(0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0)


class Race:
    """:param demand: of one order, the most it takes, by (strategy, instrument); half of it on average."""

    def __init__(
        self,
        config: RiskConfig,
        instruments: list[Instrument],
        parties: list[Party],
        prices: dict[str, float],
        seed: int,
        faults: Faults,
        demand: dict[tuple[str, str], Decimal],
        position_aim: dict[tuple[str, str], Decimal] | None = None,
    ) -> None:
        self.random = random.Random(seed)
        self.config, self.parties, self.prices, self.faults = config, parties, prices, faults
        self.instruments = {item.id: item for item in instruments}
        self.limits = Limits(config, self.instruments)
        self.names = sorted({item.venue for item in instruments})
        self.venues = {name: Venue() for name in self.names}
        self.books: dict[str, LeaseBook | None] = {name: LeaseBook() for name in self.names}
        self.disk = RiskRecord()
        self.desk: LeaseDesk | None = self._desk()
        self.down_until: dict[str, int] = {}
        self.cut_until: dict[str, int] = {}
        self.now_ns = 10_000 * MS
        self.counts = Counts()
        self.keys = [(party.strategy, name) for party in parties for name in party.instruments]
        self.demand, self.position_aim = demand, position_aim or {}
        self.admitted: list[tuple[str, str]] = []
        self._network: list[tuple[int, int, str, bytes]] = []
        self._ids = itertools.count()
        self._moods: dict[tuple[str, str], tuple[int, int]] = {}

    # --- the supervisor ---

    def _desk(self) -> LeaseDesk:
        return LeaseDesk(
            limits=self.limits,
            valuation=Valuation(
                self.config.reporting_currency, self.config.rates, self.instruments, guesses={}, marks=self.disk.marks
            ),
            instruments=self.instruments,
            gateways=self.names,
            records=self.disk.gateways,
            ttl_ms=TTL_MS,
        )

    def _on_request(self, frame: bytes) -> None:
        request = FROM_CHILD.decode(frame)
        assert isinstance(request, LeaseRequest)
        if self.desk is None:
            return
        answer = self.desk.answer(request, self.parties, self.now_ns)
        if answer is None:
            return
        self.counts.grants += 1
        self.counts.changes += answer.is_changed
        if answer.is_changed:
            if self.random.random() < self.faults.supervisor_crash * 5:
                self._crash_supervisor()  # before it has saved: nothing of it was ever said
                return
            saved = RiskRecord(gateways=self.desk.records(), marks=dict(self.desk._valuation.marks))
            self.disk = msgspec.json.decode(msgspec.json.encode(saved), type=RiskRecord)
            if self.random.random() < self.faults.supervisor_crash * 5:
                self._crash_supervisor()  # after it has saved, before it has sent
                return
        self._send(request.process, encode(answer.grant))

    def _crash_supervisor(self) -> None:
        self.counts.crashes += 1
        self.desk = None
        self.down_until[""] = self.now_ns + self.random.choice((50, 300, 2_500)) * MS

    # --- the network ---

    def _send(self, to: str, frame: bytes, gateway: str = "") -> None:
        faults, end = self.faults, to or gateway
        if self.now_ns < self.cut_until.get(end, 0) or self.random.random() < faults.loss:
            return
        for _ in range(1 + (self.random.random() < faults.repeat)):
            delay_ms = self.random.expovariate(1 / faults.delay_ms_mean)
            if self.random.random() < faults.delayed_long:
                delay_ms += self.random.uniform(0, 2 * TTL_MS)
            heapq.heappush(self._network, (self.now_ns + int(delay_ms * MS), next(self._ids), to, frame))

    def _deliver(self, to: str, frame: bytes) -> None:
        if not to:
            self._on_request(frame)
            return
        book = self.books[to]
        grant: Any = TO_CHILD.decode(frame)
        assert isinstance(grant, LeaseGrant)
        if book is not None and book.apply(grant) and grant.serial == book.serial:
            ends = grant.asked_mono_ns + TTL_MS * MS
            assert book.left_ns(self.now_ns) >= max(0, ends - self.now_ns)
            assert book.left_ns(self.now_ns) <= TTL_MS * MS, "no lease lasts longer than from now"

    # --- time ---

    def run(self, orders: int) -> "Race":
        while self.counts.orders < orders:
            self._advance(int(self.random.expovariate(1 / ORDER_NS)))
            self._misfortune()
            self._order()
        return self

    def rest(self, ms: int) -> "Race":
        """Let time pass without an order."""
        for _ in range(ms):
            self._advance(MS)
        return self

    def _advance(self, by_ns: int) -> None:
        end_ns = self.now_ns + by_ns
        while self._network and self._network[0][0] <= end_ns:
            self.now_ns, _, to, frame = heapq.heappop(self._network)
            self._deliver(to, frame)
        self.now_ns = end_ns
        for name, book in self.books.items():
            if book is not None and book.is_request_due(self.now_ns):
                self._ask(name, book)

    def _ask(self, name: str, book: LeaseBook) -> None:
        venue = self.venues[name]
        keys = [key for key in self.keys if self.instruments[key[1]].venue == name]
        exposures = {key: found for key in keys if any(found := venue.exposure(key))}
        self._send("", encode(book.request(name, self.now_ns, exposures, self.prices)), name)

    def _misfortune(self) -> None:
        faults, draw = self.faults, self.random.random
        for name in [name for name, until in self.down_until.items() if self.now_ns >= until]:
            del self.down_until[name]
            if name:
                self.books[name] = LeaseBook()
            else:
                self.desk = self._desk()
        if draw() < faults.supervisor_crash and self.desk is not None:
            self._crash_supervisor()
        name = self.random.choice(self.names)
        if draw() < faults.gateway_crash and self.books[name] is not None:
            self.counts.crashes += 1
            self.books[name] = None
            self.down_until[name] = self.now_ns + self.random.choice((100, 500, 2_000)) * MS
        if draw() < faults.partition:
            self.cut_until[name] = self.now_ns + self.random.choice((100, 1_500, 5_000)) * MS

    # --- orders ---

    def _order(self) -> None:
        """One order, a fill or a cancel somewhere; the gate is the lease and nothing else."""
        self.counts.orders += 1
        key = self.random.choice(self.keys)
        name = self.instruments[key[1]].venue
        venue, book = self.venues[name], self.books[name]
        self._touch(venue, key)
        if book is None:
            return
        sign = self._sign(venue, key)
        if not sign:
            return
        quantity = (self.demand[key] * self.random.randint(1, 10) / 10).quantize(Decimal("0.001"))
        if not self._admits(book, venue, key, sign, quantity):
            self.counts.denied += 1
            self.counts.denied_by[key] += 1
            return
        self.counts.admitted += 1
        self.admitted.append(key)
        venue.orders[key][next(self._ids)] = Working(sign, quantity)
        self.check()

    def _sign(self, venue: Venue, key: tuple[str, str]) -> int:
        """The side of the next order; 0 for none. Without an aim, moods change: long, short, out again."""
        aim = self.position_aim.get(key)
        if aim is not None:
            return 1 if venue.exposure(key).long < aim else -1
        mood, until_ns = self._moods.get(key, (0, 0))
        if self.now_ns >= until_ns:
            mood = self.random.choice((1, 1, -1, -1, 0, 2))
            self._moods[key] = mood, self.now_ns + int(self.random.expovariate(1 / (MOOD_MS_MEAN * MS)))
        if mood == 2:
            return self.random.choice((1, -1))
        if mood == 0:  # out: what is held is closed, and nothing else is asked for
            position = venue.exposure(key).position
            return (position < 0) - (position > 0)
        return mood

    def _admits(self, book: LeaseBook, venue: Venue, key: tuple[str, str], sign: int, quantity: Decimal) -> bool:
        now = venue.exposure(key)
        sells = sum((order.quantity for order in venue.orders[key].values() if order.sign < 0), ZERO)
        buys = sum((order.quantity for order in venue.orders[key].values() if order.sign > 0), ZERO)
        if (sign < 0 and sells + quantity <= now.position) or (sign > 0 and buys + quantity <= -now.position):
            self.counts.reducing += 1
            return True
        long = max(now.long, now.position + buys + quantity) if sign > 0 else now.long
        short = max(now.short, sells + quantity - now.position) if sign < 0 else now.short
        book.note_wanted(*key, long, short)
        lease = book.lease(*key)
        if lease is None or not book.is_running(self.now_ns):
            return False
        worst = long if sign > 0 else short
        price = Decimal(repr(self.prices[key[1]]))
        notional = self.instruments[key[1]].notional(max(long, short), price)
        return worst <= (lease.long_max if sign > 0 else lease.short_max) and notional <= lease.notional_max

    def _touch(self, venue: Venue, key: tuple[str, str]) -> None:
        """Something becomes of the working orders of this key: filled in part or whole, or cancelled."""
        for id, order in list(venue.orders[key].items()):
            fate = self.random.random()
            if fate < 0.3:
                part = order.quantity if fate < 0.2 else (order.quantity / 2).quantize(Decimal("0.001"))
                venue.positions[key] += order.sign * part
                order.quantity -= part
            elif fate < 0.6:
                order.quantity = ZERO
            if not order.quantity:
                del venue.orders[key][id]

    # --- the promise ---

    def check(self) -> None:
        """No limit is passed by the worst cases of all venues together; positions exactly, notional at the prices."""
        sums: defaultdict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
        for key in self.keys:
            exposure = self.venues[self.instruments[key[1]].venue].exposure(key)
            item = self.instruments[key[1]]
            unit = item.notional(Decimal(1), Decimal(repr(self.prices[key[1]]))) * self.config.rates.get(item.quote, 1)
            for limit in self.limits.of(key):
                factor = Decimal(1) if limit.measure is Measure.POSITION else unit
                total = sums[limit.name]
                total[0] += max(exposure.long, exposure.short) * factor
                total[1] += exposure.long * factor
                total[2] += exposure.short * factor
        for limit in self.limits.by_name.values():
            gross, long, short = sums[limit.name]
            worst = gross if limit.measure is Measure.GROSS else max(long, short)
            assert worst <= limit.max, f"{limit.name}: {worst} > {limit.max} after {self.counts.orders} orders"
