"""What a gateway process is told at its start."""

from typing import Annotated, Final

from msgspec import Meta

from actors.runtime.spec import ChildSpec
from gateways.gate.gate_limits import GateLimits
from gateways.gate.rate_limits import RateRule
from messages.instruments import Instrument
from messages.risk import DeathPolicy

LEASE_TTL_MS_MIN: Final = 100
LEASE_TTL_MS_MAX: Final = 60_000


class GatewaySpec(ChildSpec, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A gateway to one venue account.

    :param venue: its id, which is also the `venue` of its instruments.
    :param orders_endpoint: where it binds the ROUTER for strategies; `market_data_endpoint` the XPUB.
    :param venue_orders_endpoint: of the simulated venue; `venue_data_endpoint` its market data.
    :param journal_dir: of its intent journal.
    :param rate_limits: the venue's rules for how much may be sent.
    :param control_endpoint: where it binds the ROUTER of the kill switch; empty: nowhere.
    :param halt_file: the latch of the whole cluster; empty: none.
    :param lease_ttl_ms: how long a strategy may be silent before its orders are cancelled.
    :param order_prefix: of the client order ids of this cluster, with its hyphen; empty: none is adopted.
    :param is_leased: without a lease of the supervisor, orders may only reduce; False: no leases are needed.
    :param death_policies: by strategy, what is done with the position of one that is dead while the supervisor is, too;
        of one that is added later, its leases tell.
    :param checks: the bounds of the order gate.
    """

    venue: str
    instruments: tuple[Instrument, ...]
    orders_endpoint: str
    market_data_endpoint: str
    venue_orders_endpoint: str
    venue_data_endpoint: str
    journal_dir: str
    rate_limits: tuple[RateRule, ...] = ()
    control_endpoint: str = ""
    halt_file: str = ""
    lease_ttl_ms: Annotated[int, Meta(ge=LEASE_TTL_MS_MIN, le=LEASE_TTL_MS_MAX)] = 1_000
    order_prefix: str = ""
    death_policies: dict[str, DeathPolicy] = {}
    is_leased: bool = False
    checks: GateLimits = GateLimits()
