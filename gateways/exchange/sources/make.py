"""From a venue's spec to the source of its market."""

from gateways.exchange.sources.recorded import make_recorded
from gateways.exchange.sources.source import Source
from gateways.exchange.sources.synthetic import SyntheticSource
from gateways.exchange.spec import RecordedSourceSpec, VenueSpec


def make_source(venue: VenueSpec, start_ns: int) -> Source:
    """Make the source of one venue's market.

    :param start_ns: market time of a synthetic market's first events; a recording has a time of its own.
    :raises SourceError: a recording cannot be used.
    """
    if isinstance(venue.source, RecordedSourceSpec):
        return make_recorded(venue.instruments, venue.source.feed_specs)
    return SyntheticSource(venue.id, venue.instruments, venue.source, start_ns)
