"""What two makings of a gateway's books differ in: those of a snapshot and what came after it, and those of everything
that was ever journaled.

A snapshot is of the books of a living gateway, which may know more than its journal: which reports are acknowledged by
now, that an amendment did not leave or what the venue has said of it, what the venue did to nobody's position. In these
the snapshot may be ahead, and in nothing else.
"""

from typing import Any, NamedTuple

import msgspec

from gateways.gate.order_gate import OrderGate
from gateways.gate.order_records import OrderRecords
from gateways.intent_log import IntentLog


class Made(NamedTuple):
    """One making of the books, and what was made beside them."""

    log: IntentLog
    gate: OrderGate
    records: OrderRecords


def differences(snapshot: Made, whole: Made, *, is_disk_sound: bool = True) -> list[str]:
    """:param is_disk_sound: all that was done was journaled; else fences and states may be known to the living only."""
    ours, theirs = _plain(snapshot), _plain(whole)
    found = [f"{name}: {ours[name]} and not {theirs[name]}" for name in ours if ours[name] != theirs[name]]
    found += _ahead(snapshot, whole)
    if is_disk_sound:
        found += _same("fences", dict(snapshot.gate.epochs), dict(whole.gate.epochs))
        found += _same("states", sorted(snapshot.gate.states.state()), sorted(whole.gate.states.state()))
    return found + _risk(snapshot.records, whole.records)


def _plain(made: Made) -> dict[str, Any]:
    records = made.records
    return {
        "orders": {name: msgspec.to_builtins(order) for name, order in _sorted_trades(records).items()},
        "open": [order.request.client_order_id for order in records.open_orders()],
        "closed": list(records.closed.ids),
        "cancels asked": records.cancels_asked,
        "positions": list(records._positions.items()),
        "last numbers": {name: seq for name, seq in records._last_seq.items() if seq},
        "executions": sorted(records.executions.state()),
        "fundings": records.fundings,
        "recorded": made.log.recorded,
        "segments": made.log.segment_starts,
        "bases": made.log.bases,
        "noted acknowledgements": made.log._acknowledged,
        "untraded": records.untraded(),
    }


def _sorted_trades(records: OrderRecords) -> dict[str, Any]:
    return {
        name: (order.request, order.state, order.filled_quantity, order.venue_order_id, sorted(order.trade_ids))
        for name, order in records.orders.items()
    }


def _ahead(snapshot: Made, whole: Made) -> list[str]:
    """What the living may know beyond their journal must hold all that is in the journal."""
    found = []
    for strategy in whole.records._reports.keys() | snapshot.records._reports.keys():
        kept, everything = snapshot.records.reports_from(strategy, 0), whole.records.reports_from(strategy, 0)
        if kept != everything[len(everything) - len(kept) :]:
            found.append(f"reports of {strategy}: {kept} and not the last of {everything}")
    if not snapshot.records._forced.keys() >= whole.records._forced.keys():
        found.append(f"forced: {snapshot.records._forced} lacks of {whole.records._forced}")
    if snapshot.records.forced_fills < whole.records.forced_fills:
        found.append(f"{snapshot.records.forced_fills} things are known of {whole.records.forced_fills}")
    if snapshot.log.last_flatten < whole.log.last_flatten:
        found.append(f"the last flatten is {snapshot.log.last_flatten} and not {whole.log.last_flatten}")
    if any(snapshot.gate.epoch(name) < epoch for name, epoch in whole.gate.epochs.items()):
        found.append(f"fences: {snapshot.gate.epochs} and not {whole.gate.epochs}")
    return found


def _risk(ours: OrderRecords, theirs: OrderRecords) -> list[str]:
    amended = ours._risk._amending.keys() | theirs._risk._amending.keys()
    counted = [
        {name: size for name, size in records._risk._counted.items() if name not in amended}
        for records in (ours, theirs)
    ]
    found = _same("counted", *counted)
    if not amended:
        found += _same("exposures", ours.exposures(), theirs.exposures())
        found += _same("open counts", *({k: v for k, v in r._risk.open_counts.items() if v} for r in (ours, theirs)))
        found += _same("crossings", _crossings(ours), _crossings(theirs))
    return found


def _crossings(records: OrderRecords) -> dict[str, Any]:
    books = records.crossings._books
    ladders = ("resting_buys", "taking_buys", "resting_sells", "taking_sells")
    return {
        f"{name} {ladder}": ranks for name, book in books.items() for ladder in ladders
        if (ranks := getattr(book, ladder)._ranks)
    }  # fmt: skip


def _same(name: str, ours: Any, theirs: Any) -> list[str]:
    return [] if ours == theirs else [f"{name}: {ours} and not {theirs}"]
