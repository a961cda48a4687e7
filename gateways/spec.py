"""What a gateway process is told at its start."""

from actors.runtime.spec import ChildSpec
from gateways.rate_limits import RateRule
from messages.instruments import Instrument


class GatewaySpec(ChildSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gateway to one venue account.

    :param venue: its id, which is also the `venue` of its instruments.
    :param orders_endpoint: where it binds the ROUTER for strategies; `market_data_endpoint` the XPUB.
    :param venue_orders_endpoint: of the simulated venue; `venue_data_endpoint` its market data.
    :param journal_dir: of its intent journal.
    :param rate_limits: the venue's rules for how much may be sent.
    """

    venue: str
    instruments: tuple[Instrument, ...]
    orders_endpoint: str
    market_data_endpoint: str
    venue_orders_endpoint: str
    venue_data_endpoint: str
    journal_dir: str
    rate_limits: tuple[RateRule, ...] = ()
