"""The session of a gateway with its venue: logging in, and asking for the account, at times and after every loss."""

from collections.abc import Callable
from typing import Final

from gateways.gate.rate_limits import RequestKind
from gateways.gate.send_queue import Urgency
from gateways.order_desk import OrderDesk
from gateways.safety.reconciler import Reconciler
from gateways.venue import AccountQuery, AccountState, VenueLogin
from messages.base import PROTOCOL_VERSION
from messages.codec import encode
from messages.gateway_link import VenueDown, VenueUp

ACCOUNT_EVERY_PULSES: Final = 20
"""The account is asked for, and all that it says compared with our books."""
RECONCILE_EVERY_NS: Final = 30_000_000_000
"""The longest time between two such looks, however long a heartbeat is."""
GAP_NS: Final = 1_000_000_000
"""Between two looks for the sake of gaps in the market's data."""
LOGIN_RETRY_NS: Final = 500_000_000


class VenueSession:
    """:param venue: its id.
    :param tell_all: tells every strategy that is there.
    :param now_ns: market time.
    :ivar account: as the venue told it last.
    """

    def __init__(
        self,
        venue: str,
        desk: OrderDesk,
        reconciler: Reconciler,
        tell_all: Callable[[VenueUp | VenueDown], None],
        now_ns: Callable[[], int],
    ) -> None:
        self.account: AccountState | None = None
        self._venue = venue
        self._desk = desk
        self._reconciler = reconciler
        self._tell_all = tell_all
        self._now_ns = now_ns
        self._is_connected = self._is_announced = False
        self._login_ns = self._asked_ns = self._pulses = 0
        desk.line.serve(RequestKind.ACCOUNT, lambda _: self._send_query())

    def on_connection(self, mono_ns: int, *, is_up: bool) -> None:
        """The link is there, or is gone."""
        self._is_connected = is_up
        if is_up:
            self._log_in(mono_ns)
        elif self._desk.is_venue_up:
            self._desk.venue_is_lost()
            self._is_announced = False
            self._tell_all(VenueDown(self._venue, "link to the venue lost", self._now_ns()))

    def on_login(self, mono_ns: int) -> None:
        """Ask for whatever may have happened while we were away; requests are answered in order."""
        if not self._desk.is_venue_up:
            self._desk.venue_is_back()
            self._ask_account(mono_ns)

    def on_account(self, account: AccountState, mono_ns: int) -> None:
        """Take what was booked, and hold the rest against our books."""
        self.account = account
        for booked in account.fundings:
            self._desk.on_funding(booked)
        self._reconciler.on_account(account, self._now_ns(), mono_ns)
        if not self._is_announced:
            self._is_announced = True
            self._tell_all(VenueUp(self._venue, self._now_ns()))

    def on_gap(self, mono_ns: int) -> None:
        """What was lost of the market may have been lost with what it did to us."""
        if self._desk.is_venue_up and mono_ns - self._asked_ns > GAP_NS:
            self._ask_account(mono_ns)

    def on_pulse(self, mono_ns: int) -> None:
        """Log in (again) where the venue has not answered, and ask where it is time to."""
        self._pulses += 1
        is_up = self._desk.is_venue_up
        if self._is_connected and not is_up and mono_ns - self._login_ns > LOGIN_RETRY_NS:
            self._log_in(mono_ns)
        self._reconciler.on_pulse(mono_ns)
        is_due = mono_ns - self._asked_ns > RECONCILE_EVERY_NS or self._pulses % ACCOUNT_EVERY_PULSES == 0
        if is_up and is_due:
            self._ask_account(mono_ns)

    def _log_in(self, mono_ns: int) -> None:
        self._login_ns = mono_ns
        self._desk.line.log_in(encode(VenueLogin(self._venue, PROTOCOL_VERSION)))

    def _ask_account(self, mono_ns: int) -> None:
        """At most one question about the account waits for the rate limit; what is known by then it says when it
        leaves.
        """
        self._asked_ns = mono_ns
        if self._desk.line.must_wait(RequestKind.ACCOUNT):
            self._desk.line.wait(RequestKind.ACCOUNT, self._venue, Urgency.REDUCING, None)
        else:
            self._send_query()

    def _send_query(self) -> None:
        records = self._desk.records
        query = AccountQuery(self._venue, records.fundings, records.forced_fills)
        self._desk.line.write(RequestKind.ACCOUNT, encode(query))
