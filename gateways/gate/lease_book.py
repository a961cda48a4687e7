"""The risk leases of a gateway: what each strategy may hold of each instrument, and until when. Pure.

The protocol is that of `messages/risk.py`. The gate asks `lease` and `is_running` for every order; the shell sends
`request` whenever `is_request_due` says so, and gives every `LeaseGrant` to `apply`.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Final, NamedTuple

from messages.base import DECIMAL_MAX, NS_MAX
from messages.risk import Lease, LeaseGrant, LeaseRequest, LeaseUse

ZERO: Final = Decimal(0)
NS_PER_MS: Final = 1_000_000
TTL_MS_DEFAULT: Final = 1_000
"""Until the first grant tells how long leases last, for the pace of the requests."""
REQUESTS_PER_TTL: Final = 5
"""Of a gateway that has all it wants; four answers in a row must be lost for its leases to end."""
URGENT_NS: Final = 50 * NS_PER_MS
"""Between two requests of a gateway that lacks a lease, headroom or a price."""
WANTED_NS: Final = 10_000 * NS_PER_MS
"""What was wanted is told for this long at least, and for twice as long at most."""
UNLIMITED_LEFT_NS: Final = 10**15

Key = tuple[str, str]
"""Strategy and instrument id."""


class Exposure(NamedTuple):
    """What a strategy has of an instrument at this gateway, by its own books.

    :param position: signed.
    :param long: at least 0: the position, were every open and unknown buy filled and no sell; `short` is that of the
        short side, unsigned.
    """

    position: Decimal
    long: Decimal
    short: Decimal


NO_EXPOSURE: Final = Exposure(ZERO, ZERO, ZERO)


class LeaseBook:
    """The leases of one gateway process; a new process has none until it has asked.

    :ivar is_unlimited: nothing is bounded and nothing ends: there is no supervisor that would grant anything.
    :ivar serial: of the grant applied last; 0 for none.
    """

    def __init__(self) -> None:
        self.is_unlimited = False
        self.serial = 0
        self._leases: dict[Key, Lease] = {}
        self._ends_ns = 0
        self._interval_ns = TTL_MS_DEFAULT * NS_PER_MS // REQUESTS_PER_TTL
        self._first_asked_ns: int | None = None
        self._asked_ns = 0
        self._is_short = False
        self._wanted = _Peaks()

    @classmethod
    def unlimited(cls) -> "LeaseBook":
        """A book that admits everything, for ever."""
        book = cls()
        book.is_unlimited = True
        book._leases = _Unlimited()
        book._ends_ns = NS_MAX
        return book

    # --- asked for every order ----------------------------------------------------------------------------------

    def lease(self, strategy: str, instrument: str) -> Lease | None:
        """None where the last grant named none. It bounds also what it can no longer extend: see `is_running`."""
        return self._leases.get((strategy, instrument))

    def is_running(self, mono_ns: int) -> bool:
        """Whether the leases have not ended; after their end only reducing orders may pass."""
        return mono_ns < self._ends_ns

    def note_wanted(self, strategy: str, instrument: str, long: Decimal, short: Decimal) -> None:
        """An order was judged: its strategy's worst case with it, whether it was admitted or denied.

        :param long: at least 0, as in `Exposure`; `short` likewise.
        """
        key = (strategy, instrument)
        self._wanted.note(key, long, short)
        lease = self._leases.get(key)
        if lease is None or long > lease.long_max or short > lease.short_max:
            self._is_short = True

    # --- the protocol -------------------------------------------------------------------------------------------

    def left_ns(self, mono_ns: int) -> int:
        """Until the leases end, unless they are renewed; 0 where they have ended."""
        if self.is_unlimited:
            return UNLIMITED_LEFT_NS
        return max(0, self._ends_ns - mono_ns)

    def is_request_due(self, mono_ns: int) -> bool:
        """Whether the supervisor is to be asked now: several times in the life of a lease, at once where one lacks."""
        if self.is_unlimited:
            return False
        if self._first_asked_ns is None:
            return True
        return mono_ns - self._asked_ns >= (URGENT_NS if self._is_short else self._interval_ns)

    def request(
        self,
        process: str,
        mono_ns: int,
        exposures: Mapping[Key, Exposure],
        prices: Mapping[str, float],
        *,
        recorded: int = 0,
    ) -> LeaseRequest:
        """The request to send now.

        :param process: the name of this gateway.
        :param mono_ns: its monotonic clock; never less than at the last request.
        :param exposures: of every strategy that holds something or has an open or unknown order; nothing = none.
        :param prices: fresh reference prices in quote currency, by instrument id.
        :param recorded: records of the drop copy that the exposures are made from.
        """
        if self._first_asked_ns is None:
            self._first_asked_ns = mono_ns
        self._asked_ns = mono_ns
        self._wanted.turn(mono_ns)
        keys = dict.fromkeys([*self._leases, *exposures, *self._wanted.keys()])
        uses = tuple(self._use(key, exposures.get(key, NO_EXPOSURE), prices.get(key[1], 0.0)) for key in keys)
        self._is_short = any(self._waits_for_price(use) for use in uses)
        return LeaseRequest(process, mono_ns, self.serial, uses, recorded)

    def apply(self, grant: LeaseGrant) -> bool:
        """Take a grant; False where it is refused and nothing has changed.

        Refused is a serial below the last one, and what answers no request of this process: a grant of an earlier
        incarnation could bring back bounds that were given to somebody else since.
        """
        if self.is_unlimited or self._first_asked_ns is None or grant.serial < self.serial:
            return False
        if not self._first_asked_ns <= grant.asked_mono_ns <= self._asked_ns:
            return False
        ends_ns = grant.asked_mono_ns + grant.ttl_ms * NS_PER_MS
        if grant.serial == self.serial:
            self._ends_ns = max(ends_ns, self._ends_ns)
        else:
            self.serial, self._ends_ns = grant.serial, ends_ns
            self._leases = {(lease.strategy, lease.instrument): lease for lease in grant.leases}
        self._interval_ns = grant.ttl_ms * NS_PER_MS // REQUESTS_PER_TTL
        return True

    def _waits_for_price(self, use: LeaseUse) -> bool:
        """Whether nothing could be granted because nobody knows what it is worth."""
        lease = self._leases.get((use.strategy, use.instrument))
        return lease is not None and not (use.price or lease.long_max or lease.short_max)

    def _use(self, key: Key, exposure: Exposure, price: float) -> LeaseUse:
        lease = self._leases.get(key)
        long_max, short_max = (ZERO, ZERO) if lease is None else (lease.long_max, lease.short_max)
        long_wanted, short_wanted = self._wanted.peak(key)
        return LeaseUse(
            strategy=key[0],
            instrument=key[1],
            position=exposure.position,
            long_held=max(long_max, exposure.long),
            short_held=max(short_max, exposure.short),
            long_wanted=max(long_wanted, exposure.long),
            short_wanted=max(short_wanted, exposure.short),
            price=price,
            long_used=exposure.long,
            short_used=exposure.short,
        )


class _Unlimited(dict[Key, Lease]):
    """A lease without bounds for whoever asks."""

    def get(self, key: Key, _default: object = None) -> Lease:
        lease = super().get(key)
        if lease is None:
            lease = self[key] = Lease(*key, 0, DECIMAL_MAX, DECIMAL_MAX, DECIMAL_MAX)
        return lease


class _Peaks:
    """The most that was wanted of each side, over the present span of `WANTED_NS` and the one before."""

    def __init__(self) -> None:
        self._now: dict[Key, tuple[Decimal, Decimal]] = {}
        self._before: dict[Key, tuple[Decimal, Decimal]] = {}
        self._since_ns = 0

    def keys(self) -> Iterable[Key]:
        return [*self._now, *self._before]

    def note(self, key: Key, long: Decimal, short: Decimal) -> None:
        most = self._now.get(key)
        self._now[key] = (long, short) if most is None else (max(long, most[0]), max(short, most[1]))

    def peak(self, key: Key) -> tuple[Decimal, Decimal]:
        (long, short), (long_before, short_before) = (span.get(key, (ZERO, ZERO)) for span in (self._now, self._before))
        return max(long, long_before), max(short, short_before)

    def turn(self, mono_ns: int) -> None:
        if mono_ns - self._since_ns >= WANTED_NS:
            self._before, self._now, self._since_ns = self._now, {}, mono_ns
