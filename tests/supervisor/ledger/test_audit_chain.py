"""The audit's hash chain: whatever is changed, removed or put in is found, and where."""

import hashlib
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messages.risk import TradingState
from supervisor.ledger.audit_chain import GENESIS, AuditRow, Broken, canonical_json, chained, first_broken, row_hash


def chain(length: int) -> list[AuditRow]:
    rows: list[AuditRow] = []
    for number in range(1, length + 1):
        blank = AuditRow("desk", 0, 1_000 + number, "desk-1", "halt", "carry", f'{{"number":{number}}}', "", "")
        rows.append(chained(rows[-1] if rows else None, blank))
    return rows


def test_a_hash_is_that_of_the_hash_before_and_the_canonical_content() -> None:
    (row,) = chain(1)
    content = (
        '{"cluster":"desk","kind":"halt","number":1,"payload":"{\\"number\\":1}","run":"desk-1","subject":"carry",'
        '"ts_ns":1001}'
    )
    assert row.prev_hash == GENESIS
    assert row.hash == hashlib.sha256(f"{GENESIS}{content}".encode()).hexdigest()


def test_an_untouched_chain_is_whole() -> None:
    rows = chain(5)
    assert first_broken(rows) is None
    assert first_broken(rows, (5, rows[-1].hash)) is None
    assert first_broken([]) is None


def changed(rows: list[AuditRow]) -> list[AuditRow]:
    rows[2] = rows[2]._replace(subject="maker")
    return rows


def changed_with_its_hash(rows: list[AuditRow]) -> list[AuditRow]:
    forged = rows[2]._replace(subject="maker")
    rows[2] = forged._replace(hash=row_hash(forged))
    return rows


def removed(rows: list[AuditRow]) -> list[AuditRow]:
    return rows[:2] + rows[3:]


def swapped(rows: list[AuditRow]) -> list[AuditRow]:
    rows[2], rows[3] = rows[3], rows[2]
    return rows


@pytest.mark.parametrize(
    ("forge", "number", "text"),
    [
        (changed, 3, "row 3 was changed: its content has another hash"),
        (changed_with_its_hash, 4, "row 4 does not follow row 3: its prev_hash is another"),
        (removed, 3, "row 3 is missing: row 2 is followed by row 4"),
        (swapped, 3, "row 3 is missing: row 2 is followed by row 4"),
    ],
)
def test_the_first_broken_row_is_named(
    forge: Callable[[list[AuditRow]], list[AuditRow]], number: int, text: str
) -> None:
    assert first_broken(forge(chain(5))) == Broken(number, text)


def test_an_end_that_was_cut_off_is_seen_by_the_head() -> None:
    rows = chain(5)
    assert first_broken(rows[:3], (5, rows[-1].hash)) == Broken(4, "row 4 is missing: 5 rows were written")


def test_rows_put_in_behind_the_head_are_seen() -> None:
    rows = chain(5)
    assert first_broken(rows, (4, rows[3].hash)) == Broken(5, "row 5 is not the last one that was written")


@given(st.integers(0, 4), st.sampled_from(["ts_ns", "run", "kind", "subject", "payload", "cluster"]))
def test_no_field_of_any_row_can_be_changed_unseen(index: int, field: str) -> None:
    rows = chain(5)
    value = getattr(rows[index], field)
    rows[index] = rows[index]._replace(**{field: value + (1 if field == "ts_ns" else "x")})
    broken = first_broken(rows)
    assert broken is not None
    assert broken.number == index + 1


def test_one_value_has_one_text() -> None:
    value = {"b": Decimal("0.00000001"), "a": [TradingState.HALTED, None, True], "ü": 1}
    assert canonical_json(value) == '{"a":["halted",null,true],"b":"0.00000001","\\u00fc":1}'
    assert canonical_json(dict(reversed(value.items()))) == canonical_json(value)
