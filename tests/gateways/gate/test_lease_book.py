"""What a gateway asks of the supervisor, and what it makes of the answers."""

from decimal import Decimal

import pytest

from gateways.gate.lease_book import REQUESTS_PER_TTL, URGENT_NS, WANTED_NS, Exposure, LeaseBook
from messages.codec import FROM_CHILD, encode
from messages.risk import Lease, LeaseGrant, LeaseRequest, LeaseUse

MS = 1_000_000
D = Decimal
KEY = ("carry", "BTCUSDT.spot")
PRICES = {"BTCUSDT.spot": 60_000.0}


def lease(long: str = "2", short: str = "1", strategy: str = "carry") -> Lease:
    return Lease(strategy, "BTCUSDT.spot", 1, D(long), D(short), D(120_000))


def grant(asked_ns: int, serial: int, *leases: Lease, ttl_ms: int = 1_000) -> LeaseGrant:
    return LeaseGrant(asked_ns, serial, ttl_ms, leases)


def asked(book: LeaseBook, mono_ns: int, exposure: Exposure | None = None) -> LeaseRequest:
    return book.request("spot", mono_ns, {KEY: exposure} if exposure else {}, PRICES)


def granted(at_ns: int = 0) -> LeaseBook:
    """A book with a lease of 2 long and 1 short, asked for at this moment."""
    book = LeaseBook()
    asked(book, at_ns)
    assert book.apply(grant(at_ns, 1, lease()))
    return book


def only_use(request: LeaseRequest) -> LeaseUse:
    (use,) = request.uses
    return use


def test_a_new_gateway_has_no_lease_and_asks_at_once() -> None:
    book = LeaseBook()
    assert book.lease(*KEY) is None
    assert not book.is_running(0)
    assert book.left_ns(0) == 0
    assert book.is_request_due(0)
    assert asked(book, 5) == LeaseRequest("spot", 5, 0, ())


def test_a_lease_ends_its_life_after_the_request_and_not_after_the_answer() -> None:
    book = LeaseBook()
    asked(book, 100 * MS)
    assert book.apply(grant(100 * MS, 1, lease()))  # the answer came at 700 ms: 400 ms are left
    assert book.left_ns(700 * MS) == 400 * MS
    assert book.is_running(1_100 * MS - 1)
    assert not book.is_running(1_100 * MS)
    assert book.left_ns(2_000 * MS) == 0
    assert book.lease(*KEY) == lease(), "it bounds even then; what it allows has ended"


def test_the_same_serial_extends_the_leases_and_never_shortens_them() -> None:
    book = granted()
    asked(book, 200 * MS)
    asked(book, 400 * MS)
    assert book.apply(grant(400 * MS, 1, lease()))
    assert book.apply(grant(200 * MS, 1, lease()))
    assert book.left_ns(400 * MS) == 1_000 * MS


def test_a_higher_serial_replaces_all_leases_and_their_end() -> None:
    book = granted()
    asked(book, 300 * MS)
    assert book.apply(grant(300 * MS, 2, lease("5", strategy="maker")))
    assert book.lease(*KEY) is None
    assert book.lease("maker", "BTCUSDT.spot") == lease("5", strategy="maker")
    assert book.left_ns(300 * MS) == 1_000 * MS
    assert asked(book, 400 * MS).serial == 2


def test_a_lower_serial_is_refused() -> None:
    book = granted()
    asked(book, 100 * MS)
    assert book.apply(grant(100 * MS, 7, lease("3")))
    assert not book.apply(grant(100 * MS, 6, lease("9")))
    assert book.lease(*KEY) == lease("3")


@pytest.mark.parametrize("asked_ns", [0, 999 * MS, 1_001 * MS])
def test_an_answer_to_another_incarnation_of_the_gateway_is_refused(asked_ns: int) -> None:
    book = LeaseBook()
    asked(book, 1_000 * MS)
    assert not book.apply(grant(asked_ns, 5, lease("9")))
    assert book.lease(*KEY) is None


def test_a_grant_that_nobody_asked_for_is_refused() -> None:
    assert not LeaseBook().apply(grant(0, 1, lease()))


def test_it_asks_several_times_in_the_life_of_a_lease() -> None:
    book = granted()
    asked(book, 100 * MS)
    interval_ns = 1_000 * MS // REQUESTS_PER_TTL
    assert not book.is_request_due(100 * MS + interval_ns - 1)
    assert book.is_request_due(100 * MS + interval_ns)


def test_it_asks_soon_when_an_order_lacks_headroom() -> None:
    book = granted()
    book.note_wanted(*KEY, D(2), D(1))
    assert not book.is_request_due(URGENT_NS), "that is within the lease"
    book.note_wanted(*KEY, D("2.1"), D(0))
    assert not book.is_request_due(URGENT_NS - 1)
    assert book.is_request_due(URGENT_NS)
    asked(book, URGENT_NS)
    assert not book.is_request_due(2 * URGENT_NS), "and once is enough, until another order lacks something"


def test_it_asks_soon_when_an_order_has_no_lease_at_all() -> None:
    book = granted()
    book.note_wanted("maker", "BTCUSDT.spot", D(1), D(0))
    assert book.is_request_due(URGENT_NS)


def test_it_asks_soon_while_nothing_is_granted_for_want_of_a_price() -> None:
    book = granted()
    book.apply(grant(0, 2, lease("0", "0")))
    book.request("spot", 10 * MS, {}, {})
    assert book.is_request_due(10 * MS + URGENT_NS)
    asked(book, 100 * MS)
    assert not book.is_request_due(100 * MS + URGENT_NS)


def test_held_is_the_bound_or_the_worst_case_where_that_is_more() -> None:
    book = granted()  # 2 long, 1 short
    use = only_use(asked(book, 10 * MS, Exposure(D("-0.5"), D("0.5"), D("1.5"))))
    assert (use.position, use.long_held, use.short_held) == (D("-0.5"), D(2), D("1.5"))
    assert (use.long_used, use.short_used, use.price) == (D("0.5"), D("1.5"), 60_000.0)


def test_a_position_without_a_lease_is_told_all_the_same() -> None:
    use = only_use(asked(LeaseBook(), 0, Exposure(D(3), D(3), D(0))))
    assert (use.long_held, use.short_held) == (D(3), D(0))


def test_what_was_wanted_is_told_for_a_while_denied_orders_included() -> None:
    book = granted()
    book.note_wanted(*KEY, D(7), D(0))
    book.note_wanted(*KEY, D(4), D(3))
    first = only_use(asked(book, 100 * MS))
    assert (first.long_wanted, first.short_wanted) == (D(7), D(3))
    later = only_use(asked(book, WANTED_NS))
    assert (later.long_wanted, later.short_wanted) == (D(7), D(3)), "at least for one span"
    last = only_use(asked(book, 2 * WANTED_NS, Exposure(D(1), D(1), D(0))))
    assert (last.long_wanted, last.short_wanted) == (D(1), D(0)), "then what is in use, and no more"


def test_a_request_can_be_said() -> None:
    request = asked(granted(), 10 * MS, Exposure(D("0.5"), D("0.5"), D(0)))
    assert FROM_CHILD.decode(encode(request)) == request


def test_without_a_supervisor_nothing_is_bounded_and_nothing_ends() -> None:
    book = LeaseBook.unlimited()
    found = book.lease("anybody", "ANYTHING.anywhere")
    assert found is not None
    assert found.long_max == found.short_max == found.notional_max == D("1e18")
    assert book.lease("anybody", "ANYTHING.anywhere") is found
    assert book.is_running(10**18)
    assert book.left_ns(0) > 0
    assert not book.is_request_due(0)
    assert not book.apply(grant(0, 9, lease()))
