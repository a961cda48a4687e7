"""The supervisor's side of the leases: it answers every request with a grant, and knows what is out. Pure.

What is out of a lease is the most that its gateway may still hold its strategy to: a bound that was lowered counts at
its old value until the gateway has said, of that grant or a later one, how much is held. Only what no limit forbids
beside everything that is out is granted. Whoever calls this saves `records` before a changed grant is sent.

Records that are older than what gateways hold, since somebody has put a copy back, show by a request that is ahead of
them. No bound is raised before every gateway that may know better was heard, and none above what it tells to hold.
"""

from collections.abc import Iterable, Mapping, Sequence, Set
from decimal import ROUND_CEILING, Decimal
from typing import Final, NamedTuple

import msgspec

from messages.base import DECIMAL_MAX
from messages.health import LimitUse
from messages.instruments import Instrument
from messages.risk import DeathPolicy, Lease, LeaseGrant, LeaseRequest, LeaseUse
from supervisor.risk.allocation import Claim, share_out
from supervisor.risk.limits import Key, Limits, Measure
from supervisor.risk.loads import FLAT, QUANTUM, ZERO, Loads, Sides
from supervisor.risk.records import GatewayRecord, OutRecord
from supervisor.risk.valuation import Valuation

GROWTH: Final = Decimal("1.25")
"""A bound that suffices is raised only when it grows by this: every change of a grant costs a write to the disk."""
SHARE_OUT_NS_PER_LEASE: Final = 2_000_000
"""What the leases should come to is reckoned anew after this at the earliest, times their number."""


class Party(NamedTuple):
    """A strategy that leases are for.

    :param instruments: that it trades, by id.
    :param can_grow: False: it is halted, or only reduces, and gets nothing new.
    :param on_death: what its gateways do with its position where they are the last who live.
    """

    strategy: str
    epoch: int
    priority: int
    instruments: tuple[str, ...]
    can_grow: bool = True
    on_death: DeathPolicy = DeathPolicy.HOLD


class Answer(NamedTuple):
    """:param is_changed: the records must be on the disk before the grant is sent."""

    grant: LeaseGrant
    is_changed: bool


class _Gateway:
    """What is known of the leases of one gateway.

    :ivar told: its last word; :ivar uses: what counts, which may be worse.
    """

    def __init__(self, record: GatewayRecord) -> None:
        self.serial = record.serial
        self.asked_ns = 0
        self.leases: dict[Key, Lease] = {(lease.strategy, lease.instrument): lease for lease in record.leases}
        self.outs = {(out.strategy, out.instrument): Sides(out.long, out.short) for out in record.outs}
        self.lowered = {(out.strategy, out.instrument): out.lowered_serial for out in record.outs if out.lowered_serial}
        self.told: dict[Key, LeaseUse] = {}
        self.uses: dict[Key, LeaseUse] = {}
        self.is_heard = False

    def bound(self, key: Key) -> Sides:
        """What the last grant gave."""
        lease = self.leases.get(key)
        return FLAT if lease is None else Sides(lease.long_max, lease.short_max)

    def told_bound(self, key: Key) -> Sides:
        """The same, and no more than the gateway tells to hold."""
        bound, use = self.bound(key), self.told.get(key)
        return FLAT if use is None else bound.or_less(Sides(use.long_held, use.short_held))

    def keys(self) -> Iterable[Key]:
        return dict.fromkeys([*self.leases, *self.outs, *self.uses])

    def record(self) -> GatewayRecord:
        outs = tuple(OutRecord(*key, *sides, self.lowered.get(key, 0)) for key, sides in self.outs.items())
        return GatewayRecord(serial=self.serial, leases=tuple(self.leases.values()), outs=outs)

    def hear(self, request: LeaseRequest, counted: Iterable[LeaseUse]) -> bool:
        """Take what it holds; True where less is out than before."""
        self.told = {(use.strategy, use.instrument): use for use in request.uses}
        self.uses = {(use.strategy, use.instrument): use for use in counted}
        self.is_heard = True
        is_less = False
        for key in self.keys():
            use, before = self.uses.get(key), self.outs.get(key, FLAT)
            out = self.bound(key).or_more(FLAT if use is None else Sides(use.long_held, use.short_held))
            if request.serial >= self.lowered.get(key, 0):
                self.lowered.pop(key, None)
                is_less = is_less or out.long < before.long or out.short < before.short
            else:
                out = out.or_more(before)
            self.outs[key] = out
        for key in [key for key, out in self.outs.items() if out == FLAT and key not in self.leases]:
            del self.outs[key]
        return is_less


class LeaseDesk:
    """:param ttl_ms: life of a lease.
    :param records: by gateway, of an earlier supervisor; those of gateways that are not `gateways` are dropped.
    """

    def __init__(
        self,
        *,
        limits: Limits,
        valuation: Valuation,
        instruments: Mapping[str, Instrument],
        gateways: Iterable[str],
        records: Mapping[str, GatewayRecord],
        ttl_ms: int,
    ) -> None:
        self._limits = limits
        self._valuation = valuation
        self._instruments = instruments
        self._ttl_ms = ttl_ms
        self._gateways = {name: _Gateway(_known(name, records.get(name), instruments)) for name in gateways}
        self._parties: tuple[Party, ...] = ()
        self._unsettled = set(self._gateways)
        self._awaited: set[str] = set()
        self._targets: dict[Key, Sides] | None = None
        self._targets_ns = 0
        self._are_targets_old = True

    @property
    def gateways(self) -> Set[str]:
        return self._gateways.keys()

    # --- the protocol -------------------------------------------------------------------------------------------

    def began(self, gateway: str) -> None:
        """A process of this gateway has registered: its clock is another one, where its host has started anew."""
        self._gateways[gateway].asked_ns = 0

    def await_word(self, gateways: Iterable[str]) -> None:
        """Raise no bound before these were heard: what they hold may be more than what is remembered."""
        self._awaited.update(name for name in gateways if not self._gateways[name].is_heard)

    def gave_up(self, gateway: str) -> None:
        """A gateway will not be heard any more, and holds nobody to anything."""
        self._heard(gateway)

    def _heard(self, gateway: str) -> None:
        if gateway in self._awaited:
            self._awaited.discard(gateway)
            self._unsettle()

    def answer(
        self,
        request: LeaseRequest,
        parties: Sequence[Party],
        now_ns: int,
        counted: Sequence[LeaseUse] | None = None,
    ) -> Answer | None:
        """The grant for a gateway; None where it has asked again since, or is none of ours.

        :param now_ns: monotonic clock of the supervisor.
        :param counted: what counts as held there; None: what it tells.
        """
        gateway = self._gateways.get(request.process)
        if gateway is None or request.asked_mono_ns < gateway.asked_ns:
            return None
        gateway.asked_ns = request.asked_mono_ns
        known = msgspec.structs.replace(request, uses=tuple(self._known(request.process, request.uses)))
        uses = request.uses if counted is None else counted
        is_ahead = request.serial > gateway.serial  # of what is remembered: somebody has put an old copy back
        if is_ahead:
            self.await_word(self._gateways)
        is_doubtful = is_ahead or bool(self._awaited)
        if gateway.hear(known, self._known(request.process, uses)):
            self._unsettle()
        self._heard(request.process)
        for use in known.uses:
            if self._valuation.note(use.instrument, use.price):
                self._change()
        self._settle_parties(parties)
        leases = self._leases(request.process, gateway, now_ns, is_doubtful=is_doubtful)
        is_changed = is_ahead or leases != gateway.leases
        if is_changed:
            self._apply(gateway, leases, max(request.serial, gateway.serial) + 1)
        grant = LeaseGrant(request.asked_mono_ns, gateway.serial, self._ttl_ms, tuple(gateway.leases.values()))
        return Answer(grant, is_changed)

    def change_limits(self, limits: Limits) -> None:
        """Other limits hold from now on; what is out above them is called back."""
        self._limits = limits
        self._change()

    def records(self) -> dict[str, GatewayRecord]:
        """What must be remembered, of every gateway that was ever granted anything."""
        return {name: gateway.record() for name, gateway in self._gateways.items() if gateway.serial or gateway.outs}

    # --- looking around -----------------------------------------------------------------------------------------

    def count(self, gateway: str, uses: Iterable[LeaseUse]) -> None:
        """Something else counts as held at a gateway than it has told in its last request; what is out stays."""
        self._gateways[gateway].uses = {(use.strategy, use.instrument): use for use in self._known(gateway, uses)}

    def _known(self, gateway: str, uses: Iterable[LeaseUse]) -> list[LeaseUse]:
        return [use for use in uses if _is_at(use.instrument, gateway, self._instruments)]

    def uses(self) -> Iterable[LeaseUse]:
        """What counts as held: the last word of every gateway, or the book of its drop copy where that is worse."""
        return [use for gateway in self._gateways.values() for use in gateway.uses.values()]

    def limit_uses(self) -> tuple[LimitUse, ...]:
        """Every limit, what is held of it, and what is out."""
        used, out = self._loads(), self._out_loads()
        for gateway in self._gateways.values():
            for key, use in gateway.uses.items():
                used.set(key, Sides(use.long_used, use.short_used))
        found = []
        for limit in self._limits.by_name.values():
            currency = "" if limit.measure is Measure.POSITION else self._limits.reporting_currency
            figures = (float(used.load(limit)), float(out.load(limit)), float(limit.max))
            found.append(LimitUse(limit.name, currency, *(min(figure, 1e15) for figure in figures)))
        return tuple(found)

    def _loads(self) -> Loads:
        return Loads(self._limits, self._valuation.unit_value)

    def _out_loads(self) -> Loads:
        loads = self._loads()
        for gateway in self._gateways.values():
            for key, sides in gateway.outs.items():
                loads.set(key, sides)
        return loads

    # --- what is granted ----------------------------------------------------------------------------------------

    def _change(self) -> None:
        """Reckon everything anew."""
        self._targets = None
        self._unsettle()

    def _unsettle(self) -> None:
        """Look at the bounds of every gateway again, when it asks."""
        self._unsettled.update(self._gateways)
        self._are_targets_old = True

    def _settle_parties(self, parties: Sequence[Party]) -> None:
        if tuple(parties) != self._parties:
            self._parties = tuple(parties)
            self._change()

    def _claims(self) -> dict[Key, Claim]:
        """Every lease there is, or should be."""
        parties = {party.strategy: party for party in self._parties}
        wished = [(party.strategy, instrument) for party in self._parties for instrument in party.instruments]
        claims = {}
        for name, gateway in self._gateways.items():
            own = [key for key in wished if self._instruments[key[1]].venue == name]
            for key in dict.fromkeys([*own, *gateway.keys()]):
                party, use = parties.get(key[0]), gateway.uses.get(key)
                used = FLAT if use is None else Sides(use.long_used, use.short_used)
                if not gateway.is_heard:
                    used = gateway.outs.get(key, FLAT)
                wanted = FLAT if use is None else Sides(use.long_wanted, use.short_wanted)
                can_grow = party is not None and party.can_grow and key[1] in party.instruments
                claims[key] = Claim(key, party.priority if party else 1, used, wanted, can_grow)
        return claims

    def _leases(self, name: str, gateway: _Gateway, now_ns: int, *, is_doubtful: bool) -> dict[Key, Lease]:
        """:param is_doubtful: it may hold less than is remembered, and others the rest."""
        own = {
            (party.strategy, instrument): party
            for party in self._parties
            for instrument in party.instruments
            if self._instruments[instrument].venue == name
        }
        bounds = {key: gateway.told_bound(key) if is_doubtful else gateway.bound(key) for key in own}
        claims = self._claims()
        if any(_is_short(claims[key], bounds[key]) for key in own):
            self._unsettle()
        if name in self._unsettled:
            bounds = self._new_bounds(name, bounds, claims, now_ns)
        counts = {party.strategy: len(party.instruments) for party in self._parties}
        return {key: self._lease(key, party, bounds[key], counts[party.strategy]) for key, party in own.items()}

    def _lease(self, key: Key, party: Party, bound: Sides, leases: int) -> Lease:
        return Lease(
            strategy=key[0],
            instrument=key[1],
            epoch=party.epoch,
            long_max=bound.long,
            short_max=bound.short,
            notional_max=self._notional(key, bound.most),
            messages_per_s=self._limits.messages_per_s(key[0], leases),
            priority=party.priority,
            on_death=party.on_death,
        )

    def _notional(self, key: Key, quantity: Decimal) -> Decimal:
        """What a bound comes to at its mark, in quote currency; 0 where it is limited and not known."""
        if not self._limits.is_valued(key):
            return DECIMAL_MAX
        notional = self._valuation.quote_notional(key[1], quantity) or ZERO
        return DECIMAL_MAX if notional >= DECIMAL_MAX else notional.quantize(QUANTUM, ROUND_CEILING)

    def _new_bounds(
        self, name: str, bounds: Mapping[Key, Sides], claims: Mapping[Key, Claim], now_ns: int
    ) -> dict[Key, Sides]:
        targets = self._share_out(claims, now_ns)
        starving = [key for key, claim in claims.items() if _starves(claim, self._bound(key), targets.get(key, FLAT))]
        contended = {limit.name for key in starving for limit in self._limits.of(key)}
        loads = self._out_loads()
        new = {}
        for key in sorted(bounds, key=lambda key: (-claims[key].priority, key)):
            is_called_back = any(
                limit.name in contended or loads.load(limit) > limit.max for limit in self._limits.of(key)
            )
            target = targets.get(key, FLAT)
            if self._awaited or loads.is_over(key):
                target = target.or_less(bounds[key])
            new[key] = self._new_bound(claims[key], bounds[key], target, loads, is_called_back=is_called_back)
        if not (starving or self._are_targets_old or self._awaited):
            self._unsettled.discard(name)
        return new

    def _new_bound(self, claim: Claim, bound: Sides, target: Sides, loads: Loads, *, is_called_back: bool) -> Sides:
        """:param loads: of all that is out; this lease has what it gets in it afterwards."""
        key, need = claim.key, claim.need
        most = loads.most(key, is_long=True)
        long = _new_side(bound.long, target.long, need.long, most, is_called_back=is_called_back)
        loads.set(key, loads.sides.get(key, FLAT).or_more(Sides(long, ZERO)))
        most = loads.most(key, is_long=False)
        short = _new_side(bound.short, target.short, need.short, most, is_called_back=is_called_back)
        loads.set(key, loads.sides[key].or_more(Sides(long, short)))
        return Sides(long, short)

    def _share_out(self, claims: Mapping[Key, Claim], now_ns: int) -> dict[Key, Sides]:
        if self._targets is None or now_ns - self._targets_ns >= SHARE_OUT_NS_PER_LEASE * len(claims):
            self._targets = share_out(list(claims.values()), self._limits, self._valuation.unit_value)
            self._targets_ns = now_ns
            self._are_targets_old = False
        return self._targets

    def _bound(self, key: Key) -> Sides:
        return self._gateways[self._instruments[key[1]].venue].bound(key)

    def _apply(self, gateway: _Gateway, leases: dict[Key, Lease], serial: int) -> None:
        """These are the leases from this serial on; what is more than before counts at once, what is less not yet."""
        for key in dict.fromkeys([*gateway.leases, *leases]):
            before, lease = gateway.bound(key), leases.get(key)
            after = FLAT if lease is None else Sides(lease.long_max, lease.short_max)
            gateway.outs[key] = gateway.outs.get(key, FLAT).or_more(after)
            if after.long < before.long or after.short < before.short:
                gateway.lowered[key] = serial
        gateway.leases, gateway.serial = leases, serial


def _known(name: str, record: GatewayRecord | None, instruments: Mapping[str, Instrument]) -> GatewayRecord:
    """The record of a gateway without the instruments that its config has no more: nothing is known of their worth."""
    if record is None:
        return GatewayRecord()
    return GatewayRecord(
        serial=record.serial,
        leases=tuple(lease for lease in record.leases if _is_at(lease.instrument, name, instruments)),
        outs=tuple(out for out in record.outs if _is_at(out.instrument, name, instruments)),
    )


def _is_at(instrument: str, gateway: str, instruments: Mapping[str, Instrument]) -> bool:
    known = instruments.get(instrument)
    return known is not None and known.venue == gateway


def _new_side(now: Decimal, aim: Decimal, need: Decimal, most: Decimal, *, is_called_back: bool) -> Decimal:
    """One side of a bound.

    :param aim: what it should come to; :param most: what the limits leave, with everything that is out.
    """
    if aim > now and (need > now or aim >= now * GROWTH):
        return max(now, min(aim, most))
    return min(now, aim) if is_called_back else now


def _is_short(claim: Claim, bound: Sides) -> bool:
    """Whether it has less than it needs; nothing at all is less than anybody needs."""
    need = claim.need
    return claim.can_grow and (need.long > bound.long or need.short > bound.short or bound == FLAT)


def _starves(claim: Claim, bound: Sides, target: Sides) -> bool:
    """Whether it could have more of what it needs, were the others lowered."""
    need = claim.need
    return (target.long > bound.long and (need.long > bound.long or not bound.long)) or (
        target.short > bound.short and (need.short > bound.short or not bound.short)
    )
