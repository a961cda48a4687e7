"""What may still be bought and sold in each market, as far as our own fills tell: strategies do not see balances."""

from decimal import Decimal

from actors.analytics.pnl import ZERO, Ledger
from actors.strategies.arbitrage.edge import Hop
from actors.strategies.arbitrage.flows import plain
from actors.strategies.arbitrage.parameters import ArbitrageParameters
from messages.instruments import Rounding
from messages.orders import Side

REFILLED = 0.1
"""Share of the cap that must be free again, besides that nothing is drifted any more, before another drought is told:
a side at its brink would be told of anew with every move of the price.
"""


class Inventory:
    """The drift of every instrument from its start, and the room that caps and balances leave.

    :param problems: where a person is told that a side has run dry, once until it has come back.

    A venue needs `position_value_max` of quote currency at the start, since purchases are capped by value.
    """

    def __init__(self, ledger: Ledger, problems: list[str], parameters: ArbitrageParameters) -> None:
        self._ledger = ledger
        self._problems = problems
        self._dry: set[tuple[str, Side]] = set()
        self._start = parameters.inventory
        self._value_max = parameters.position_value_max
        self._is_checked = parameters.balance_check

    def drift(self, hop: Hop) -> float:
        """What trading this way would add to: the value already drifted in its direction, as a share of the cap."""
        touch, instrument = hop.view.touch(hop.side), hop.instrument
        base = float(self._ledger.position(instrument.id)) * float(instrument.multiplier)
        return hop.side.sign * base * touch / float(self._value_max)

    def room(self, hop: Hop) -> Decimal:
        """Base currency that may still be traded this way: within the cap, and of what is there to sell."""
        touch, instrument = hop.view.touch(hop.side), hop.instrument
        if touch <= 0.0:
            return ZERO
        position = self._ledger.position(instrument.id) * instrument.multiplier
        price = instrument.round_price(touch, Rounding.NEAREST)
        within_cap = self._value_max / price - hop.side.sign * position
        return max(ZERO, min(within_cap, self.available(hop)))

    def available(self, hop: Hop) -> Decimal:
        """Of spot to sell: what was there at the start, and what was bought since; no bound for anything else."""
        instrument = hop.instrument
        if hop.side is Side.BUY or not instrument.is_spot or not self._is_checked:
            return Decimal("Infinity")
        return self._start.get(instrument.id, ZERO) + self._ledger.position(instrument.id)

    def why_dry(self, hop: Hop, least: Decimal) -> str:
        """Why there is no room for `least` of base currency; empty where there is."""
        key, room = (hop.instrument.id, hop.side), self.room(hop)
        if room >= least:
            if self.drift(hop) <= 0.0 and float(room) * hop.view.touch(hop.side) >= REFILLED * float(self._value_max):
                self._dry.discard(key)
            return ""
        text = self._dry_text(hop)
        if key not in self._dry:
            self._dry.add(key)
            self._problems.append(f"{text}; this is not told again before it has come back to its start")
        return text

    def _dry_text(self, hop: Hop) -> str:
        instrument, available = hop.instrument, self.available(hop)
        if available <= self.room(hop):
            return f"{instrument.id} has run dry: {plain(available)} {instrument.base} are left to sell"
        position = self._ledger.position(instrument.id)
        return (
            f"{instrument.id} has drifted by {plain(position)}, as far as position_value_max "
            f"({plain(self._value_max)}) lets it"
        )
