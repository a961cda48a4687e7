"""The audit's hash chain: every row carries the hash of the one before it, so that none can be changed unseen. Pure.

Whoever can write the whole table can also make the whole chain anew; keep the newest hash somewhere else to see that.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from supervisor.plain import to_plain

GENESIS: Final = "0" * 64
"""What the first row names as the hash before it."""


class AuditRow(NamedTuple):
    """:param payload: canonical JSON. :param hash: hexadecimal SHA-256, as is `prev_hash`."""

    cluster: str
    number: int
    ts_ns: int
    run: str
    kind: str
    subject: str
    payload: str
    prev_hash: str
    hash: str


class Broken(NamedTuple):
    """The first row that is not what was written."""

    number: int
    text: str


def canonical_json(value: Mapping[str, Any]) -> str:  # Any: JSON-like
    """One text for one value: sorted keys, no blanks, ASCII only, Decimals as text."""
    return json.dumps(to_plain(value), sort_keys=True, separators=(",", ":"), ensure_ascii=True, default=str)


def chained(prev: AuditRow | None, row: AuditRow) -> AuditRow:
    """The row as it follows another, with number and hashes.

    :param prev: the newest row; None where there is none.
    """
    number, prev_hash = (1, GENESIS) if prev is None else (prev.number + 1, prev.hash)
    linked = row._replace(number=number, prev_hash=prev_hash)
    return linked._replace(hash=row_hash(linked))


def row_hash(row: AuditRow) -> str:
    """SHA-256 over the hash before it and the canonical JSON of everything else in the row."""
    content = {name: value for name, value in row._asdict().items() if name not in {"prev_hash", "hash"}}
    return hashlib.sha256((row.prev_hash + canonical_json(content)).encode()).hexdigest()


def first_broken(rows: Iterable[AuditRow], head: tuple[int, str] | None = None) -> Broken | None:
    """Find the first row of a chain that was changed, removed or put in; None where the chain is whole.

    :param rows: of one cluster, by number.
    :param head: number and hash of the row that is to be the last; None: do not look.
    """
    number, prev_hash = 0, GENESIS
    for row in rows:
        if row.number != number + 1:
            return Broken(number + 1, f"row {number + 1} is missing: row {number} is followed by row {row.number}")
        number += 1
        if row.prev_hash != prev_hash:
            return Broken(number, f"row {number} does not follow row {number - 1}: its prev_hash is another")
        if row_hash(row) != row.hash:
            return Broken(number, f"row {number} was changed: its content has another hash")
        prev_hash = row.hash
    if head is not None and (number, prev_hash) != head:
        if number < head[0]:
            return Broken(number + 1, f"row {number + 1} is missing: {head[0]} rows were written")
        return Broken(number, f"row {number} is not the last one that was written")
    return None
