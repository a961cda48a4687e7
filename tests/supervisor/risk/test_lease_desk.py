"""What the supervisor grants, and what it takes to be out. Every unit is worth 1, but where a test says otherwise."""

import copy
from decimal import Decimal

import msgspec
import pytest

from gateways.gate.lease_book import Exposure, LeaseBook
from messages.base import DECIMAL_MAX
from messages.instruments import Instrument
from messages.risk import Lease, LeaseGrant, LeaseRequest, LeaseUse
from supervisor.config.risk import InstrumentLimits, LossLimits, NotionalLimits, RiskConfig, StrategyLimits
from supervisor.risk.lease_desk import LeaseDesk, Party
from supervisor.risk.limits import Limits
from supervisor.risk.records import GatewayRecord
from supervisor.risk.valuation import Valuation
from tests.supervisor.risk.race import instrument

D = Decimal
MS = 1_000_000
SPOT, PERP = instrument("BTCUSDT", "spot"), instrument("BTCUSDT", "perp")
SPOT_ID, PERP_ID = SPOT.id, PERP.id
CARRY = Party("carry", 1, 9, (SPOT_ID, PERP_ID))
MAKER = Party("maker", 1, 2, (SPOT_ID,))
GROSS = RiskConfig(portfolio=LossLimits(gross_notional_max=D(104)))
"""104 at marks of 1.02 to 1.04: about 100 units at a price of 1."""


class Floor:
    """A desk and the books of its gateways, with a network that does what the test says."""

    def __init__(
        self,
        config: RiskConfig | None = GROSS,
        parties: tuple[Party, ...] = (CARRY, MAKER),
        records: dict[str, GatewayRecord] | None = None,
        instruments: tuple[Instrument, ...] = (SPOT, PERP),
        marks: dict[str, Decimal] | None = None,
    ) -> None:
        self.instruments = {item.id: item for item in instruments}
        self.config, self.parties = config, parties
        self.limits = Limits(config, self.instruments)
        self.prices = dict.fromkeys(self.instruments, 1.0)
        self.valuation = Valuation("USDT", {}, self.instruments, guesses={}, marks=marks or {})
        names = sorted({item.venue for item in instruments})
        self.desk = LeaseDesk(
            limits=self.limits,
            valuation=self.valuation,
            instruments=self.instruments,
            gateways=names,
            records=records or {},
            ttl_ms=1_000,
        )
        self.books = {name: LeaseBook() for name in names}
        self.held: dict[tuple[str, str], Exposure] = {}
        self.now_ns = 1_000 * MS

    def request(self, name: str) -> LeaseRequest:
        self.now_ns += 50 * MS
        held = {key: exposure for key, exposure in self.held.items() if self.instruments[key[1]].venue == name}
        return self.books[name].request(name, self.now_ns, held, self.prices)

    def answer(self, request: LeaseRequest) -> LeaseGrant:
        answer = self.desk.answer(request, self.parties, self.now_ns)
        assert answer is not None
        return answer.grant

    def exchange(self, *names: str) -> None:
        """These gateways ask and are answered."""
        for name in names:
            assert self.books[name].apply(self.answer(self.request(name)))

    def settle(self, rounds: int = 4) -> "Floor":
        for _ in range(rounds):
            self.exchange(*self.books)
        return self

    def lease(self, strategy: str, name: str = SPOT_ID) -> Lease:
        lease = self.books[self.instruments[name].venue].lease(strategy, name)
        assert lease is not None
        return lease

    def want(self, strategy: str, long: str, short: str = "0", name: str = SPOT_ID) -> None:
        self.books[self.instruments[name].venue].note_wanted(strategy, name, D(long), D(short))

    def hold(self, strategy: str, position: str, name: str = SPOT_ID) -> None:
        size = D(position)
        self.held[strategy, name] = Exposure(size, max(size, D(0)), max(-size, D(0)))

    def gross(self) -> Decimal:
        """Of all bounds that the books have, at a price of 1."""
        keys = [(party.strategy, name) for party in self.parties for name in party.instruments]
        return sum((max(self.lease(*key).long_max, self.lease(*key).short_max) for key in keys), D(0))


def use(request: LeaseRequest, strategy: str, **changes: object) -> LeaseRequest:
    uses = tuple(
        msgspec.structs.replace(item, **changes) if item.strategy == strategy else item for item in request.uses
    )
    return msgspec.structs.replace(request, uses=uses)


# --- without limits ----------------------------------------------------------------------------------------------


def test_without_a_risk_config_everything_is_allowed_as_long_as_the_lease_lasts() -> None:
    floor = Floor(None).settle(1)
    lease = floor.lease("carry")
    assert (lease.long_max, lease.short_max, lease.notional_max) == (DECIMAL_MAX, DECIMAL_MAX, DECIMAL_MAX)
    assert (lease.epoch, lease.priority, lease.messages_per_s) == (1, 9, 0.0)
    assert floor.books["spot"].left_ns(floor.now_ns) == 1_000 * MS


def test_what_no_limit_binds_needs_no_price() -> None:
    floor = Floor(None)
    floor.prices = {}
    assert floor.settle(1).lease("carry").long_max == DECIMAL_MAX


# --- sharing out -------------------------------------------------------------------------------------------------


def test_an_idle_floor_has_everything_shared_out_evenly() -> None:
    floor = Floor().settle()
    # 104 / 1.02 = 101.96 units, to three leases; each as far short as long
    assert [floor.lease(*key).long_max for key in (("carry", SPOT_ID), ("maker", SPOT_ID))] == [
        pytest.approx(D("33.9"), abs=D("0.5"))
    ] * 2
    assert floor.lease("carry").short_max == floor.lease("carry").long_max
    assert D(99) < floor.gross() <= D(104) / D("1.02")


def test_an_idle_floor_is_told_the_same_again_and_nothing_is_saved() -> None:
    floor = Floor().settle()
    answer = floor.desk.answer(floor.request("spot"), floor.parties, floor.now_ns)
    assert answer is not None
    assert not answer.is_changed


def test_a_higher_priority_gets_what_a_lower_one_does_not_use() -> None:
    floor = Floor().settle()
    floor.want("carry", "80")
    floor.settle()
    # 80 x 1.25 = 100 is needed, and there are 101.96
    assert floor.lease("carry").long_max >= 80
    assert floor.lease("maker").long_max < 2
    assert floor.gross() <= D(104)


def test_a_higher_priority_does_not_get_what_is_in_use() -> None:
    floor = Floor().settle()
    floor.hold("maker", "30")
    floor.want("carry", "80")
    floor.settle()
    assert floor.lease("maker").long_max >= 30
    assert floor.lease("carry").long_max <= 72, "104 / 1.02 - 30 = 71.96"
    assert floor.lease("carry").long_max > 70


def test_equal_priorities_share_what_both_want() -> None:
    rival = Party("rival", 1, 9, (SPOT_ID,))
    floor = Floor(parties=(CARRY, rival)).settle()
    floor.want("carry", "90")
    floor.want("rival", "90")
    floor.settle(6)
    assert floor.lease("carry").long_max == pytest.approx(floor.lease("rival").long_max, rel=D("0.15"))
    assert floor.gross() > 95


def test_a_small_want_is_met_beside_a_wild_one_of_the_same_priority() -> None:
    rival = Party("rival", 1, 9, (SPOT_ID,))
    floor = Floor(parties=(CARRY, rival)).settle()
    floor.want("rival", "1000000")
    floor.want("carry", "5")
    floor.settle(6)
    assert floor.lease("carry").long_max >= D("6.25")


def test_a_halted_strategy_gets_nothing_new_and_what_it_does_not_use_goes_to_others() -> None:
    floor = Floor().settle()
    floor.hold("carry", "5")
    floor.parties = (CARRY._replace(can_grow=False), MAKER)
    floor.want("maker", "90")
    floor.settle()
    assert floor.lease("carry").long_max == 5
    assert floor.lease("maker").long_max > 90


def test_a_strategy_that_is_gone_has_no_lease_and_still_counts_as_long_as_it_holds() -> None:
    floor = Floor().settle()
    floor.hold("carry", "60")
    floor.parties = (MAKER,)
    floor.settle()
    assert floor.books["spot"].lease("carry", SPOT_ID) is None
    floor.want("maker", "90")
    floor.settle()
    assert D(35) < floor.lease("maker").long_max <= D(42), "101.96 - 60 = 41.96"


def test_message_rates_are_divided_among_the_leases_of_a_strategy() -> None:
    floor = Floor(RiskConfig(strategies={"carry": StrategyLimits(messages_per_s=10.0)})).settle(1)
    assert floor.lease("carry").messages_per_s == floor.lease("carry", PERP_ID).messages_per_s == 5.0
    assert floor.lease("maker").messages_per_s == 0.0


def test_a_position_limit_is_exact_and_needs_no_price() -> None:
    config = RiskConfig(instruments={SPOT_ID: InstrumentLimits(position_max=D("1.5"))})
    floor = Floor(config)
    floor.prices = {}
    floor.settle()
    assert D("1.49") < floor.lease("carry").long_max + floor.lease("maker").long_max <= D("1.5")
    assert floor.lease("carry").notional_max == DECIMAL_MAX
    assert floor.lease("carry", PERP_ID).long_max == DECIMAL_MAX


def test_a_limit_of_zero_lets_nobody_open_anything() -> None:
    floor = Floor(RiskConfig(venues={"spot": NotionalLimits(gross_notional_max=D(0))})).settle()
    assert (floor.lease("carry").long_max, floor.lease("carry").notional_max) == (0, 0)
    assert floor.lease("carry", PERP_ID).long_max == DECIMAL_MAX


# --- what is out -------------------------------------------------------------------------------------------------


def test_a_bound_that_was_lowered_counts_until_its_gateway_has_told_to_have_it() -> None:
    floor = Floor().settle()
    before = floor.lease("maker").long_max
    floor.want("carry", "90", name=PERP_ID)
    floor.exchange("perp")  # the desk knows the want; maker's gateway does not yet
    lost = floor.answer(floor.request("spot"))  # lowers maker's bound, and does not arrive
    assert lost.leases[1].long_max < before
    for _ in range(5):
        floor.exchange("perp")
    assert floor.lease("carry", PERP_ID).long_max <= D(104) / D("1.02") - 2 * before + D("1e-6")
    floor.settle()
    assert floor.lease("carry", PERP_ID).long_max > 90


def test_a_late_word_from_before_a_lowering_does_not_release_it() -> None:
    """A raise is under way, its bound is lowered again, and a request tells of neither: both may still arrive."""
    floor = Floor().settle()
    floor.want("maker", "60")
    low = floor.lease("maker").long_max
    raised = floor.answer(floor.request("spot"))  # is under way for long
    high = next(lease for lease in raised.leases if lease.strategy == "maker").long_max
    floor.want("carry", "100", name=PERP_ID)
    floor.exchange("perp")
    old = use(floor.request("spot"), "maker", long_wanted=D(0), short_wanted=D(0))  # with the serial of before
    lowered = floor.answer(old)
    assert next(lease for lease in lowered.leases if lease.strategy == "maker").long_max < low
    again = use(floor.request("spot"), "maker", long_wanted=D(0), short_wanted=D(0))
    floor.answer(again)
    for _ in range(5):
        floor.exchange("perp")
    out = floor.lease("carry", PERP_ID).long_max
    assert out + high <= D(104), "the raised bound may still be applied by then"
    assert floor.books["spot"].apply(raised)
    assert floor.gross() <= D(104)


def test_a_gateway_that_comes_back_keeps_what_was_out_until_it_has_applied_the_last_grant() -> None:
    floor = Floor().settle()
    before = floor.lease("maker").long_max
    floor.want("carry", "90", name=PERP_ID)
    floor.exchange("perp")
    floor.answer(floor.request("spot"))  # lowered, and lost: its gateway dies
    floor.books["spot"] = LeaseBook()
    request = floor.request("spot")
    assert request.serial == 0
    floor.answer(request)  # lost too
    for _ in range(5):
        floor.exchange("perp")
    assert floor.lease("carry", PERP_ID).long_max <= D(104) / D("1.02") - 2 * before + D("1e-6")


def test_a_request_that_was_overtaken_is_not_answered() -> None:
    floor = Floor().settle()
    old, new = floor.request("spot"), floor.request("spot")
    floor.answer(new)
    assert floor.desk.answer(old, floor.parties, floor.now_ns) is None


def test_a_gateway_whose_host_has_started_anew_is_answered() -> None:
    floor = Floor().settle()
    floor.desk.began("spot")
    floor.books["spot"] = LeaseBook()
    request = msgspec.structs.replace(floor.request("spot"), asked_mono_ns=5)
    assert floor.desk.answer(request, floor.parties, floor.now_ns) is not None


def test_a_stranger_is_not_answered() -> None:
    floor = Floor()
    assert floor.desk.answer(LeaseRequest("nobody", 5, 0, ()), floor.parties, 0) is None


def test_an_instrument_that_is_not_the_gateways_is_not_listened_to() -> None:
    floor = Floor()
    foreign = LeaseUse("carry", PERP_ID, D(5), D(5), D(0), D(5), D(0), 1.0, D(5), D(0))
    floor.answer(LeaseRequest("spot", 2_000 * MS, 0, (foreign,)))
    assert list(floor.desk.uses()) == []


def test_a_new_supervisor_knows_what_is_out_from_the_disk() -> None:
    old = Floor().settle()
    old.want("maker", "60")
    old.settle()
    kept = msgspec.json.decode(msgspec.json.encode(old.desk.records()), type=dict[str, GatewayRecord])
    new = Floor(records=kept, marks=dict(old.valuation.marks))
    new.want("carry", "90", name=PERP_ID)
    new.exchange("perp")
    new.exchange("perp")  # the other gateway has not been heard of: all it had is taken to be in use
    out = sum((max(item.long, item.short) for item in kept["spot"].outs), D(0))
    assert new.lease("carry", PERP_ID).long_max + out <= D(104)
    answer = new.desk.answer(old.request("spot"), new.parties, new.now_ns)
    assert answer is not None
    assert answer.grant.serial >= kept["spot"].serial


def test_serials_go_on_above_those_of_a_gateway_that_has_seen_more_than_the_disk() -> None:
    floor = Floor()
    request = msgspec.structs.replace(floor.request("spot"), serial=40)
    answer = floor.desk.answer(request, floor.parties, floor.now_ns)
    assert answer is not None
    assert answer.grant.serial == 41
    assert answer.is_changed


def moved() -> tuple[dict[str, GatewayRecord], Floor]:
    """Old records, in which the maker has a third; and a floor on which carry has nearly all of it by now."""
    floor = Floor().settle()
    records = msgspec.json.decode(msgspec.json.encode(floor.desk.records()), type=dict[str, GatewayRecord])
    floor.want("carry", "100", name=PERP_ID)
    floor.settle()
    assert floor.lease("carry", PERP_ID).long_max > 95
    return records, floor


def taken_over(floor: Floor, records: dict[str, GatewayRecord]) -> Floor:
    """The same gateways under a supervisor that has found these records."""
    new = Floor(records=records, marks=dict(floor.valuation.marks))
    new.books, new.now_ns = floor.books, floor.now_ns
    return new


def test_with_records_older_than_what_gateways_hold_nothing_is_raised_before_all_were_heard() -> None:
    records, floor = moved()
    new = taken_over(floor, records)
    new.want("maker", "90")
    for _ in range(3):
        new.exchange("spot")  # ahead of the records; what the other one holds is not known
        assert new.gross() <= 104
    new.exchange("perp")
    for _ in range(6):
        new.exchange("spot", "perp")
        assert new.gross() <= 104
    assert new.gross() > 90, "and from then on all is as ever"


def test_a_gateway_that_began_anew_is_not_given_back_what_old_records_say_that_it_had() -> None:
    records, floor = moved()
    for order in (("spot", "perp"), ("perp", "spot")):
        new = taken_over(floor, records)
        new.books = {"spot": LeaseBook(), "perp": copy.deepcopy(floor.books["perp"])}
        new.desk.await_word(new.books)
        held = new.lease("carry", PERP_ID).long_max
        for _ in range(4):
            for name in order:
                new.exchange(name)
                lease = new.books["spot"].lease("maker", SPOT_ID)
                held = new.lease("carry", PERP_ID).long_max
                assert held + (lease.long_max if lease else 0) <= 104, order


def test_what_old_records_say_is_no_room_while_what_was_heard_passes_the_limit() -> None:
    records, floor = moved()
    new = taken_over(floor, records)
    new.books["spot"] = LeaseBook()
    new.desk.await_word(new.books)
    held = new.lease("carry", PERP_ID).long_max
    new.answer(use(new.request("perp"), "carry", long_wanted=D(0), short_wanted=D(0)))  # called back, and not heard
    new.exchange("spot")  # the last one: its old third each would be its fair share
    assert new.lease("maker").long_max + new.lease("carry").long_max + held <= 104


def test_a_supervisor_that_is_back_raises_nothing_before_the_gateways_that_live_were_heard() -> None:
    new = Floor()
    new.desk.await_word({"spot", "perp"})
    new.exchange("spot")
    new.exchange("spot")
    assert new.lease("carry").long_max == 0
    new.exchange("perp")
    new.exchange("spot")
    assert new.lease("carry").long_max > 30


def test_a_gateway_that_was_given_up_is_not_waited_for() -> None:
    new = Floor()
    new.desk.await_word({"spot", "perp"})
    new.exchange("spot")
    new.desk.gave_up("perp")
    new.exchange("spot")
    assert new.lease("carry").long_max > 30


def test_gateways_and_instruments_that_the_config_has_no_more_are_forgotten() -> None:
    records = Floor().settle().desk.records()
    floor = Floor(records={"gone": records["perp"], "spot": records["perp"]})
    assert floor.desk.records() == {"spot": GatewayRecord(serial=records["perp"].serial)}


def test_what_is_held_above_its_bound_counts() -> None:
    """A late fill of a closed order: more than was granted, and there is nothing to be done about it."""
    floor = Floor().settle()
    floor.hold("maker", "95")
    floor.settle()
    assert floor.lease("carry").long_max + floor.lease("carry", PERP_ID).long_max <= D("10")
    (gross,) = floor.desk.limit_uses()
    assert gross.used == pytest.approx(95 * 1.02)


# --- prices, limits ----------------------------------------------------------------------------------------------


def test_a_price_that_is_not_known_lets_nothing_new_be_granted() -> None:
    floor = Floor()
    floor.prices = {SPOT_ID: 1.0}
    floor.settle()
    assert floor.lease("carry", PERP_ID).long_max == 0
    assert floor.lease("carry").long_max > 0


def test_what_is_held_of_unknown_worth_lets_nobody_grow() -> None:
    floor = Floor()
    floor.prices = {SPOT_ID: 1.0}
    floor.hold("carry", "1", name=PERP_ID)
    floor.exchange("perp")
    floor.exchange("spot")
    assert floor.lease("carry").long_max == 0
    assert floor.desk.limit_uses()[0].granted == 1e15, "more than any limit, as far as anybody knows"


def test_a_lease_bounds_the_notional_at_its_mark() -> None:
    floor = Floor().settle()
    lease = floor.lease("carry")
    assert lease.notional_max == pytest.approx(lease.long_max * D("1.02"), abs=D("1e-7"))


def test_small_moves_of_the_price_change_nothing_and_large_ones_call_back() -> None:
    floor = Floor().settle()
    serial = floor.books["spot"].serial
    floor.prices = dict.fromkeys(floor.prices, 1.015)
    assert floor.settle().books["spot"].serial == serial
    floor.prices = dict.fromkeys(floor.prices, 2.0)
    floor.settle()
    assert floor.gross() <= D(104) / D("2.04")


def test_a_limit_that_is_lowered_calls_back_what_is_above_it() -> None:
    floor = Floor().settle()
    floor.hold("carry", "10")
    floor.desk.change_limits(Limits(RiskConfig(portfolio=LossLimits(gross_notional_max=D("20.4"))), floor.instruments))
    floor.settle()
    assert D(19) < floor.gross() <= D(20)
    assert floor.lease("carry").long_max >= 10


def test_a_limit_where_there_was_none_calls_back_what_was_unlimited() -> None:
    floor = Floor(None).settle(2)
    floor.desk.change_limits(Limits(GROSS, floor.instruments))
    floor.settle(6)
    assert D(90) < floor.gross() <= D(104)


def test_every_limit_is_told_with_what_is_used_and_what_is_out() -> None:
    config = RiskConfig(
        portfolio=LossLimits(net_notional_max=D(50)),
        instruments={SPOT_ID: InstrumentLimits(position_max=D(40))},
    )
    floor = Floor(config)
    floor.hold("carry", "8")
    floor.settle()
    net, position = floor.desk.limit_uses()
    assert (net.name, net.currency, net.max) == ("portfolio.net_notional_max", "USDT", 50.0)
    assert net.used == pytest.approx(8 * 1.02)
    assert net.used <= net.granted <= net.max
    assert (position.name, position.currency, position.used) == (f"instruments.{SPOT_ID}.position_max", "", 8.0)
    assert 8.0 <= position.granted <= 40.0
