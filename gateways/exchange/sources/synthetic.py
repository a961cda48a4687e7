"""The market that simulated venues make themselves: seeded, endless, and of one piece across venues."""

from collections.abc import Iterator
from heapq import heapify, heapreplace
from random import Random

from gateways.exchange.sources.efficient_price import EfficientPrice
from gateways.exchange.sources.fair_value import FairValue
from gateways.exchange.sources.order_flow import OrderFlow
from gateways.exchange.sources.source import BookChange, SourceCounts, SourceEvent
from gateways.exchange.sources.synthetic_profile import resolve
from gateways.exchange.spec import AssetSpec, SyntheticSourceSpec
from messages.instruments import Instrument, InstrumentType
from messages.market import Quote, Trade

_HOUR_NS = 3_600_000_000_000
_MINUTE_NS = 60_000_000_000


class SyntheticSource:
    """The synthetic market of one venue.

    The same venue, instruments, spec and start give the same events. Every instrument has a generator of its own, so
    adding one changes nothing about the others. Venues with the same seed, assets and start share their efficient
    prices exactly, and need nothing of each other.

    :param start_ns: market time of the first events, nanoseconds since the epoch.
    :raises ValueError: an instrument is of another venue, or a profile of no instrument.
    """

    def __init__(
        self, venue_id: str, instruments: tuple[Instrument, ...], spec: SyntheticSourceSpec, start_ns: int
    ) -> None:
        for instrument in instruments:
            if instrument.venue != venue_id:
                raise ValueError(f"instrument {instrument.id} is not of venue {venue_id}")
        symbols = [instrument.symbol for instrument in instruments]
        for symbol in spec.profiles:
            if symbol not in symbols:
                raise ValueError(f"profile for unknown symbol {symbol} at venue {venue_id}; it has {symbols}")
        self._instruments = instruments
        self._spec = spec
        self._start_ns = start_ns
        self._counts = {instrument.id: SourceCounts() for instrument in instruments}

    def events(self) -> Iterator[SourceEvent]:
        """Yield the market from its start, without end."""
        assets: dict[str, EfficientPrice] = {}
        flows = [self._flow(instrument, assets) for instrument in self._instruments]
        # The position breaks ties, so that simultaneous events keep the order of the instruments.
        due = [(flow.next_ns, position, flow) for position, flow in enumerate(flows)]
        heapify(due)
        while due:
            _, position, flow = due[0]
            for event in flow.step():
                self._count(event)
                yield event
            heapreplace(due, (flow.next_ns, position, flow))

    def counts(self, instrument: str) -> SourceCounts:
        """What has been yielded so far for one instrument id."""
        return self._counts[instrument]

    def _flow(self, instrument: Instrument, assets: dict[str, EfficientPrice]) -> OrderFlow:
        rng = Random(f"{self._spec.seed}:{instrument.venue}:{instrument.symbol}")  # noqa: S311  # a market, no secret
        profile = resolve(instrument, self._spec)
        base, quote = (self._asset(asset, assets) for asset in (instrument.base, instrument.quote))
        return OrderFlow(
            instrument,
            profile,
            FairValue(instrument, profile, base, quote, start_ns=self._start_ns, rng=rng),
            levels=self._spec.levels,
            activity_max=base.activity_max,
            funding_interval_ns=self._funding_interval_ns(instrument),
            start_ns=self._start_ns,
            rng=rng,
        )

    def _asset(self, asset: str, assets: dict[str, EfficientPrice]) -> EfficientPrice:
        if asset not in assets:
            spec = self._spec.assets.get(asset, AssetSpec())
            assets[asset] = EfficientPrice(asset, spec, self._spec.seed, self._start_ns)
        return assets[asset]

    def _funding_interval_ns(self, instrument: Instrument) -> int:
        if instrument.type is not InstrumentType.PERPETUAL:
            return 0
        return self._spec.funding_interval_minutes * _MINUTE_NS or instrument.funding_interval_hours * _HOUR_NS

    def _count(self, event: SourceEvent) -> None:
        kind = type(event)
        if kind is BookChange:
            self._counts[event.instrument].book_updates += 1
        elif kind is Quote:
            self._counts[event.instrument].quotes += 1
        elif kind is Trade:
            self._counts[event.instrument].trades += 1
