"""The ledger in its database: each record once, in order, to the last digit; the same in SQLite and PostgreSQL."""

from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from messages.health import Pnl
from messages.orders import (
    CloseReason,
    DenyReason,
    FundingPaid,
    OrderAmended,
    OrderDenied,
    OrderRejected,
    RejectReason,
    Side,
)
from supervisor.ledger.audit_chain import GENESIS
from supervisor.ledger.books import exact_sum
from supervisor.ledger.engine import default_url, make_engine, parse_url
from supervisor.ledger.entries import Audited, CashSampled, CommandAnswered, Extract, IncidentNoted, PnlSampled
from supervisor.ledger.errors import EntryRefused, LedgerDown, LedgerError, LedgerTooNew
from supervisor.ledger.holding import Account, Holding
from supervisor.ledger.schema import (
    audit,
    cash,
    commands,
    fills,
    fundings,
    incidents,
    orders,
    pnl,
    positions,
    runs,
)
from tests.supervisor.ledger.books_of import CLUSTER, RUN, STATE, copy, enter, only, opened, rows
from tests.support.orders import NOW_NS, PERPETUAL, SPOT, accepted, amend, cancel, closed, fill, head, submit

D = Decimal
ORDER = submit(caused_by="quote:BTCUSDT.sim:812")
WHOLE_DIGITS = D("123456789012345678.123456789012345678")
"""36 digits: a float keeps 17 of them."""


class TestOrders:
    def test_an_order_is_kept_with_what_became_of_it(self, database: str) -> None:
        ledger = opened(database)
        records = (ORDER, accepted(ORDER), fill(ORDER, "0.004"), fill(ORDER, "0.006", "t-2", price=D("49990.0")))
        applied = enter(ledger, copy(1, *records, closed(ORDER, "0.010", CloseReason.FILLED)))
        assert applied == {"sim": 5}
        assert only(rows(database, orders)) == {
            "run": RUN, "gateway": "sim", "client_order_id": "desk-carry-e1-1", "strategy": "carry",
            "instrument": SPOT.id, "side": "buy", "quantity": D("0.010"), "price": D("50000.0"), "type": "limit",
            "time_in_force": "gtc", "post_only": False, "reduce_only": False, "epoch": 1,
            "caused_by": "quote:BTCUSDT.sim:812", "venue_order_id": "v-1", "state": "filled", "reason": "filled",
            "filled": D("0.010"),
            "filled_value": D("499.94"),  # 0.004 x 50000 + 0.006 x 49990 = 200 + 299.94
            "created_ns": NOW_NS, "updated_ns": NOW_NS, "closed_ns": NOW_NS,
        }  # fmt: skip

    def test_a_denied_order_has_no_intent_and_is_kept_all_the_same(self, database: str) -> None:
        denied = OrderDenied(*head(ORDER), DenyReason.MAX_NOTIONAL, "notional=500 max=100", NOW_NS)
        enter(opened(database), copy(1, denied))
        row = only(rows(database, orders))
        assert (row["state"], row["reason"]) == ("denied", "max-notional notional=500 max=100")
        assert row["quantity"] is None

    def test_a_cancel_and_an_amendment_move_the_order(self, database: str) -> None:
        ledger = opened(database)
        wanted = amend(ORDER, quantity=D("0.020"))
        amended = OrderAmended(*head(ORDER), D("0.020"), D("50000.0"), NOW_NS)
        enter(ledger, copy(1, ORDER, accepted(ORDER), wanted))
        assert only(rows(database, orders))["quantity"] == D("0.010")  # until the venue has confirmed it
        enter(ledger, copy(4, amended, cancel(ORDER)))
        row = only(rows(database, orders))
        assert (row["quantity"], row["state"], row["closed_ns"]) == (D("0.020"), "cancelling", None)
        enter(ledger, copy(6, closed(ORDER)))
        assert only(rows(database, orders))["state"] == "cancelled"

    def test_a_rejected_order_keeps_the_venues_reason(self, database: str) -> None:
        rejected = OrderRejected(*head(ORDER), RejectReason.MIN_NOTIONAL, "below 5 USDT", NOW_NS)
        enter(opened(database), copy(1, ORDER, rejected))
        row = only(rows(database, orders))
        assert (row["state"], row["reason"]) == ("rejected", "min-notional below 5 USDT")

    def test_a_report_that_cannot_follow_leaves_the_order_as_it_is(self, database: str) -> None:
        rejected = OrderRejected(*head(ORDER), RejectReason.OTHER, "", NOW_NS)
        enter(opened(database), copy(1, ORDER, rejected, accepted(ORDER)))
        assert only(rows(database, orders))["state"] == "rejected"

    def test_a_report_without_an_intent_makes_a_row_with_what_it_tells(self, database: str) -> None:
        enter(opened(database), copy(1, fill(ORDER, "0.004")))
        row = only(rows(database, orders))
        assert (row["state"], row["filled"], row["quantity"]) == ("working", D("0.004"), None)


class TestFills:
    def test_a_position_is_the_sum_of_its_fills(self, database: str) -> None:
        ledger = opened(database)
        sale = submit(2, side=Side.SELL)
        enter(ledger, copy(1, ORDER, fill(ORDER, "0.010")), copy(3, sale, fill(sale, "0.003", "t-2")))
        row = only(rows(database, positions))
        assert (row["strategy"], row["instrument"], row["quantity"]) == ("carry", SPOT.id, D("0.007"))

    def test_a_fee_in_the_base_currency_comes_off_what_a_spot_buy_brought(self, database: str) -> None:
        enter(opened(database), copy(1, ORDER, fill(ORDER, "0.010", fee=D("0.00001"), fee_currency="BTC")))
        assert only(rows(database, positions))["quantity"] == D("0.00999")  # 0.010 - 0.00001
        assert only(rows(database, fills))["position_change"] == D("0.00999")

    def test_a_derivative_in_coin_is_not_lessened_by_a_fee_in_coin(self, database: str) -> None:
        order = submit(instrument=PERPETUAL.id, quantity=D(5))
        enter(opened(database), copy(1, order, fill(order, "5", fee=D("0.00001"), fee_currency="BTC")))
        assert only(rows(database, positions))["quantity"] == D(5)

    def test_what_the_venue_closed_by_itself_is_shared_by_strategies_under_one_trade_id(self, database: str) -> None:
        forced = [
            fill(submit(1, client_order_id="autoclose-9", strategy=owner), quantity, "t-9")
            for owner, quantity in (("carry", "0.004"), ("maker", "0.006"))
        ]
        enter(opened(database), copy(1, *forced))
        assert {(row["strategy"], row["quantity"]) for row in rows(database, positions)} == {
            ("carry", D("0.004")),
            ("maker", D("0.006")),
        }
        assert rows(database, orders) == []

    def test_a_repeated_fill_counts_once(self, database: str) -> None:
        ledger = opened(database)
        enter(ledger, copy(1, ORDER, fill(ORDER, "0.004")))
        enter(ledger, copy(3, fill(ORDER, "0.004")))
        assert only(rows(database, positions))["quantity"] == D("0.004")
        assert only(rows(database, orders))["filled"] == D("0.004")

    def test_fundings_are_kept_once(self, database: str) -> None:
        ledger = opened(database)
        paid = FundingPaid("carry", PERPETUAL.id, D("-0.00000001"), "BTC", 0.0001, D(5), "7", NOW_NS)
        enter(ledger, copy(1, paid, paid))
        row = only(rows(database, fundings))
        assert (row["amount"], row["position"], row["rate"]) == (D("-0.00000001"), D(5), 0.0001)


class TestExtract:
    """What the supervisor's risk book begins with, and goes on with."""

    def test_what_is_held_is_told_when_the_database_opens_and_with_every_batch(self, database: str) -> None:
        ledger = opened(database)
        paid = FundingPaid("carry", PERPETUAL.id, D("-0.001"), "BTC", 0.0001, D(5), "7", NOW_NS)
        enter(ledger, copy(1, ORDER, fill(ORDER, "0.004"), paid))
        extract = ledger.entered
        held = {(key.gateway, key.instrument): value for key, value in extract.held.items()}
        assert held["sim", SPOT.id].average_price(SPOT) == D(50_000)
        assert held["sim", PERPETUAL.id].account == Account(charges={"BTC": D("0.001")})
        assert len(extract.known) == 2
        again = opened(database).extract()
        assert (again.held, set(again.known)) == (extract.held, set(extract.known))
        assert enter(ledger, copy(2, fill(ORDER, "0.004"))) == {"sim": 3}
        assert ledger.entered == Extract()  # nothing has moved

    def test_a_funding_under_another_number_is_charged_once(self, database: str) -> None:
        ledger = opened(database)
        paid = FundingPaid("carry", PERPETUAL.id, D("-0.001"), "BTC", 0.0001, D(5), "7", NOW_NS)
        for first in (1, 2):
            enter(ledger, copy(first, paid))
        (held,) = ledger.extract().held.values()
        assert held.account == Account(charges={"BTC": D("0.001")})

    def test_a_position_of_the_first_schema_has_no_account(self, database: str) -> None:
        enter(opened(database), copy(1, ORDER, fill(ORDER, "0.004")))
        execute(database, "UPDATE positions SET account = NULL")
        ledger = opened(database)
        enter(ledger, copy(3, fill(ORDER, "0.001", "t-2")))
        (held,) = ledger.extract().held.values()
        assert held == Holding(D("0.005"), None)

    def test_a_database_that_is_away_is_down(self, database: str) -> None:
        ledger = opened(database)
        execute(database, "ALTER TABLE positions RENAME TO gone")
        with pytest.raises(LedgerDown):
            ledger.extract()


class TestExactness:
    def test_no_digit_of_an_amount_is_lost(self, database: str) -> None:
        order = submit(price=WHOLE_DIGITS, quantity=WHOLE_DIGITS)
        enter(opened(database), copy(1, order, fill(order, str(WHOLE_DIGITS))))
        row = only(rows(database, orders))
        assert (row["price"], row["quantity"], row["filled"]) == (WHOLE_DIGITS,) * 3
        digits = int(str(WHOLE_DIGITS).replace(".", ""))  # 18 of the 36 are places, so 36 of its square are
        assert row["filled_value"] == D(f"{digits * digits}E-36")
        assert only(rows(database, positions))["quantity"] == WHOLE_DIGITS

    def test_a_thousand_tenths_are_a_hundred(self, database: str) -> None:
        ledger = opened(database)
        enter(ledger, copy(1, *(fill(ORDER, "0.1", f"t-{number}") for number in range(1_000))))
        assert only(rows(database, positions))["quantity"] == D("100.0")
        assert exact_sum(row["quantity"] for row in rows(database, fills)) == D(100)

    def test_text_that_a_database_cannot_hold_is_made_fit(self, database: str) -> None:
        denied = OrderDenied(*head(ORDER), DenyReason.LINK_DOWN, "link\0down", NOW_NS)
        enter(opened(database), copy(1, denied), Audited("halt\0", "", {"reason": "a\0b"}))
        assert only(rows(database, orders))["reason"] == "link-down link�down"


class TestOnce:
    def test_a_copy_that_comes_again_changes_nothing(self, database: str) -> None:
        ledger = opened(database)
        whole = copy(1, ORDER, accepted(ORDER), fill(ORDER, "0.004"))
        assert enter(ledger, whole) == enter(ledger, whole, whole) == {"sim": 3}
        assert only(rows(database, positions))["quantity"] == D("0.004")

    def test_of_a_copy_that_is_known_in_part_the_rest_is_entered(self, database: str) -> None:
        ledger = opened(database)
        enter(ledger, copy(1, ORDER, accepted(ORDER)))
        assert enter(ledger, copy(2, accepted(ORDER), fill(ORDER, "0.004"))) == {"sim": 3}
        assert only(rows(database, fills))["quantity"] == D("0.004")

    def test_behind_a_gap_nothing_is_entered(self, database: str) -> None:
        ledger = opened(database)
        assert enter(ledger, copy(2, accepted(ORDER))) == {"sim": 0}
        assert rows(database, orders) == []

    def test_gateways_are_numbered_each_for_itself(self, database: str) -> None:
        ledger = opened(database)
        assert enter(ledger, copy(1, ORDER), copy(1, ORDER, accepted(ORDER), gateway="other")) == {"sim": 1, "other": 2}

    def test_what_was_committed_is_known_after_a_restart(self, database: str) -> None:
        enter(opened(database), copy(1, ORDER, fill(ORDER, "0.004")))
        ledger = opened(database)
        assert ledger.begin(NOW_NS) == {"sim": 2}
        enter(ledger, copy(1, ORDER, fill(ORDER, "0.004"), fill(ORDER, "0.006", "t-2")))
        assert only(rows(database, positions))["quantity"] == D("0.010")

    def test_a_new_run_begins_flat_and_at_the_first_record(self, database: str) -> None:
        enter(opened(database), copy(1, ORDER, fill(ORDER, "0.004")))
        enter(opened(database, "desk-2"), copy(1, ORDER, fill(ORDER, "0.009")))
        held = {row["run"]: row["quantity"] for row in rows(database, positions)}
        assert held == {RUN: D("0.004"), "desk-2": D("0.009")}
        assert [row["run"] for row in rows(database, runs)] == [RUN, "desk-2"]


@pytest.mark.parametrize("kind", ["sqlite"])
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32))
def test_batches_in_any_cut_order_and_repetition_make_the_same_books(
    seed: int, kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """A sender that resends at random, frames that overtake each other, and a process that dies between commits."""
    random = Random(seed)
    url = f"{kind}:///{tmp_path_factory.mktemp('ledger')}/ledger.db"
    records = story(12)
    ledger, known = opened(url), 0
    for _ in range(2_000):
        first = max(1, known + 1 - random.randrange(12))
        frames = []
        for _ in range(random.randrange(1, 4)):
            size = random.randrange(1, 9)
            frames.append(copy(first, *records[first - 1 : first - 1 + size] or records[-1:]))
            first = min(len(records), first + size)
        random.shuffle(frames)
        known = enter(ledger, *frames)["sim"]
        if random.random() < 0.2:
            ledger.close()
            ledger = opened(url)
        if known == len(records):
            break
    assert known == len(records)
    assert only(rows(url, positions))["quantity"] == D("0.060")  # 12 orders x 0.005
    assert len(rows(url, fills)) == 24
    assert {row["state"] for row in rows(url, orders)} == {"cancelled"}


def story(count: int) -> list[Any]:
    """So many buys, each accepted, filled in two parts of 0.002 and 0.003, and cancelled."""
    records: list[Any] = []
    for number in range(1, count + 1):
        order = submit(number)
        parts = (fill(order, "0.002", f"t-{number}a"), fill(order, "0.003", f"t-{number}b"))
        records += [order, accepted(order), *parts, cancel(order), closed(order, "0.005")]
    return records


class TestOtherEntries:
    def test_profit_and_cash_are_kept_over_time(self, database: str) -> None:
        ledger = opened(database)
        earned = Pnl(D("1.10"), D("-0.2"), D("0.3"), D("0.05"), "USDT")
        enter(ledger, PnlSampled("carry", (earned,)), CashSampled("sim", {"USDT": D("99.70"), "BTC": D(1)}))
        enter(ledger, PnlSampled("carry", (earned,)), CashSampled("sim", {"USDT": D("99.60")}), ts_ns=NOW_NS + 1)
        assert [row["realised"] for row in rows(database, pnl)] == [D("1.10")] * 2
        assert sorted((row["ts_ns"], row["currency"], row["balance"]) for row in rows(database, cash)) == [
            (NOW_NS, "BTC", D(1)), (NOW_NS, "USDT", D("99.70")), (NOW_NS + 1, "USDT", D("99.60")),
        ]  # fmt: skip

    def test_a_later_answer_takes_the_place_of_an_earlier_one(self, database: str) -> None:
        ledger = opened(database)
        enter(ledger, CommandAnswered("c-1", "StopRequest", {"is_forced": False}, "ConfirmationNeeded", "sure?"))
        enter(ledger, CommandAnswered("c-1", "StopRequest", {"is_forced": False}, "CommandAccepted", "stopping"))
        row = only(rows(database, commands))
        assert (row["outcome"], row["text"], row["payload"]) == ("CommandAccepted", "stopping", '{"is_forced":false}')

    def test_incidents_are_kept_in_their_order(self, database: str) -> None:
        ledger = opened(database)
        enter(ledger, IncidentNoted("carry", "FAULTED", {"pid": 7}), IncidentNoted("", "halted", {}))
        assert [(row["process"], row["text"]) for row in rows(database, incidents)] == [
            ("carry", "FAULTED"),
            ("", "halted"),
        ]

    def test_the_audit_is_one_chain_over_batches_and_runs(self, database: str) -> None:
        enter(opened(database), Audited("halt", "", {"loss": D("1.10")}), Audited("unhalt", "", {}))
        enter(opened(database, "desk-2"), Audited("set-limit", "portfolio", {"to": 5}))
        found = rows(database, audit)
        assert [row["number"] for row in found] == [1, 2, 3]
        assert [row["prev_hash"] for row in found] == [GENESIS, found[0]["hash"], found[1]["hash"]]
        assert found[0]["payload"] == '{"loss":"1.10"}'

    def test_each_cluster_has_a_chain_of_its_own(self, database: str) -> None:
        enter(opened(database), Audited("halt", "", {}))
        enter(opened(database, "other-1", "other"), Audited("halt", "", {}))
        assert [(row["cluster"], row["number"]) for row in rows(database, audit)] == [(CLUSTER, 1), ("other", 1)]


class TestTrouble:
    def test_a_batch_is_entered_whole_or_not_at_all(self, database: str) -> None:
        ledger = opened(database)
        impossible = CashSampled("sim", {"USDT": None})  # type: ignore[dict-item]  # the table takes no null
        with pytest.raises(EntryRefused):
            enter(ledger, copy(1, ORDER), impossible)
        assert rows(database, orders) == []
        assert enter(ledger, copy(1, ORDER)) == {"sim": 1}

    def test_a_record_that_cannot_be_entered_is_noted_and_passed_over(self, database: str) -> None:
        ledger = opened(database)
        assert ledger.pass_over(copy(1, ORDER), "no idea", NOW_NS) == {"sim": 1}
        row = only(rows(database, incidents))
        assert (row["process"], row["text"]) == ("sim", "records 1 to 1 of sim cannot be entered: no idea")
        assert "desk-carry-e1-1" in row["details"]
        assert enter(ledger, copy(2, accepted(ORDER))) == {"sim": 2}

    def test_a_database_without_its_tables_takes_nothing_and_loses_nothing(self, database: str) -> None:
        ledger = opened(database)
        execute(database, "ALTER TABLE orders RENAME TO gone")
        with pytest.raises(LedgerDown):
            enter(ledger, copy(1, ORDER))
        execute(database, "ALTER TABLE gone RENAME TO orders")
        assert enter(ledger, copy(1, ORDER)) == {"sim": 1}

    def test_a_database_that_was_emptied_is_made_anew_and_filled_again(self, database: str) -> None:
        ledger = opened(database)
        enter(ledger, copy(1, ORDER))
        execute(database, "DELETE FROM cursors", "DELETE FROM orders", "DELETE FROM runs")
        with pytest.raises(LedgerDown):
            enter(ledger, copy(2, accepted(ORDER)))
        assert ledger.begin(NOW_NS) == {}
        assert enter(ledger, copy(1, ORDER, accepted(ORDER))) == {"sim": 2}

    def test_a_value_of_another_type_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(EntryRefused):
            enter(opened(default_url(tmp_path)), CashSampled("sim", {"USDT": "5"}))  # type: ignore[dict-item]  # text

    def test_passing_over_waits_for_the_database_too(self, database: str) -> None:
        ledger = opened(database)
        execute(database, "ALTER TABLE incidents RENAME TO gone")
        with pytest.raises(LedgerDown):
            ledger.pass_over(copy(1, ORDER), "no idea", NOW_NS)

    def test_a_newer_schema_is_refused(self, database: str) -> None:
        opened(database)
        execute(database, "UPDATE meta SET value = '99' WHERE key = 'schema_version'")
        with pytest.raises(LedgerTooNew, match="has schema version 99, this version of the project knows 2; upgrade"):
            opened(database)

    def test_a_second_writer_of_the_same_run_enters_nothing_twice(self, database: str) -> None:
        first, second = opened(database), opened(database)
        enter(first, copy(1, ORDER, fill(ORDER, "0.004")), Audited("halt", "", {}))
        enter(second, copy(1, ORDER, fill(ORDER, "0.004")), Audited("unhalt", "", {}))
        assert only(rows(database, positions))["quantity"] == D("0.004")
        assert [row["number"] for row in rows(database, audit)] == [1, 2]

    def test_every_fault_is_a_fault_of_the_ledger(self) -> None:
        assert all(issubclass(kind, LedgerError) for kind in (EntryRefused, LedgerDown, LedgerTooNew))


def execute(url: str, *statements: str) -> None:
    engine = make_engine(parse_url(url, STATE), is_writer=True)
    with engine.begin() as connection:
        for statement in statements:
            connection.execute(text(statement))
    engine.dispose()
